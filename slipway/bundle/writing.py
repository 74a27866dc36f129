"""Plain values as YAML that every reader understands alike.

Readers of YAML disagree about some unquoted texts (`on`, `0o17`, `1e3`), so a text is left unquoted only in a form that
no reader takes for anything else.
"""

import re
from typing import Any, Final

import yaml

_PLAIN: Final = re.compile(r"[A-Za-z/_](?:[A-Za-z0-9._/@+-]|:(?=[A-Za-z0-9./@-]))*(?: [A-Za-z0-9._/@+-]+)*")
_TAKEN_FOR_OTHERS: Final = frozenset({"null", "true", "false", "yes", "no", "on", "off", "y", "n"})
_LITERAL: Final = re.compile(r"(?:[\x21-\x7e][\x20-\x7e]*)?(?:\n(?:[\x20-\x7e]*[\x21-\x7e])?)+")


class _Writer(yaml.SafeDumper):
    """Writes no anchors: a value that occurs twice is written twice."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - the signature is PyYAML's
        return True


def _text(writer: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    if _PLAIN.fullmatch(text) and text.casefold() not in _TAKEN_FOR_OTHERS:
        style = None
    elif _LITERAL.fullmatch(text) and not text.startswith("\n"):
        style = "|"
    else:
        style = '"'
    return writer.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Writer.add_representer(str, _text)


def write_documents(documents: list[Any]) -> bytes:
    """The documents as one file, in ASCII. Equal values give equal bytes."""
    return yaml.dump_all(
        documents,
        Dumper=_Writer,
        default_flow_style=False,
        sort_keys=False,
        explicit_start=len(documents) > 1,
        width=2**20,
        allow_unicode=False,
    ).encode("ascii")

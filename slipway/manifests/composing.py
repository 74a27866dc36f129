"""From YAML text to PyYAML's tree of nodes, within limits.

Only PyYAML's parser and composer are used, not its resolver and constructor: `scalars.py` decides what an unquoted
scalar means. The parser is libyaml's if PyYAML has it (five times as fast, and reading is part of a cold start).
"""

from typing import Any

import yaml
from yaml.composer import Composer
from yaml.nodes import MappingNode, Node, ScalarNode

from .problems import ConfigError, Problem

MAX_DEPTH = 40
MAX_DOCUMENTS = 200

TAG = "tag:yaml.org,2002:"
PLAIN = "plain"
"""The tag of an unquoted scalar, whose type is not resolved yet."""


def compose(text: str, *, name: str) -> list[Node]:
    """The documents of the text. Raises ConfigError, with `name` for the file, if it is not YAML or exceeds a limit."""
    roots: list[Node] = []
    try:
        reader = _Reader(text)
        while reader.check_node():
            if len(roots) == MAX_DOCUMENTS:
                raise ConfigError([Problem(file=name, expected=f"at most {MAX_DOCUMENTS} documents", got="more")])
            root = reader.get_node()
            roots.extend([root] if root else [])
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        reason = ", ".join(part for part in (error.context, error.problem) if part)
        if "".join(text.split("\n")[line - 1 : line])[column - 1 : column] == "\t":
            reason = "a tab; indent with spaces"
        raise ConfigError([Problem(file=name, line=line, column=column, message=f"not valid YAML: {reason}")]) from None
    except yaml.YAMLError as error:
        reason = str(error).splitlines()[0]
        raise ConfigError([Problem(file=name, message=f"not valid YAML: {reason}")]) from None
    return roots


class _Resolver:
    """Marks unquoted scalars instead of resolving their type, which `scalars.plain` does."""

    def resolve(self, kind: type[Node], value: Any, implicit: Any) -> str:  # noqa: ARG002 - the signature is PyYAML's
        if kind is ScalarNode:
            return PLAIN if implicit[0] else TAG + "str"
        return TAG + ("map" if kind is MappingNode else "seq")

    def descend_resolver(self, *_: Any) -> None: ...

    def ascend_resolver(self) -> None: ...


class _LimitedComposer(_Resolver, Composer):
    """Refuses deep nesting while composing, before it can exhaust the stack."""

    _depth = 0

    def compose_node(self, parent: Node | None, index: Any) -> Node | None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            mark = self.peek_event().start_mark  # type: ignore[attr-defined]  # from the parser mixed in below
            raise yaml.composer.ComposerError(None, None, f"expected at most {MAX_DEPTH} levels of nesting", mark)
        try:
            return super().compose_node(parent, index)
        finally:
            self._depth -= 1


if yaml.__with_libyaml__:
    from yaml.cyaml import CParser  # type: ignore[attr-defined]  # what the stubs leave out

    class _Reader(_LimitedComposer, CParser):
        def __init__(self, text: str) -> None:
            CParser.__init__(self, text)
            Composer.__init__(self)

else:  # pragma: no cover - every wheel of PyYAML has libyaml; a build from source may not
    from yaml.parser import Parser
    from yaml.reader import Reader
    from yaml.scanner import Scanner

    class _Reader(_LimitedComposer, Reader, Scanner, Parser):  # type: ignore[no-redef]
        def __init__(self, text: str) -> None:
            Reader.__init__(self, text)
            Scanner.__init__(self)
            Parser.__init__(self)
            Composer.__init__(self)

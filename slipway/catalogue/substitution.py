"""`${NAME}` in manifests: replaced in parsed text, never in the file, so that a value cannot add structure.

- Only upper-case names count, and each must be known: a typing error is a problem with a line, not an empty text.
- If an unquoted `${NAME}` is the whole scalar and the value comes from the environment's substitutions, a value that is
  a whole number, true or false takes that type (`replicas: ${REPLICAS}`). In quotes it stays text, and so does
  everything that Slipway provides itself (a tag 20261123 is a name, not a number).
- `$${NAME}` stands for the text `${NAME}`, for scripts in a ConfigMap.
"""

import re
from collections.abc import Mapping
from typing import Any

from ..manifests.documents import MAX_CHARACTERS, Document
from ..manifests.problems import ConfigError, Findings, Steps, nearest

_NAME = re.compile(r"(\$?)\$\{([A-Z][A-Z0-9_]{0,63})\}")
_WHOLE_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,17})")
_BOOLEANS = {"true": True, "false": False}


def substitute(document: Document, findings: Findings, *, built_ins: Mapping[str, str], own: Mapping[str, str]) -> Any:
    """A copy of the document's value with all known names replaced; the others are added to the findings.

    Raises ConfigError if there is too much text to go on.
    """
    work = _Substitution(document, findings, {**own, **built_ins}, frozenset(own.keys() - built_ins.keys()))
    return work.replaced_in(document.value, ())


class _Substitution:
    def __init__(
        self, document: Document, findings: Findings, values: Mapping[str, str], typed: frozenset[str]
    ) -> None:
        self._document = document
        self._values = values
        self._typed = typed
        self._characters = 0
        self._findings = findings

    def replaced_in(self, value: Any, steps: Steps) -> Any:
        match value:
            case dict():
                return {self._key(key, steps): self.replaced_in(item, (*steps, key)) for key, item in value.items()}
            case list():
                return [self.replaced_in(item, (*steps, index)) for index, item in enumerate(value)]
            case str():
                return self._text(value, steps)
            case _:
                return value

    def _key(self, key: str, steps: Steps) -> str:
        if any(not escape for escape, _ in _NAME.findall(key)):
            problem = self._document.problem((*steps, key), "names are replaced in values only, not in keys")
            self._findings.add(problem)
        return key

    def _text(self, text: str, steps: Steps) -> Any:
        if "${" not in text:
            return text
        if steps in self._document.open_names and (name := text[2:-1]) in self._typed:
            return _typed_value(self._values[name])
        replaced = _NAME.sub(lambda match: self._replacement(match, steps), text)
        self._characters += len(replaced)
        if self._characters > MAX_CHARACTERS:
            limit = f"at most {MAX_CHARACTERS // 1024} KiB of text once names are replaced"
            raise ConfigError([self._document.problem(steps, expected=limit, got="more")])
        return replaced

    def _replacement(self, match: re.Match[str], steps: Steps) -> str:
        escape, name = match[1], match[2]
        if escape:
            return match[0][1:]
        if name not in self._values:
            advice = f"{nearest(name, self._values)}; write $${{{name}}} for the text itself"
            self._findings.add(self._document.problem(steps, advice, expected="a known name", got=f"${{{name}}}"))
            return match[0]
        return self._values[name]


def _typed_value(value: str) -> str | int | bool:
    if value in _BOOLEANS:
        return _BOOLEANS[value]
    return int(value) if _WHOLE_NUMBER.fullmatch(value) else value

"""The part of Azure Pipelines' expressions that our templates use, evaluated: `${{ … }}`, `$[ … ]` and conditions.

Comparison is the service's: text without regard to case, and by the type of the left side. What is not known here is
an error, so that a template cannot use more than the tests understand.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

WHOLE = re.compile(r"^\$\{\{(.*)\}\}$", re.DOTALL)
PART = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)
_TOKEN = re.compile(r"\s*(?:(?P<text>'(?:[^']|'')*')|(?P<number>-?\d+)|(?P<name>[A-Za-z_]\w*)|(?P<sign>[()\[\].,*]))")


class ExpressionError(Exception):
    """An expression that cannot be read, or that names what does not exist."""


@dataclass(frozen=True)
class Scope:
    """The names and functions such as `succeeded` that an expression can see. A name that is known only while the
    pipeline runs is null if it does not exist (`lenient`); in a template it is an error."""

    values: Mapping[str, Any]
    lenient: bool = False

    def with_item(self, name: str, item: Any) -> "Scope":
        return Scope({**self.values, name: item}, self.lenient)


def evaluate(expression: str, scope: Scope) -> Any:
    """The value of the expression, with its type."""
    parser = _Parser(expression, scope)
    value = parser.value()
    parser.end()
    return value


def fill_in(text: str, scope: Scope) -> Any:
    """A scalar with its expressions evaluated; one that is nothing but an expression keeps its value's type."""
    if (match := WHOLE.match(text)) and "${{" not in match[1]:
        return evaluate(match[1], scope)
    return PART.sub(lambda part: as_text(evaluate(part[1], scope)), text)


def as_text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, str | int):
        return str(value)
    raise ExpressionError(f"expected text, a number or a boolean, got {type(value).__name__}")


def truth(value: Any) -> bool:
    return value.casefold() == "true" if isinstance(value, str) else bool(value)


def _equal(left: Any, right: Any) -> bool:
    if isinstance(left, bool):
        return left == truth(right)
    if isinstance(left, str):
        return left.casefold() == as_text(right).casefold()
    return bool(left == right)


def _join(separator: str, items: Any) -> str:
    if not isinstance(items, list):
        raise ExpressionError(f"join: expected a list, got {type(items).__name__}")
    return separator.join(map(as_text, items))


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "eq": _equal,
    "ne": lambda left, right: not _equal(left, right),
    "gt": lambda left, right: left > right,
    "and": lambda *items: all(map(truth, items)),
    "or": lambda *items: any(map(truth, items)),
    "not": lambda item: not truth(item),
    "length": len,
    "join": _join,
    "upper": lambda text: as_text(text).upper(),
    "convertToJson": lambda value: json.dumps(value, indent=2),
}


class _Parser:
    def __init__(self, expression: str, scope: Scope) -> None:
        self.expression, self.scope, self.at = expression.rstrip(), scope, 0

    def value(self) -> Any:
        kind, token = self._next()
        if kind == "text":
            return token[1:-1].replace("''", "'")
        if kind == "number":
            return int(token)
        if kind != "name":
            raise ExpressionError(f"{self.expression!r}: expected a value, got {token!r}")
        if token in ("true", "false"):
            return token == "true"
        if self._take("("):
            return self._call(token)
        return self._properties(token)

    def end(self) -> None:
        if self.at != len(self.expression):
            raise ExpressionError(f"{self.expression!r}: cannot be read from character {self.at}")

    def _call(self, name: str) -> Any:
        function = self.scope.values.get(name) or _FUNCTIONS.get(name)
        if function is None:
            raise ExpressionError(f"{self.expression!r}: no function is called {name}")
        arguments: list[Any] = []
        while not self._take(")"):
            if arguments:
                self._expect(",")
            arguments.append(self.value())
        return function(*arguments)

    def _properties(self, root: str) -> Any:
        if root not in self.scope.values:
            raise ExpressionError(f"{self.expression!r}: there is no {root} here")
        value = self.scope.values[root]
        while True:
            if self._take("["):
                value = self._property(value, self.value())
                self._expect("]")
            elif self._take("."):
                value = _Each(value) if self._take("*") else self._property(value, self._next()[1])
            else:
                return list(value) if isinstance(value, _Each) else value

    def _property(self, value: Any, name: str) -> Any:
        if isinstance(value, _Each):
            return _Each(self._property(item, name) for item in value)
        if isinstance(value, Mapping) and name in value:
            return value[name]
        if self.scope.lenient:
            return None
        raise ExpressionError(f"{self.expression!r}: there is no {name}")

    def _expect(self, sign: str) -> None:
        if not self._take(sign):
            raise ExpressionError(f"{self.expression!r}: expected {sign!r} at character {self.at}")

    def _next(self) -> tuple[str, str]:
        match = _TOKEN.match(self.expression, self.at)
        if not match or not match.lastgroup:
            raise ExpressionError(f"{self.expression!r}: cannot be read from character {self.at}")
        self.at = match.end()
        return match.lastgroup, match[match.lastgroup]

    def _take(self, sign: str) -> bool:
        match = _TOKEN.match(self.expression, self.at)
        if match and match["sign"] == sign:
            self.at = match.end()
            return True
        return False


class _Each(list[Any]):
    """Every item of a list, after `.*`: the property that follows is taken of each."""

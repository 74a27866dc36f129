"""A definition of a Logic App: its shape checked, and its expressions evaluated, as far as ours goes.

The language is Microsoft's workflow definition language: text that begins with `@` is an expression as a whole, `@{…}`
puts one into text, `@@` is a plain @. Only the functions that our flow uses are known; any other is a mistake.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import quote

TRIGGER_FIELDS = {"type", "kind", "conditions", "inputs", "runtimeConfiguration"}
FIELDS = {
    "ApiConnectionWebhook": {"type", "runAfter", "limit", "runtimeConfiguration", "inputs"},
    "Http": {"type", "runAfter", "runtimeConfiguration", "inputs"},
    "Terminate": {"type", "runAfter", "inputs"},
}
"""What an action of each type may have, of the types that we use."""
INPUTS = {
    "ApiConnectionWebhook": ({"host", "path", "body"}, set()),
    "Http": ({"method", "uri"}, {"headers", "authentication", "retryPolicy", "body"}),
    "Terminate": ({"runStatus"}, {"runError"}),
}
"""The inputs that each needs, and those that are optional."""
STATUSES = {"Succeeded", "Failed", "Skipped", "TimedOut"}
TOP = {"$schema", "contentVersion", "parameters", "triggers", "actions", "outputs"}
TOKEN = re.compile(r"\s*(?:(?P<text>'(?:[^']|'')*')|(?P<number>-?\d+)|(?P<name>[A-Za-z]\w*)|(?P<sign>\?|[(),\[\]]))")


class Wrong(Exception):  # noqa: N818
    """The definition is not one that we understand."""


def check(definition: Mapping[str, Any]) -> None:
    """Raises `DocumentProblem`, which names the fault and its place."""
    _only(definition, TOP, "definition")
    for name, trigger in definition["triggers"].items():
        _only(trigger, TRIGGER_FIELDS, name)
    actions = definition["actions"]
    for name, action in actions.items():
        if action["type"] not in FIELDS:
            raise Wrong(f"{name}: the type {action['type']} is not known here")
        _only(action, FIELDS[action["type"]], name)
        needed, besides = INPUTS[action["type"]]
        _only(action["inputs"], needed | besides, f"{name}.inputs")
        if missing := needed - set(action["inputs"]):
            raise Wrong(f"{name}.inputs: {', '.join(sorted(missing))} is missing")
        for other, statuses in action["runAfter"].items():
            if other not in actions or not set(statuses) <= STATUSES:
                raise Wrong(f"{name}.runAfter: {other} {statuses}")
    for name in actions:
        for expression in expressions(actions[name]):
            _check_expression(expression, name, definition)
    for expression in expressions(definition["triggers"]):
        _check_expression(expression, None, definition)


def _only(found: Mapping[str, Any], known: set[str], where: str) -> None:
    if unknown := set(found) - known:
        raise Wrong(f"{where}: {', '.join(sorted(unknown))} is not known there")


def before(definition: Mapping[str, Any], name: str) -> set[str]:
    """Every action that has ended when this one begins. Raises `DocumentProblem` if they go round in circles."""
    found: set[str] = set()
    left = list(definition["actions"][name]["runAfter"])
    while left:
        other = left.pop()
        if other == name:
            raise Wrong(f"{name} runs after itself")
        if other not in found:
            found.add(other)
            left += definition["actions"][other]["runAfter"]
    return found


def expressions(value: Any) -> Iterator[str]:
    """Every expression in a part of the definition, without its @."""
    if isinstance(value, Mapping):
        for inner in value.values():
            yield from expressions(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from expressions(inner)
    elif isinstance(value, str):
        yield from (part for part, is_expression in _parts(value) if is_expression)


def _parts(text: str) -> list[tuple[str, bool]]:
    if text.startswith("@@"):
        return [(text[1:], False)]
    if text.startswith("@") and not text.startswith("@{"):
        return [(text[1:], True)]
    parts, rest = [], text
    while "@{" in rest:
        plain, _, rest = rest.partition("@{")
        inside, close, rest = rest.partition("}")
        if not close:
            raise Wrong(f"{text}: }} is missing")
        parts += [(plain, False), (inside, True)]
    return [*parts, (rest, False)]


def _check_expression(expression: str, at: str | None, definition: Mapping[str, Any]) -> None:
    for call in _calls(_parse(expression)):
        name, arguments = call
        if name == "body" and (at is None or arguments[0] not in before(definition, at)):
            raise Wrong(f"{at}: {expression}: {arguments[0]} has not run before")
        if name == "parameters" and arguments[0] not in definition["parameters"]:
            raise Wrong(f"{at}: {expression}: there is no parameter {arguments[0]}")


class Run:
    """What an expression can see: what started the run, its parameters, and the outputs of actions so far."""

    def __init__(self, *, trigger: Any, parameters: Mapping[str, Any], name: str = "run-1") -> None:
        self.bodies: dict[str, Any] = {}
        self._functions: dict[str, Callable[..., Any]] = {
            "triggerBody": lambda: trigger,
            "body": lambda action: self.bodies[action],
            "parameters": lambda parameter: parameters[parameter],
            "workflow": lambda: {"run": {"name": name}},
            "listCallbackUrl": lambda: "https://callback.example/",
            "string": lambda value: value if isinstance(value, str) else json.dumps(value),
            "coalesce": lambda *values: next((value for value in values if value is not None), None),
            "empty": lambda value: value in (None, "", [], {}),
            "not": lambda value: not value,
            "and": lambda *values: all(values),
            "if": lambda condition, yes, no: yes if condition else no,
            "encodeURIComponent": lambda text: quote(text, safe="!'()*-._~"),
        }
        self.known = frozenset(self._functions)

    def fill(self, value: Any) -> Any:
        """A part of the definition with its expressions evaluated."""
        if isinstance(value, Mapping):
            return {name: self.fill(inner) for name, inner in value.items()}
        if isinstance(value, list):
            return [self.fill(inner) for inner in value]
        if not isinstance(value, str):
            return value
        parts = _parts(value)
        if len(parts) == 1 and parts[0][1]:
            return self.evaluate(parts[0][0])
        return "".join(self._as_text(self.evaluate(part)) if is_one else part for part, is_one in parts)

    def evaluate(self, expression: str) -> Any:
        return self._value(_parse(expression))

    def _as_text(self, value: Any) -> str:
        return "" if value is None else self._functions["string"](value)

    def _value(self, node: Any) -> Any:
        kind, *inner = node
        if kind == "literal":
            return inner[0]
        if kind == "call":
            return self._functions[inner[0]](*(self._value(argument) for argument in inner[1]))
        of, key, forgiving = self._value(inner[0]), self._value(inner[1]), inner[2]
        if of is None and not forgiving:
            raise Wrong(f"there is no {key} in nothing")
        return of.get(key) if forgiving and isinstance(of, Mapping) else None if of is None else of[key]


def _parse(expression: str) -> Any:
    tokens = _Tokens(expression)
    node = _node(tokens)
    if tokens.left:
        raise Wrong(f"{expression}: {tokens.left[0][1]} was not expected")
    return node


class _Tokens:
    def __init__(self, expression: str) -> None:
        self.expression = expression
        self.left: list[tuple[str, str]] = []
        place = 0
        while place < len(expression.rstrip()):
            found = TOKEN.match(expression, place)
            if found is None:
                raise Wrong(f"{expression}: not understood at {place}")
            self.left.append((found.lastgroup or "", found[found.lastgroup or 0]))
            place = found.end()

    def take(self, wanted: str | None = None) -> tuple[str, str]:
        if not self.left or (wanted is not None and self.left[0][1] != wanted):
            raise Wrong(f"{self.expression}: expected {wanted or 'more'}")
        return self.left.pop(0)

    def has(self, sign: str) -> bool:
        return bool(self.left) and self.left[0] == ("sign", sign)


def _node(tokens: _Tokens) -> Any:
    kind, text = tokens.take()
    if kind == "text":
        node: Any = ("literal", text[1:-1].replace("''", "'"))
    elif kind == "number":
        node = ("literal", int(text))
    elif kind == "name":
        node = ("call", _known(text), _arguments(tokens))
    else:
        raise Wrong(f"{tokens.expression}: {text} was not expected")
    while tokens.has("?") or tokens.has("["):
        forgiving = tokens.has("?")
        if forgiving:
            tokens.take("?")
        tokens.take("[")
        node = ("at", node, _node(tokens), forgiving)
        tokens.take("]")
    return node


def _known(name: str) -> str:
    if name not in Run(trigger=None, parameters={}).known:
        raise Wrong(f"the function {name} is not known here")
    return name


def _arguments(tokens: _Tokens) -> list[Any]:
    tokens.take("(")
    arguments = []
    while not tokens.has(")"):
        arguments.append(_node(tokens))
        if not tokens.has(")"):
            tokens.take(",")
    tokens.take(")")
    return arguments


def _calls(node: Any) -> Iterator[tuple[str, list[Any]]]:
    """Each call in an expression, with those of its arguments that are literals."""
    kind, *inner = node
    if kind == "call":
        yield inner[0], [argument[1] for argument in inner[1] if argument[0] == "literal"]
        for argument in inner[1]:
            yield from _calls(argument)
    elif kind == "at":
        yield from _calls(inner[0])
        yield from _calls(inner[1])

"""Checks the definition of a Logic App and evaluates its expressions, as far as our flow goes.

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
    """Raises `Wrong`, which names the fault and its place."""
    _require_known(definition, TOP, "definition")
    for name, trigger in definition["triggers"].items():
        _require_known(trigger, TRIGGER_FIELDS, name)
    actions = definition["actions"]
    for name, action in actions.items():
        if action["type"] not in FIELDS:
            raise Wrong(f"{name}: the type {action['type']} is not known here")
        _require_known(action, FIELDS[action["type"]], name)
        needed, optional = INPUTS[action["type"]]
        _require_known(action["inputs"], needed | optional, f"{name}.inputs")
        if missing := needed - set(action["inputs"]):
            raise Wrong(f"{name}.inputs: {', '.join(sorted(missing))} is missing")
        for predecessor, statuses in action["runAfter"].items():
            if predecessor not in actions or not set(statuses) <= STATUSES:
                raise Wrong(f"{name}.runAfter: {predecessor} {statuses}")
    for name in actions:
        for expression in expressions(actions[name]):
            _check_expression(expression, name, definition)
    for expression in expressions(definition["triggers"]):
        _check_expression(expression, None, definition)


def _require_known(fields: Mapping[str, Any], allowed: set[str], where: str) -> None:
    if unknown := set(fields) - allowed:
        raise Wrong(f"{where}: {', '.join(sorted(unknown))} is not known there")


def actions_before(definition: Mapping[str, Any], name: str) -> set[str]:
    """Every action that has ended when this one begins. Raises `Wrong` if they go round in circles."""
    predecessors: set[str] = set()
    pending = list(definition["actions"][name]["runAfter"])
    while pending:
        predecessor = pending.pop()
        if predecessor == name:
            raise Wrong(f"{name} runs after itself")
        if predecessor not in predecessors:
            predecessors.add(predecessor)
            pending += definition["actions"][predecessor]["runAfter"]
    return predecessors


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
    parts, remaining = [], text
    while "@{" in remaining:
        plain, _, remaining = remaining.partition("@{")
        inside, close, remaining = remaining.partition("}")
        if not close:
            raise Wrong(f"{text}: }} is missing")
        parts += [(plain, False), (inside, True)]
    return [*parts, (remaining, False)]


def _check_expression(expression: str, at: str | None, definition: Mapping[str, Any]) -> None:
    for call in _calls(_parse(expression)):
        name, arguments = call
        if name == "body" and (at is None or arguments[0] not in actions_before(definition, at)):
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
        self.function_names = frozenset(self._functions)

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
        return "".join(self._as_text(self.evaluate(part)) if is_expression else part for part, is_expression in parts)

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
        container, key, forgiving = self._value(inner[0]), self._value(inner[1]), inner[2]
        if container is None and not forgiving:
            raise Wrong(f"there is no {key} in nothing")
        return (
            container.get(key)
            if forgiving and isinstance(container, Mapping)
            else None
            if container is None
            else container[key]
        )


def _parse(expression: str) -> Any:
    tokens = _Tokens(expression)
    node = _node(tokens)
    if tokens.remaining:
        raise Wrong(f"{expression}: {tokens.remaining[0][1]} was not expected")
    return node


class _Tokens:
    def __init__(self, expression: str) -> None:
        self.expression = expression
        self.remaining: list[tuple[str, str]] = []
        position = 0
        while position < len(expression.rstrip()):
            match = TOKEN.match(expression, position)
            if match is None:
                raise Wrong(f"{expression}: not understood at {position}")
            self.remaining.append((match.lastgroup or "", match[match.lastgroup or 0]))
            position = match.end()

    def take(self, expected: str | None = None) -> tuple[str, str]:
        if not self.remaining or (expected is not None and self.remaining[0][1] != expected):
            raise Wrong(f"{self.expression}: expected {expected or 'more'}")
        return self.remaining.pop(0)

    def has(self, sign: str) -> bool:
        return bool(self.remaining) and self.remaining[0] == ("sign", sign)


def _node(tokens: _Tokens) -> Any:
    kind, text = tokens.take()
    if kind == "text":
        node: Any = ("literal", text[1:-1].replace("''", "'"))
    elif kind == "number":
        node = ("literal", int(text))
    elif kind == "name":
        node = ("call", _function_name(text), _arguments(tokens))
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


def _function_name(name: str) -> str:
    if name not in Run(trigger=None, parameters={}).function_names:
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

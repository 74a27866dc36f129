"""ASP.NET route templates, as far as function apps use them: literals, parameters, constraints, defaults, catch-all.

Matching ignores case; the most literal template wins, as in ASP.NET.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from .errors import FunctionError

Constraint = Callable[[str], bool]

_SEGMENT = re.compile(
    r"\{(?P<stars>\*{0,2})(?P<name>\w+)(?P<rules>(?::[^}=?]+)*)(?:=(?P<default>[^}?]*))?(?P<optional>\?)?\}"
)
_RULE = re.compile(r"(\w+)(?:\(([^)]*)\))?")
_PLAIN: dict[str, re.Pattern[str]] = {
    "bool": re.compile(r"true|false", re.IGNORECASE),
    "alpha": re.compile(r"[A-Za-z]+"),
    "guid": re.compile(r"[0-9a-fA-F]{8}(-?[0-9a-fA-F]{4}){3}-?[0-9a-fA-F]{12}"),
    "decimal": re.compile(r"[+-]?\d+(\.\d+)?"),
    "double": re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?"),
    "float": re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?"),
    "required": re.compile(r".+"),
}
_WHOLE = re.compile(r"[+-]?\d+")
_LITERAL, _CONSTRAINED, _PARAMETER, _CATCH_ALL = range(1, 5)
_DEEPEST = 32


@dataclass(frozen=True, kw_only=True)
class Parameter:
    name: str
    constraints: tuple[Constraint, ...]
    default: str | None


@dataclass(frozen=True, kw_only=True)
class Route:
    """A compiled template."""

    template: str
    pattern: re.Pattern[str]
    parameters: tuple[Parameter, ...]
    precedence: tuple[int, ...]

    def match(self, path: str) -> dict[str, str] | None:
        """The route values if the path fits; the path has its leading slash."""
        found = self.pattern.fullmatch(path)
        if found is None:
            return None
        values: dict[str, str] = {}
        for parameter, value in zip(self.parameters, found.groups(), strict=True):
            text = value if value else parameter.default
            if text is None:
                continue
            if not all(holds(text) for holds in parameter.constraints):
                return None
            values[parameter.name] = text
        return values


def compile_route(template: str) -> Route:
    """Compile a template, such as `api/items/{id:int}`; a FunctionError if it is none."""
    parts: list[str] = []
    parameters: list[Parameter] = []
    ranks: list[int] = []
    for segment in (part for part in template.strip("/").split("/") if part):
        pattern, rank = _segment(segment, parameters)
        parts.append(pattern)
        ranks.append(rank)
    if len(ranks) > _DEEPEST:
        raise FunctionError(f"route {template!r}: expected at most {_DEEPEST} segments")
    names = [parameter.name.lower() for parameter in parameters]
    if len(set(names)) != len(names):
        raise FunctionError(f"route {template!r}: a parameter name is used twice")
    return Route(
        template=template,
        pattern=re.compile("".join(parts) + "/?", re.IGNORECASE | re.DOTALL),
        parameters=tuple(parameters),
        precedence=(*ranks, *([0] * (_DEEPEST - len(ranks)))),
    )


def _segment(text: str, parameters: list[Parameter]) -> tuple[str, int]:
    whole = _SEGMENT.fullmatch(text)
    if whole is None:
        return _mixed_segment(text, parameters)
    constraints = tuple(_constraint(rule, text) for rule in whole["rules"].split(":") if rule)
    parameters.append(Parameter(name=whole["name"], constraints=constraints, default=whole["default"]))
    if whole["stars"]:
        return "(?:/(.*))?", _CATCH_ALL
    missing = "?" if whole["optional"] or whole["default"] is not None else ""
    return f"(?:/([^/]+)){missing}", _CONSTRAINED if constraints else _PARAMETER


def _mixed_segment(text: str, parameters: list[Parameter]) -> tuple[str, int]:
    pattern, at, rank = "/", 0, _LITERAL
    for found in _SEGMENT.finditer(text):
        constraints = tuple(_constraint(rule, text) for rule in found["rules"].split(":") if rule)
        parameters.append(Parameter(name=found["name"], constraints=constraints, default=None))
        pattern += re.escape(text[at : found.start()]) + "([^/]+?)"
        at, rank = found.end(), _CONSTRAINED
    rest = text[at:]
    if "{" in rest or "}" in rest:
        raise FunctionError(f"route segment {text!r}: expected {{name}} parameters and literals")
    return pattern + re.escape(rest), rank


def _constraint(rule: str, segment: str) -> Constraint:
    found = _RULE.fullmatch(rule)
    if found is None:
        raise FunctionError(f"route segment {segment!r}: constraint {rule!r} is not covered")
    name, arguments = found[1].lower(), [part.strip() for part in (found[2] or "").split(",") if part.strip()]
    if name in _PLAIN and not arguments:
        pattern = _PLAIN[name]
        return lambda text: pattern.fullmatch(text) is not None
    if name in ("int", "long") and not arguments:
        bits = 31 if name == "int" else 63
        return lambda text: bool(_WHOLE.fullmatch(text)) and -(2**bits) <= int(text) < 2**bits
    numbers = [int(part) for part in arguments if _WHOLE.fullmatch(part)]
    if len(numbers) == len(arguments) and numbers:
        measured = _measured(name, numbers)
        if measured is not None:
            return measured
    raise FunctionError(f"route segment {segment!r}: constraint {rule!r} is not covered")


def _measured(name: str, numbers: list[int]) -> Constraint | None:
    first, last = numbers[0], numbers[-1]
    table: dict[str, Constraint] = {
        "length": lambda text: first <= len(text) <= last,
        "minlength": lambda text: len(text) >= first,
        "maxlength": lambda text: len(text) <= first,
        "min": lambda text: bool(_WHOLE.fullmatch(text)) and int(text) >= first,
        "max": lambda text: bool(_WHOLE.fullmatch(text)) and int(text) <= first,
        "range": lambda text: bool(_WHOLE.fullmatch(text)) and first <= int(text) <= last,
    }
    return table.get(name)

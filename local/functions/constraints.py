"""The inline constraints of route templates, by ASP.NET Core's own names: `{id:int}`, `{name:length(2,4)}`.

Constraints that cannot be evaluated as .NET does (dates, most of its regular expressions) are refused by name.
"""

import re
from collections.abc import Callable

from .errors import FunctionError, RouteError

Constraint = Callable[[str], bool]

_RULE = re.compile(r"([^(]+)(?:\((.*)\))?", re.DOTALL)
_WHOLE = re.compile(r"\s*[+-]?[0-9]+\s*")
_DECIMAL = r"\s*[+-]?(?:[0-9][0-9,]*(?:\.[0-9]*)?|\.[0-9]+)"
_GUID = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_PLAIN: dict[str, re.Pattern[str]] = {
    "bool": re.compile(r"\s*(?:true|false)\s*", re.IGNORECASE),
    "alpha": re.compile(r"[A-Za-z]*"),
    "guid": re.compile(rf"\s*(?:{_GUID}|\{{{_GUID}\}}|\({_GUID}\)|[0-9a-fA-F]{{32}})\s*"),
    "decimal": re.compile(_DECIMAL + r"[+-]?\s*"),
    "double": re.compile(_DECIMAL + r"(?:[eE][+-]?[0-9]+)?\s*|\s*[+-]?(?:Infinity|∞)\s*|\s*[+-]?NaN\s*", re.IGNORECASE),
    "required": re.compile(r".+", re.DOTALL),
}
_PLAIN["float"] = _PLAIN["double"]
_TAKES = {"length": (1, 2), "minlength": (1,), "maxlength": (1,), "min": (1,), "max": (1,), "range": (2,)}
"""How many arguments a constraint may have."""
_NOT_COVERED = ("datetime",)
_SAME_REGEX = re.compile(r"[A-Za-z/^$|()]*(?:\(\?[!=][A-Za-z/^$|()]*)*")
"""Patterns that mean the same to .NET's regular expressions and Python's: words, alternatives, and lookaheads."""


def constraint(rule: str, template: str) -> Constraint:
    """The check for a rule such as `min(3)`. Raises RouteError if ASP.NET has no such rule, and FunctionError if
    ASP.NET has it and this host does not."""
    match = _RULE.fullmatch(rule)
    name = match[1].lower() if match else ""
    arguments = None if match is None or match[2] is None else [part.strip() for part in match[2].split(",")]
    if name == "regex" and match and match[2] is not None and _SAME_REGEX.fullmatch(match[2]):
        pattern = re.compile(match[2], re.IGNORECASE)
        return lambda text: pattern.search(text) is not None
    if name in ("regex", *_NOT_COVERED):
        raise FunctionError(f"route {template!r}: the constraint {name!r} is not covered by this host")
    check = _without_arguments(name) if arguments is None else _with_arguments(name, arguments)
    if check is None:
        raise RouteError(template, f"{rule!r} is not a constraint, or not with these arguments")
    return check


def _without_arguments(name: str) -> Constraint | None:
    if name in ("int", "long"):
        bits = 31 if name == "int" else 63
        return lambda text: (number := _number(text)) is not None and -(2**bits) <= number < 2**bits
    if name == "nonfile":
        return lambda text: not _is_file(text)
    if name == "file":
        return _is_file
    pattern = _PLAIN.get(name)
    return None if pattern is None else lambda text: pattern.fullmatch(text) is not None


def _with_arguments(name: str, arguments: list[str]) -> Constraint | None:
    numbers = [number for argument in arguments if (number := _number(argument)) is not None]
    if len(numbers) != len(arguments) or len(numbers) not in _TAKES.get(name, ()):
        return None
    first, last = numbers[0], numbers[-1]
    checks: dict[str, Constraint] = {
        "length": lambda text: first <= len(text) <= last,
        "minlength": lambda text: len(text) >= first,
        "maxlength": lambda text: len(text) <= first,
        "min": lambda text: (number := _number(text)) is not None and number >= first,
        "max": lambda text: (number := _number(text)) is not None and number <= first,
        "range": lambda text: (number := _number(text)) is not None and first <= number <= last,
    }
    return checks[name]


def _number(text: str) -> int | None:
    return int(text) if _WHOLE.fullmatch(text) else None


def _is_file(text: str) -> bool:
    """Whether the last segment has a period with something after it."""
    last = text.rpartition("/")[2]
    return bool(last.rpartition(".")[2]) and "." in last

"""ASP.NET Core's route templates: which ones the host accepts, and which values a path gives them.

The rules are those of Microsoft.AspNetCore.Routing as the function host uses it: a template is matched segment by
segment, and a segment of several parts from its end. No route has precedence: the host orders them by the names of
their functions, and the first that matches wins (`http_front.py`). `constraints.py` has the constraints that may follow
a colon.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from .constraints import Constraint, constraint
from .errors import RouteError

_PERIOD = "."
_FORBIDDEN_IN_NAMES = frozenset("/{}?*")
_CONSTRAINT = re.compile(r":((?:[^:=(]+(?:\((?:[^)]|\)(?![:=]|$))*\))?)?)")


@dataclass(frozen=True, kw_only=True)
class Literal:
    text: str


@dataclass(frozen=True, kw_only=True)
class Parameter:
    name: str
    constraints: tuple[Constraint, ...] = ()
    default: str | None = None
    optional: bool = False
    catch_all: bool = False

    @property
    def may_be_missing(self) -> bool:
        return self.optional or self.catch_all or self.default is not None


type Part = Literal | Parameter
type Segment = tuple[Part, ...]


@dataclass(frozen=True, kw_only=True)
class Route:
    """A compiled template."""

    template: str
    segments: tuple[Segment, ...]

    @property
    def parameters(self) -> list[Parameter]:
        return [part for segment in self.segments for part in segment if isinstance(part, Parameter)]

    def match(self, path: str) -> dict[str, str] | None:
        """The route values if the path fits; the path has its leading slash and is decoded as `paths.py` does."""
        values = self._values(path)
        if values is None:
            return None
        for parameter in self.parameters:
            value = values.get(parameter.name)
            if value is None and parameter.default:
                value = values[parameter.name] = parameter.default
            if value is None:
                # A constraint fails on what is missing, unless the parameter is optional.
                if parameter.constraints and not parameter.optional:
                    return None
            elif not all(holds(value) for holds in parameter.constraints):
                return None
        return values

    def _values(self, path: str) -> dict[str, str] | None:
        """The values that the segments take from the path, before defaults and constraints."""
        values: dict[str, str] = {}
        missing = iter(self.segments)
        for start, text in _tokens(path):
            segment = next(missing, None)
            if segment is None or not text:
                return None
            first = segment[0]
            if isinstance(first, Parameter) and first.catch_all:
                values[first.name] = path[start:]
                return values
            if not _take(segment, text, values):
                return None
        for segment in missing:
            first = segment[0]
            if len(segment) > 1 or isinstance(first, Literal) or not first.may_be_missing:
                return None
        return values


def compile_route(template: str) -> Route:
    """Compile a template, such as `api/items/{id:int}`. Raises `RouteError`."""
    text = template.removeprefix("~/") if template.startswith("~/") else template.removeprefix("/")
    if text.startswith("~"):
        raise RouteError(template, "it may start with '~/' but not with '~'")
    texts = text.removesuffix("/").split("/") if text else []
    if not all(texts) or text == "/":
        raise RouteError(template, "the separator '/' stands twice in a row")
    segments = tuple(_segment(one, template) for one in texts)
    route = Route(template=template, segments=segments)
    names = [parameter.name.lower() for parameter in route.parameters]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise RouteError(template, f"the parameter '{twice}' is named twice")
    if any(
        parameter.catch_all for segment in segments[:-1] for parameter in segment if isinstance(parameter, Parameter)
    ):
        raise RouteError(template, "a catch-all parameter must be the last segment")
    return route


def _segment(text: str, template: str) -> Segment:
    parts = tuple(_parts(text, template))
    for index, part in enumerate(parts):
        if isinstance(part, Literal) or len(parts) == 1:
            continue
        before = parts[index - 1] if index else None
        if isinstance(before, Parameter):
            raise RouteError(template, "two parameters follow each other without a text between them")
        if part.catch_all:
            raise RouteError(template, "a catch-all parameter must have its segment for itself")
        if part.optional and (index < len(parts) - 1 or before != Literal(text=_PERIOD)):
            raise RouteError(template, f"the optional parameter '{part.name}' must end its segment, after a period")
    return parts


def _parts(text: str, template: str) -> Iterator[Part]:
    """Literals and parameters in order. A doubled brace means the brace itself."""
    at, literal = 0, ""
    while at < len(text):
        pair, brace = text[at : at + 2], text[at]
        if pair in ("{{", "}}"):
            literal, at = literal + brace, at + 2
        elif brace == "{":
            if literal:
                yield _literal(literal, template)
            end = _end_of_parameter(text, at + 1, template)
            inner = text[at + 1 : end].replace("{{", "{").replace("}}", "}")
            yield _parameter(inner, template)
            at, literal = end + 1, ""
        elif brace == "}":
            raise RouteError(template, "a closing brace has no opening one")
        else:
            literal, at = literal + brace, at + 1
    if literal:
        yield _literal(literal, template)


def _end_of_parameter(text: str, at: int, template: str) -> int:
    while at < len(text):
        if text[at : at + 2] in ("{{", "}}"):
            at += 2
        elif text[at] == "}":
            return at
        elif text[at] == "{":
            break
        else:
            at += 1
    raise RouteError(template, "an opening brace has no closing one")


def _literal(text: str, template: str) -> Literal:
    if "?" in text:
        raise RouteError(template, "a '?' may stand at the end of a parameter only")
    return Literal(text=text)


def _parameter(text: str, template: str) -> Parameter:
    name = text.lstrip("*")
    stars = len(text) - len(name)
    optional = name.endswith("?")
    name = name.removesuffix("?")
    split = next((at for at, letter in enumerate(name) if at and letter in ":="), len(name))
    name, rules = name[:split], name[split:]
    if not name or stars > 2 or _FORBIDDEN_IN_NAMES & set(name):
        raise RouteError(template, f"'{text}' is not the name of a parameter")
    constraints: list[Constraint] = []
    at = 0
    while found := _CONSTRAINT.match(rules, at):
        at = found.end()
        if found[1]:
            constraints.append(constraint(found[1], template))
    default = rules[at + 1 :] if rules[at : at + 1] == "=" else None
    if optional and default is not None:
        raise RouteError(template, f"the parameter '{name}' is optional and has a default")
    if optional and stars:
        raise RouteError(template, f"the catch-all parameter '{name}' cannot be optional")
    return Parameter(
        name=name, constraints=tuple(constraints), default=default, optional=optional, catch_all=bool(stars)
    )


def _tokens(path: str) -> Iterable[tuple[int, str]]:
    """The segments of a path, each with where it starts. A slash at the end starts none."""
    at = 1
    while at < len(path):
        end = path.find("/", at)
        end = len(path) if end < 0 else end
        yield at, path[at:end]
        at = end + 1


def _take(segment: Segment, text: str, values: dict[str, str]) -> bool:
    """Whether the text of a path's segment fits; adds what its parameters take."""
    first, last = segment[0], segment[-1]
    if len(segment) == 1:
        if isinstance(first, Literal):
            return first.text.lower() == text.lower()
        values[first.name] = text
        return True
    if _take_from_the_end(segment, text, values):
        return True
    # `{name}.{extension?}`: both may be missing, the extension and its period.
    if not (isinstance(last, Parameter) and last.optional) or text.endswith(_PERIOD):
        return False
    return _take_from_the_end(segment[:-2], text, values)


def _take_from_the_end(segment: Segment, text: str, values: dict[str, str]) -> bool:
    """Match a segment of several parts: its last literal first, as far to the right as possible."""
    taken: dict[str, str] = {}
    end = len(text)
    waiting: Parameter | None = None
    for index in range(len(segment) - 1, -1, -1):
        part = segment[index]
        if isinstance(part, Parameter):
            waiting = part
            continue
        found = text.lower().rfind(part.text.lower(), 0, end if waiting is None else end - 1)
        if found < 0 or (index == len(segment) - 1 and found + len(part.text) != len(text)):
            return False
        if waiting is not None:
            taken[waiting.name] = text[found + len(part.text) : end]
            waiting = None
        elif found + len(part.text) != end:
            return False
        end = found
    if waiting is not None:
        taken[waiting.name] = text[:end]
    elif end:
        return False
    if not all(taken.values()):
        return False
    values |= taken
    return True

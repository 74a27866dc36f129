"""ASP.NET Core's route templates: which ones the host accepts, and which values they extract from a path.

The rules are those of Microsoft.AspNetCore.Routing as the Functions host uses it: a template is matched segment by
segment, and a segment of several parts from its end. No route has precedence: the host orders them by the names of
their functions, and the first match wins (`http_front.py`). The constraints that may follow a colon are in
`constraints.py`.
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
        """The route values if the path matches. The path has its leading slash and is decoded as in `paths.py`."""
        values = self._values(path)
        if values is None:
            return None
        for parameter in self.parameters:
            value = values.get(parameter.name)
            if value is None and parameter.default:
                value = values[parameter.name] = parameter.default
            if value is None:
                # A constraint fails on a missing value, unless the parameter is optional.
                if parameter.constraints and not parameter.optional:
                    return None
            elif not all(holds(value) for holds in parameter.constraints):
                return None
        return values

    def _values(self, path: str) -> dict[str, str] | None:
        """The values that the segments take from the path, before defaults and constraints."""
        values: dict[str, str] = {}
        remaining = iter(self.segments)
        for start, text in _tokens(path):
            segment = next(remaining, None)
            if segment is None or not text:
                return None
            first = segment[0]
            if isinstance(first, Parameter) and first.catch_all:
                values[first.name] = path[start:]
                return values
            if not _take(segment, text, values):
                return None
        for segment in remaining:
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
        raise RouteError(template, "the separator '/' appears twice in a row")
    segments = tuple(_segment(segment_text, template) for segment_text in texts)
    route = Route(template=template, segments=segments)
    names = [parameter.name.lower() for parameter in route.parameters]
    duplicate = next((name for name in names if names.count(name) > 1), None)
    if duplicate is not None:
        raise RouteError(template, f"the parameter '{duplicate}' is named twice")
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
        previous = parts[index - 1] if index else None
        if isinstance(previous, Parameter):
            raise RouteError(template, "two parameters follow each other without text between them")
        if part.catch_all:
            raise RouteError(template, "a catch-all parameter must be the only part of its segment")
        if part.optional and (index < len(parts) - 1 or previous != Literal(text=_PERIOD)):
            raise RouteError(
                template, f"the optional parameter '{part.name}' must be at the end of its segment, after a period"
            )
    return parts


def _parts(text: str, template: str) -> Iterator[Part]:
    """Literals and parameters in order. A doubled brace means the brace itself."""
    position, literal = 0, ""
    while position < len(text):
        pair, brace = text[position : position + 2], text[position]
        if pair in ("{{", "}}"):
            literal, position = literal + brace, position + 2
        elif brace == "{":
            if literal:
                yield _literal(literal, template)
            end = _end_of_parameter(text, position + 1, template)
            inner = text[position + 1 : end].replace("{{", "{").replace("}}", "}")
            yield _parameter(inner, template)
            position, literal = end + 1, ""
        elif brace == "}":
            raise RouteError(template, "a closing brace has no opening one")
        else:
            literal, position = literal + brace, position + 1
    if literal:
        yield _literal(literal, template)


def _end_of_parameter(text: str, position: int, template: str) -> int:
    while position < len(text):
        if text[position : position + 2] in ("{{", "}}"):
            position += 2
        elif text[position] == "}":
            return position
        elif text[position] == "{":
            break
        else:
            position += 1
    raise RouteError(template, "an opening brace has no closing one")


def _literal(text: str, template: str) -> Literal:
    if "?" in text:
        raise RouteError(template, "a '?' is allowed only at the end of a parameter")
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
    position = 0
    while match := _CONSTRAINT.match(rules, position):
        position = match.end()
        if match[1]:
            constraints.append(constraint(match[1], template))
    default = rules[position + 1 :] if rules[position : position + 1] == "=" else None
    if optional and default is not None:
        raise RouteError(template, f"the parameter '{name}' is optional and has a default")
    if optional and stars:
        raise RouteError(template, f"the catch-all parameter '{name}' cannot be optional")
    return Parameter(
        name=name, constraints=tuple(constraints), default=default, optional=optional, catch_all=bool(stars)
    )


def _tokens(path: str) -> Iterable[tuple[int, str]]:
    """The segments of a path with their start positions. A slash at the end starts none."""
    position = 1
    while position < len(path):
        end = path.find("/", position)
        end = len(path) if end < 0 else end
        yield position, path[position:end]
        position = end + 1


def _take(segment: Segment, text: str, values: dict[str, str]) -> bool:
    """Whether the text of a path's segment matches; adds the values of its parameters."""
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
    captured: dict[str, str] = {}
    end = len(text)
    open_parameter: Parameter | None = None
    for index in range(len(segment) - 1, -1, -1):
        part = segment[index]
        if isinstance(part, Parameter):
            open_parameter = part
            continue
        start = text.lower().rfind(part.text.lower(), 0, end if open_parameter is None else end - 1)
        if start < 0 or (index == len(segment) - 1 and start + len(part.text) != len(text)):
            return False
        if open_parameter is not None:
            captured[open_parameter.name] = text[start + len(part.text) : end]
            open_parameter = None
        elif start + len(part.text) != end:
            return False
        end = start
    if open_parameter is not None:
        captured[open_parameter.name] = text[:end]
    elif end:
        return False
    if not all(captured.values()):
        return False
    values |= captured
    return True

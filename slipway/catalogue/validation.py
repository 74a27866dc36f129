"""Turns the plain data of a document into a project or an application, or into problems that people understand.

pydantic decides what is valid; this module only translates its errors: to the line in the file, to the field as it is
written there, and to the expected value.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from ..domain.shapes import in_words
from ..manifests.documents import Document
from ..manifests.problems import ConfigError, Problem, Steps, closest, in_order, is_below, nearest, short_value
from .mending import Mending, Misfit

_KINDS = {
    "string_type": "text",
    "bool_type": "true or false",
    "int_type": "a whole number",
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
}
_LIMITS = {
    "greater_than_equal": "at least {ge}",
    "less_than_equal": "at most {le}",
    "string_too_short": "at least {min_length} characters",
    "string_too_long": "at most {max_length} characters",
    "too_short": "at least {min_length} of them",
    "too_long": "at most {max_length} of them",
    "enum": "{expected}",
    "literal_error": "{expected}",
}
_ONE_PIPELINE = (
    "a release begins with one run, which says what it built: if several pipelines build its parts, let one of them "
    "publish them as a bundle (source: bundle)"
)
_MOST_PASSES = 30
_FEW: Final = 4
"""A message names at most this many fields; the reference has the others."""
_FIELD_FIRST = re.compile(r"([a-z_]+(?:\[[0-9]+\])?(?:\.[a-z_]+(?:\[[0-9]+\])?)*): (.*)", re.DOTALL)
"""A field, or the path to one: `environments[1].gate.required`."""


def validate[M: BaseModel](document: Document, model: type[M]) -> M:
    """The record that the document describes. Raises a ConfigError with all of its problems."""
    reading = parse_document(document, model)
    if reading.problems or reading.value is None:
        raise ConfigError(reading.problems)
    return reading.value


@dataclass(frozen=True, kw_only=True)
class DocumentReading[M: BaseModel]:
    """As much of a document as can be read, so that one mistake does not hide independent ones."""

    value: M | None
    """The document with its wrong parts replaced; None if too many are wrong."""
    problems: tuple[Problem, ...] = ()
    unknown: Mapping[str, Problem] = field(default_factory=dict)
    """The fields whose values are not the document's, each with the problem that is the reason."""
    unsure: tuple[Problem, ...] = ()
    """Problems because of which it is not known whether the fields beside them go together."""

    def why_unknown(self, *fields: str) -> Problem | None:
        """The problem because of which the value of one of these fields is not known, as a whole or in part."""
        for name, problem in self.unknown.items():
            if any(is_below(name, each) or is_below(each, name) for each in fields):
                return problem
        return None


def parse_document[M: BaseModel](document: Document, model: type[M]) -> DocumentReading[M]:
    """The record that the document describes, with every problem that pydantic reports.

    pydantic does not check a rule about several fields if one of them is wrong. So the wrong parts are replaced, and
    the rest is checked once more.
    """
    problems, unsure, mending = list[Problem](), dict[Problem, None](), Mending(document)
    value = None
    for _ in range(_MOST_PASSES):
        try:
            # Strict, since a number instead of text is a mistake (`tag: 1.10` would be 1.1). As JSON, so that a list is
            # accepted for a tuple.
            value = model.model_validate_json(json.dumps(mending.value), strict=True)
        except ValidationError as error:
            wrong = list(_Translation(replace(document, value=mending.value), model).problems(error))
            own = [each for each in wrong if not mending.is_about_stand_in(each)]
            problems += [each.problem for each in own if mending.why_unsure(each) is None]
            unsure.update({why: None for each in own if (why := mending.why_unsure(each))})
            if not mending.mend(wrong):
                value = None
                break
        else:
            break
    return DocumentReading(value=value, problems=in_order(problems), unknown=mending.unknown, unsure=tuple(unsure))


def _is_echo(finding: Any) -> bool:
    """Whether the error only repeats another: pydantic counts valid items, so a list with invalid ones is too short."""
    return bool(finding["type"] == "too_short" and len(finding["input"]) >= finding["ctx"]["min_length"])


class _Translation:
    """Translates pydantic's errors about one document into problems, each with the steps to it."""

    def __init__(self, document: Document, model: type[BaseModel]) -> None:
        self._document, self._model = document, model

    def problems(self, error: ValidationError) -> Iterator[Misfit]:
        for finding in error.errors(include_url=False):
            if not _is_echo(finding):
                yield self._problem(finding)

    def _misfit(self, steps: Steps, message: str = "", **fields: Any) -> Misfit:
        expected, got = fields.pop("expected", ""), fields.pop("got", "")
        problem = self._document.problem(steps, message, expected=expected, got=got)
        return Misfit(steps=steps, problem=problem, **fields)

    def _problem(self, finding: Any) -> Misfit:
        steps = _steps(self._document.value, finding["loc"], missing=finding["type"] == "missing")
        kind, context, value = finding["type"], finding.get("ctx", {}), finding["input"]
        match kind:
            case "missing":
                return self._misfit(steps, "is missing")
            case "extra_forbidden":
                names, name = self._field_names(steps[:-1]), str(steps[-1])
                return self._misfit(
                    steps, f"unknown field; {nearest(name, names)}", is_extra=True, meant=closest(name, names)
                )
            case "union_tag_not_found":
                return self._misfit((*steps, "kind"), "is missing; write auto or approval")
            case "union_tag_invalid":
                expected = context["expected_tags"].replace(", ", " or ")
                return self._misfit((*steps, "kind"), expected=expected, got=short_value(value.get("kind")))
            case "value_error":
                return self._own_rule(steps, str(context["error"]), value)
        expected = _expected(kind, context, finding["msg"])
        if kind in ("model_type", "model_attributes_type") and len(fields := sorted(self._field_names(steps))) <= _FEW:
            expected = f"{expected} with {', '.join(fields)}"
        advice = _ONE_PIPELINE if steps == ("pipeline",) and isinstance(value, list) else _advice(kind, value)
        return self._misfit(steps, advice, expected=expected, got=short_value(value))

    def _own_rule(self, steps: Steps, message: str, value: object) -> Misfit:
        """The problem for a ValueError of our models, whose text may begin with a field's name or the path to one."""
        of_several = steps
        if split := _FIELD_FIRST.fullmatch(message):
            path = [int(part) if part.isdigit() else part for part in re.findall(r"[a-z_]+|[0-9]+", split[1])]
            if path[0] in self._field_names(steps):
                steps, message, value = (*steps, *path), split[2], _value_at(value, path)
        if message.startswith("expected "):
            expected, _, got = message.removeprefix("expected ").partition(", got ")
            return self._misfit(steps, expected=expected, got=got or short_value(value), of_several=of_several)
        return self._misfit(steps, message, of_several=of_several)

    def _field_names(self, steps: Steps) -> set[str]:
        """The fields that the models allow at these steps."""
        value, models = self._document.value, [self._model]
        for step in steps:
            value = value[step]
            fields = [_fields(model)[step] for model in models if isinstance(step, str) and step in _fields(model)]
            if fields:  # otherwise it is an item of a list, or an entry of a mapping by name
                models = [nested for field in fields for nested in _models_in(field.annotation)]
        chosen = [model for model in models if _has_kind(model, value)] or models
        return {name for model in chosen for name in _fields(model)}


def _value_at(value: Any, path: list[int | str]) -> Any:
    """The value at that path; None if there is none."""
    for step in path:
        exists = step in value if isinstance(value, dict) else isinstance(value, list) and step in range(len(value))
        value = value[step] if exists else None
    return value


def in_field_order(value: Any, *models: type[BaseModel]) -> Any:
    """The value with its fields in the order of the models, which is how people write and read them."""
    match value:
        case list():
            return [in_field_order(item, *models) for item in value]
        case dict():
            fields = {name: field for model in models for name, field in _fields(model).items()}
            if not fields.keys() >= value.keys():  # a mapping by name
                return {name: in_field_order(item, *models) for name, item in value.items()}
            return {
                name: in_field_order(value[name], *_models_in(field.annotation))
                for name, field in fields.items()
                if name in value
            }
        case _:
            return value


def _expected(kind: str, context: dict[str, Any], message: str) -> str:
    if kind == "string_pattern_mismatch":
        return in_words(context["pattern"])
    if kind in _LIMITS:
        return _LIMITS[kind].format_map(context)
    return _KINDS.get(kind, message.removeprefix("Input should be "))


def _advice(kind: str, value: object) -> str:
    if kind == "string_type" and isinstance(value, int | float):
        return "put it in quotes"
    if kind == "bool_type" and isinstance(value, str) and value.casefold() in ("yes", "no", "on", "off"):
        return f"write {'true' if value.casefold() in ('yes', 'on') else 'false'}"
    return ""


def _steps(value: Any, location: Iterable[str | int], *, missing: bool) -> Steps:
    """pydantic's location without the parts that are not in the file: union tags and the marker of a mapping's key."""
    parts = tuple(location)
    steps: list[str | int] = []
    for position, part in enumerate(parts):
        exists = (isinstance(value, dict) and part in value) or (
            isinstance(value, list) and isinstance(part, int) and part < len(value)
        )
        if exists:
            value = value[part]
            steps.append(part)
        elif missing and position == len(parts) - 1:
            steps.append(part)
    return tuple(steps)


def _fields(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """The model's fields by the names that documents use."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models_in(argument)


def _has_kind(model: type[BaseModel], value: Any) -> bool:
    field = model.model_fields.get("kind")
    return field is None or not isinstance(value, dict) or value.get("kind") == field.default

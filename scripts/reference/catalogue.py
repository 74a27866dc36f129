"""The pages docs/reference/project.md and application.md, made from the JSON Schemas.

`python -m scripts.reference.catalogue application` prints one of them.

An object of the file is a chapter of the page, in the order in which a reader meets it.
"""

import json
import sys
from collections.abc import Iterator
from typing import Any

from slipway.catalogue.finding import MODELS, Kind
from slipway.catalogue.schema import schema_of

type Schema = dict[str, Any]

_INTRODUCTIONS: dict[Kind, str] = {
    "project": """# Project

A team's boundary: the places that its applications may go to, the class of each environment, and the least gate there.
The platform's people apply it (`slipway apply -f project.yaml`); [how](../how-to/add-an-application.md).
""",
    "application": """# Application

What an application is, what starts a release of it, and the environments that a release passes through. Its document
usually lies in its team's repository as `application.yaml`, beside the manifests that it names, and is applied with
`slipway apply -f`; [how to add one](../how-to/add-an-application.md) shows it at work. Where it may go, and under which
class, [its project](project.md) says.
""",
}
_RULES = """
- A field that is not known, a wrong value and a missing one are all reported at once, with file, line and field:
  `slipway check`.
- For an editor, the first line `# yaml-language-server: $schema=…/docs/reference/{kind}.schema.json` gives completion
  and checks. It is [the same schema]({kind}.schema.json) that this page is made of, by `make docs`.
- A duration is a number and a unit: `30s`, `10m`, `24h`, `7d`. A name is lower-case letters, digits and dashes, at most
  40, beginning with a letter.

"""
_NAMES = "^[a-z](?:[a-z0-9-]{0,38}[a-z0-9])?$"
_DURATION = "^[0-9]{1,9}[smhd]$"
_HEAD = "| Field | Value | Default | Meaning |\n|---|---|---|---|\n"


def page(kind: Kind) -> str:
    start = _INTRODUCTIONS[kind] + _RULES.replace("{kind}", kind)
    return start + "\n".join(_chapters(schema_of(kind))).rstrip() + "\n"


def _chapters(schema: Schema) -> Iterator[str]:
    definitions: dict[str, Schema] = schema["$defs"]
    yield _chapter("The document", schema, definitions)
    for name in _in_order(schema, definitions):
        yield _chapter(_title(name), definitions[name], definitions)


def _in_order(schema: Schema, definitions: dict[str, Schema]) -> list[str]:
    """The objects, each before those that it refers to."""
    names: list[str] = []
    pending = [schema]
    while pending:
        for name in _refers_to(pending.pop(0)):
            if name not in names and "properties" in definitions[name]:
                names.append(name)
                pending.append(definitions[name])
    return names


def _refers_to(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        if "$ref" in schema:
            yield schema["$ref"].rpartition("/")[2]
        for key, value in schema.items():
            if key != "$defs":
                yield from _refers_to(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from _refers_to(value)


def _chapter(title: str, schema: Schema, definitions: dict[str, Schema]) -> str:
    rows = "".join(
        _row(name, field, name in schema.get("required", ()), definitions)
        for name, field in schema["properties"].items()
    )
    return f"## {title}\n\n{schema['description']}\n\n{_HEAD}{rows}"


def _row(name: str, field: Schema, required: bool, definitions: dict[str, Schema]) -> str:
    meaning = field.get("description") or _description(field, definitions)
    if (examples := field.get("examples")) and field.get("pattern") != _DURATION:
        meaning += f" Such as {', '.join(_code(example) for example in examples[:2])}."
    default = "*required*" if required else _default(field, definitions)
    return f"| `{name}` | {_value(field, definitions)} | {default} | {_text(meaning)} |\n"


def _description(field: Schema, definitions: dict[str, Schema]) -> str:
    return next((str(definitions[name].get("description", "")) for name in _refers_to(field)), "")


def _default(field: Schema, definitions: dict[str, Schema]) -> str:
    """The default; of an object only what its own chapter does not say."""
    default = field.get("default")
    if isinstance(default, dict):
        model_defaults: Schema = {}
        for name in _refers_to(field):
            model_defaults |= {
                key: field_schema.get("default")
                for key, field_schema in definitions[name].get("properties", {}).items()
            }
        default = {key: value for key, value in default.items() if value != model_defaults.get(key)}
    return "" if default in (None, [], {}, "") else _code(default)


def _value(field: Schema, definitions: dict[str, Schema]) -> str:
    if "$ref" in field:
        return _definition_link(field["$ref"].rpartition("/")[2], definitions)
    if alternatives := field.get("anyOf") or field.get("oneOf"):
        return " or ".join(
            _value(alternative, definitions) for alternative in alternatives if alternative.get("type") != "null"
        )
    if choices := field.get("enum") or ([field["const"]] if "const" in field else []):
        return ", ".join(_code(choice) for choice in choices)
    return _type_text(field, definitions)


def _definition_link(name: str, definitions: dict[str, Schema]) -> str:
    definition = definitions[name]
    title = _title(name)
    return f"[{title}](#{title.lower()})" if "properties" in definition else _value(definition, definitions)


def _title(name: str) -> str:
    """A model that only documents hold is called what people call it."""
    return name.removeprefix("Written")


def _type_text(field: Schema, definitions: dict[str, Schema]) -> str:
    least, most = field.get("minimum"), field.get("maximum")
    entry: Schema = next(iter(field.get("patternProperties", {}).values()), {})
    number = f"{least} to {most}" if least is not None and most is not None else "number"
    match field["type"]:
        case "array":
            return f"a list: {_value(field.get('items', {}), definitions)}"
        case "object":
            return f"by name: {_value(entry, definitions)}" if entry else "an object"
        case "boolean":
            return "`true` or `false`"
        case "integer" | "number":
            return number
    return {_NAMES: "name", _DURATION: "duration"}.get(field.get("pattern", ""), "text")


def _code(value: Any) -> str:
    return f"`{_cell(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))}`"


def _text(text: str) -> str:
    return _cell(text.strip()).replace("<", "&lt;")


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    (wanted_kind,) = (kind for kind in MODELS if kind in sys.argv[1:])
    sys.stdout.write(page(wanted_kind))

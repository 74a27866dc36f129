"""The page docs/reference/api.md, made of the OpenAPI document: `python -m scripts.reference.api`."""

import sys
from collections.abc import Iterator
from typing import Any

from functions import api, audit_api, catalogue, changes_api, commands, inbox, looks, numbers, proof, votes
from functions.contract import BASE
from functions.openapi import openapi_document

DECLARING = (api, audit_api, catalogue, changes_api, commands, inbox, looks, numbers, proof, votes)
"""The modules whose endpoints are in the document."""
_START = f"""# The JSON API

Made by `make docs` from the OpenAPI 3.1 document that every installation serves at `{BASE}openapi.json`, without a key.

"""
_SEND = """
```http
GET /api/v1/audit?environment=production&action=change&from=2026-11-01
x-functions-key: …
```

[Who may do what](roles.md) · [every question to the trail as a command](../how-to/query-the-audit-trail.md)
"""


def page() -> str:
    document = openapi_document()
    return "".join([_START, document["info"]["description"], "\n", _SEND, *_operations(document), *_models(document)])


def _operations(document: dict[str, Any]) -> Iterator[str]:
    tag = ""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if operation["tags"][0] != tag:
                tag = operation["tags"][0]
                yield f"\n## {tag.capitalize()}\n"
            yield (
                f"\n### {method.upper()} `{path}`\n\n{operation['summary']}. {operation['description']}".rstrip() + "\n"
            )
            if operation["parameters"]:
                yield "\n| Parameter | In | Meaning |\n|---|---|---|\n"
            for parameter in operation["parameters"]:
                yield f"| `{parameter['name']}` | {parameter['in']} | {_cell(_meaning(parameter))} |\n"
            if "requestBody" in operation:
                yield f"\nBody: {_kind(operation['requestBody']['content']['application/json']['schema'])}\n"
            responses = [f"{status} {_content(response)}" for status, response in operation["responses"].items()]
            yield "\nAnswers: " + ", ".join(responses) + "\n"


def _meaning(parameter: dict[str, Any]) -> str:
    schema = parameter["schema"]
    bounds = [f"{name} {schema[key]}" for name, key in (("from", "minimum"), ("to", "maximum")) if key in schema]
    default = [f"{schema['default']} if not given"] if "default" in schema else []
    more = "; ".join([" ".join(bounds), *default] if bounds else default)
    return f"{parameter['description']} ({more})" if more else str(parameter["description"])


def _content(response: dict[str, Any]) -> str:
    for media_type, content in response.get("content", {}).items():
        if media_type == "application/problem+json":
            return "problem"
        return _kind(content["schema"]) if content["schema"] else f"`{media_type}`"
    return "no body"


def _kind(schema: dict[str, Any]) -> str:
    """A schema in a few words, with links to the models below."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(_kind(alternative) for alternative in schema["anyOf"])
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    if "const" in schema:
        return f"`{schema['const']}`"
    return str(schema.get("format") or schema.get("type") or "anything")


def _models(document: dict[str, Any]) -> Iterator[str]:
    yield "\n## Models\n"
    for name, schema in sorted(document["components"]["schemas"].items()):
        yield f"\n### {name}\n"
        if text := schema.get("description", ""):
            yield f"\n{text.partition(chr(10) + chr(10))[0]}\n"
        if "enum" in schema:
            yield "\n" + ", ".join(f"`{value}`" for value in schema["enum"]) + "\n"
        if schema.get("properties"):
            yield "\n| Field | Type | Meaning |\n|---|---|---|\n"
        for field, kind in schema.get("properties", {}).items():
            yield f"| `{field}` | {_cell(_kind(kind))} | {_cell(kind.get('description', ''))} |\n"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    sys.stdout.write(page())

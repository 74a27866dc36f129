"""The OpenAPI 3.1 document of the API, generated from the declared operations and served by the app."""

import json
from collections.abc import Iterable
from functools import cache
from typing import Any

import azure.functions as func
from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from slipway import __version__
from slipway.api.problem import ProblemDetails
from slipway.domain.roles import holders

from .contract import BASE, OPERATIONS, Endpoint, revalidated
from .shared import new_blueprint

blueprint = new_blueprint()
PROBLEM = "application/problem+json"
_REFERENCE = "#/components/schemas/{model}"
_REASONS = {
    400: "Invalid parameter: `parameter` names it, `detail` says what was expected and what was received",
    401: "Authentication required",
    403: "Forbidden: `permission` names the permission that is needed",
    404: "Not found",
    409: "Conflict: `detail` says why, `rules` names the rules that failed",
    413: "Content too large",
    415: "Unsupported media type",
    422: "The request is wrong; `problems` has every problem, with file, line and field.",
    503: "Service unavailable; try again",
}
_ALWAYS = (400, 401, 503)
_TEXT = """The JSON API of an installation of Slipway.

Times are in UTC, ISO 8601. Lists are newest first and paginated: while a page has `next`, continue from there, even if
the page has fewer entries than `limit`. Errors are problem details (RFC 9457); if the Functions host checks the keys,
its own 401 has no body. GET responses have an ETag: send it as `If-None-Match` to get 304 while nothing has changed. A
request body needs a `Content-Length`: chunked bodies are not supported."""


def openapi_document(operations: Iterable[Endpoint] = ()) -> dict[str, Any]:
    """The document of the given operations, by default of all declared ones."""
    declared = list(operations) or [
        OPERATIONS[name] for name in sorted(OPERATIONS, key=lambda n: _order(OPERATIONS[n]))
    ]
    models: list[tuple[type[BaseModel], JsonSchemaMode]] = [(ProblemDetails, "serialization")]
    for operation in declared:
        models += [(operation.body, "validation")] if operation.body else []
        models += [(operation.answer, "serialization")] if operation.answer else []
    references, definitions = models_json_schema(list(dict.fromkeys(models)), ref_template=_REFERENCE)
    paths: dict[str, dict[str, Any]] = {}
    for operation in declared:
        paths.setdefault(BASE + operation.path, {})[operation.method.lower()] = _operation(operation, references)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Slipway", "version": __version__, "description": _TEXT, "license": {"name": "MIT"}},
        "paths": paths,
        "components": {
            "schemas": definitions.get("$defs", {}),
            "securitySchemes": {
                "key": {"type": "apiKey", "in": "header", "name": "x-functions-key"},
                "signIn": {"type": "http", "scheme": "bearer", "description": "An access token from Entra."},
            },
        },
    }


def _order(operation: Endpoint) -> tuple[str, str, str]:
    return operation.tag, operation.path, operation.method


def _operation(operation: Endpoint, references: Any) -> dict[str, Any]:
    needs = f"Needs the permission `{operation.permission}`." if operation.permission else ""
    description: dict[str, Any] = {
        "operationId": operation.name.removeprefix("api_"),
        "summary": operation.summary,
        "description": " ".join(filter(None, (operation.description, needs))),
        "tags": [operation.tag],
        "parameters": [
            {
                "name": parameter.name,
                "in": parameter.where,
                "required": parameter.where == "path",
                "description": parameter.description,
                "schema": parameter.schema,
            }
            for parameter in operation.parameters
        ],
        "responses": _responses(operation, references),
        "security": [{"signIn": []}, {}] if operation.anonymous else [{"key": []}, {"signIn": []}],
    }
    if operation.permission:
        description["x-permission"] = str(operation.permission)
        description["x-roles"] = [str(role) for role in holders(operation.permission)]
    if operation.body:
        schema = references[operation.body, "validation"]
        description["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    return description


def _responses(operation: Endpoint, references: Any) -> dict[str, Any]:
    schema = references[operation.answer, "serialization"] if operation.answer else {}
    response: dict[str, Any] = {"description": "Done", "content": {operation.media_type: {"schema": schema}}}
    responses = {str(operation.status): response}
    if operation.method == "GET":
        response["description"] = "The resource"
        response["headers"] = {
            "ETag": {"description": "Of this content.", "required": True, "schema": {"type": "string"}},
            "Cache-Control": {"required": True, "schema": {"type": "string"}},
        }
        responses["304"] = {"description": "Not modified since the answer that `If-None-Match` names"}
    problem = {PROBLEM: {"schema": references[ProblemDetails, "serialization"]}}
    refuses = {*_ALWAYS, *operation.refuses, *((403,) if operation.permission else ())}
    for status in sorted(refuses):
        responses[str(status)] = {"description": _REASONS[status], "content": problem}
    return responses


@cache
def _served() -> str:
    return json.dumps(openapi_document(), ensure_ascii=False)


@blueprint.function_name("api_openapi")
@blueprint.route(route="api/v1/openapi.json", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
def openapi(req: func.HttpRequest) -> func.HttpResponse:
    """Public, because it reveals nothing about the installation and tools can then read it without a key."""
    response = func.HttpResponse(
        _served(), mimetype="application/json", headers={"Cache-Control": "public, max-age=300"}
    )
    return revalidated(req, response)

"""Checks the answers of the double in the command's tests against the API's own description.

`tests/unit/api/test_openapi.py` checks the app itself against the same description.
"""

import json
from collections.abc import Iterator
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator

from functions.contract import BASE, OPERATIONS, Endpoint
from functions.openapi import openapi_document
from local.functions.routes import Route, compile_route
from scripts.reference.api import DECLARING


def faults(method: str, path: str, status: int, body: bytes) -> Iterator[str]:
    """Why the app would never answer like this. `path` is relative to the API."""
    operation = next(
        (
            endpoint
            for route, endpoint in _operations()
            if endpoint.method == method and route.match(f"/{path}") is not None
        ),
        None,
    )
    if operation is None:
        yield f"{method} {path}: there is no such operation"
        return
    if (operation.answer is None and status < 400) or status == 304:
        return
    responses = _document()["paths"][BASE + operation.path][method.lower()]["responses"]
    if str(status) not in responses:
        yield f"{method} {path}: answers with {status}, expected one of {', '.join(responses)}"
        return
    (content,) = responses[str(status)]["content"].values()
    schema = {**content["schema"], "components": _document()["components"]}
    for error in Draft202012Validator(schema).iter_errors(json.loads(body)):
        yield f"{method} {path}: {'.'.join(map(str, error.path)) or 'the answer'}: {error.message[:300]}"


@cache
def _operations() -> list[tuple[Route, Endpoint]]:
    assert DECLARING  # importing these modules declares the operations
    return [
        (compile_route(f"/{endpoint.path}"), endpoint)
        for endpoint in sorted(OPERATIONS.values(), key=lambda each: each.name)
    ]


@cache
def _document() -> dict[str, Any]:
    return openapi_document()

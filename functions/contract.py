"""Declaration of `/api/v1` endpoints: one `Endpoint` serves the host, the guard and the OpenAPI document.

`@Endpoint(blueprint, …)` registers the handler, enforces the permission, rejects undeclared query parameters and adds
an ETag to GET responses. `openapi.py` generates the document from all operations.
"""

import hashlib
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, Literal

import azure.functions as func
from pydantic import BaseModel

from slipway.domain.roles import Permission
from slipway.http.callers import KEY_PARAMETER
from slipway.http.requests import JSON_TYPE, check_media_type
from slipway.inbound import BadInput

from .guard import API_LEVEL, guarded
from .http import Handler, answering

BASE = "/api/v1/"
REVALIDATE = "private, no-cache"
"""The caller alone may cache it, and must revalidate it with its ETag before each use."""
_SHOWN = 60
UNSUPPORTED_MEDIA_TYPE = 415


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """A path or query parameter."""

    name: str
    description: str
    schema: dict[str, Any] = field(default_factory=lambda: {"type": "string"})
    where: Literal["query", "path"] = "query"


def in_path(name: str, description: str, pattern: str = "") -> Parameter:
    """A part of the path."""
    schema = {"type": "string", "pattern": pattern} if pattern else {"type": "string"}
    return Parameter(name=name, description=description, schema=schema, where="path")


def whole_number(name: str, description: str, *, least: int = 0, most: int, default: int | None = None) -> Parameter:
    """A whole number in the query, which `number` reads."""
    schema = {"type": "integer", "minimum": least, "maximum": most}
    return Parameter(
        name=name, description=description, schema=schema if default is None else {**schema, "default": default}
    )


def number(req: func.HttpRequest, parameter: Parameter) -> int:
    """A whole number of the query, within the limits that its declaration states. Raises `BadInput`."""
    name, schema = parameter.name, parameter.schema
    text, least, most = req.params.get(name), schema["minimum"], schema["maximum"]
    if text is None:
        return int(schema.get("default", least))
    if not (text.isascii() and text.isdigit() and least <= int(text[:12]) <= most and len(text) <= 12):  # noqa: PLR2004
        raise BadInput(name, f"a whole number from {least} to {most}", repr(text[:40]))
    return int(text)


SEQUENCES = 10**11
"""More than any chain will ever hold."""


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """An endpoint, as the host registers it and the OpenAPI document describes it; it decorates its handler."""

    blueprint: func.Blueprint = field(kw_only=False)
    name: str
    """Name of the function, and id of the operation."""
    method: Literal["GET", "POST"] = "GET"
    path: str
    """Below `/api/v1/`."""
    summary: str
    description: str = ""
    tag: str
    permission: Permission | None = Permission.READ
    """None if the handler authorizes the caller itself."""
    anonymous: bool = False
    """Whether the host lets everybody in. The guard assumes that the host has checked a key, so the handler of an
    anonymous operation must authenticate the caller itself, by a sign-in or a signed token."""
    parameters: tuple[Parameter, ...] = ()
    body: type[BaseModel] | None = None
    answer: type[BaseModel] | None = None
    """None if the response is not a JSON model."""
    status: int = 200
    media_type: str = JSON_TYPE
    refuses: tuple[int, ...] = ()
    """Error statuses besides 400, 401, 403 and 503, which every endpoint may return."""

    @property
    def queried(self) -> frozenset[str]:
        return frozenset(parameter.name for parameter in self.parameters if parameter.where == "query")

    def __call__(self, handler: Handler) -> Handler:
        """Register the decorated function as the handler."""
        OPERATIONS[self.name] = self

        @wraps(handler)
        def serve(req: func.HttpRequest) -> func.HttpResponse:
            _check_parameters(self, req)
            if UNSUPPORTED_MEDIA_TYPE in self.refuses:
                check_media_type(req.headers, self.media_type)
            return revalidated(req, handler(req))

        ready = guarded(self.permission)(serve) if self.permission else answering(serve)
        level = func.AuthLevel.ANONYMOUS if self.anonymous else API_LEVEL
        route = self.blueprint.route(route=BASE.strip("/") + "/" + self.path, methods=[self.method], auth_level=level)
        function: Handler = self.blueprint.function_name(self.name)(route(ready))
        return function


OPERATIONS: dict[str, Endpoint] = {}
"""Every operation by its name, in the order in which they were declared."""


def _check_parameters(operation: Endpoint, req: func.HttpRequest) -> None:
    allowed = operation.queried
    for name in req.params:
        if name not in allowed and name != KEY_PARAMETER:
            expected = f"one of the parameters {', '.join(sorted(allowed))}" if allowed else "no parameters"
            raise BadInput(name[:_SHOWN], expected, "an unknown one")


def revalidated(req: func.HttpRequest, response: func.HttpResponse) -> func.HttpResponse:
    """Add an ETag, the hash of the content, to a GET response; answer 304 if the caller already has that content."""
    if req.method != "GET" or response.status_code != 200:  # noqa: PLR2004
        return response
    etag = f'"{hashlib.sha256(response.get_body()).hexdigest()[:32]}"'
    if response.headers.get("Cache-Control", "no-store") == "no-store":
        response.headers["Cache-Control"] = REVALIDATE
    response.headers["ETag"] = etag
    response.headers["Vary"] = "Authorization, Cookie, X-Functions-Key"
    tags = {tag.strip().removeprefix("W/") for tag in req.headers.get("If-None-Match", "").split(",")}
    if etag in tags or "*" in tags:
        return func.HttpResponse(status_code=304, headers=dict(response.headers))
    return response

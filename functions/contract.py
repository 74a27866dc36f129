"""How an endpoint of `/api/v1` is declared: once, for the host, for the guard, and for the OpenAPI document.

`@endpoint(blueprint, Operation(…))` registers the handler, asks for the permission, refuses query parameters that are
not declared, and gives what is read an ETag. `openapi.py` makes the document of all operations.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, Literal

import azure.functions as func
from pydantic import BaseModel

from slipway.domain.roles import Permission
from slipway.http.callers import KEY_PARAMETER
from slipway.http.requests import check_media_type
from slipway.inbound import BadInput

from .guard import API_LEVEL, guarded
from .http import Handler, answering

BASE = "/api/v1/"
REVALIDATE = "private, no-cache"
"""May be kept, by the caller alone, and asked for again with its ETag before it is used."""
_SHOWN = 60
UNSUPPORTED_MEDIA_TYPE = 415


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """A parameter of the path or of the query."""

    name: str
    description: str
    schema: dict[str, Any] = field(default_factory=lambda: {"type": "string"})
    where: Literal["query", "path"] = "query"


@dataclass(frozen=True, kw_only=True)
class Operation:
    """What the document says of an endpoint, and the host must know."""

    name: str
    """Of the function, and the operation's id."""
    method: Literal["GET", "POST", "PUT", "DELETE"]
    path: str
    """Below `/api/v1/`."""
    summary: str
    description: str = ""
    tag: str
    permission: Permission | None
    """None where the handler itself decides who may."""
    anonymous: bool = False
    """Whether the host lets everybody in. The guard takes whoever the host let in for the holder of a key, so the
    handler of such an operation must ask for something else: a sign-in, or a signed token."""
    parameters: tuple[Parameter, ...] = ()
    body: type[BaseModel] | None = None
    answer: type[BaseModel] | None = None
    """None for a document of any kind."""
    status: int = 200
    media_type: str = "application/json"
    refuses: tuple[int, ...] = ()
    """Statuses besides 400, 401, 403 and 503, which every endpoint may answer with."""

    @property
    def queried(self) -> frozenset[str]:
        return frozenset(parameter.name for parameter in self.parameters if parameter.where == "query")


OPERATIONS: dict[str, Operation] = {}
"""Every operation by its name, in the order in which they were declared."""


def endpoint(blueprint: func.Blueprint, operation: Operation) -> Callable[[Handler], Handler]:
    """Declare the handler as this operation's."""
    OPERATIONS[operation.name] = operation

    def declare(handler: Handler) -> Handler:
        @wraps(handler)
        def served(req: func.HttpRequest) -> func.HttpResponse:
            _check_parameters(operation, req)
            if UNSUPPORTED_MEDIA_TYPE in operation.refuses:
                check_media_type(req.headers, operation.media_type)
            return revalidated(req, handler(req))

        ready = guarded(operation.permission)(served) if operation.permission else answering(served)
        level = func.AuthLevel.ANONYMOUS if operation.anonymous else API_LEVEL
        route = blueprint.route(
            route=BASE.strip("/") + "/" + operation.path, methods=[operation.method], auth_level=level
        )
        named: Handler = blueprint.function_name(operation.name)(route(ready))
        return named

    return declare


def _check_parameters(operation: Operation, req: func.HttpRequest) -> None:
    known = operation.queried
    for name in req.params:
        if name not in known and name != KEY_PARAMETER:
            expected = f"one of the parameters {', '.join(sorted(known))}" if known else "no parameters"
            raise BadInput(name[:_SHOWN], expected, "one that does not exist")


def revalidated(req: func.HttpRequest, answer: func.HttpResponse) -> func.HttpResponse:
    """What is read gets the hash of its content as ETag; whoever has that content already gets 304 and nothing else."""
    if req.method != "GET" or answer.status_code != 200:  # noqa: PLR2004
        return answer
    etag = f'"{hashlib.sha256(answer.get_body()).hexdigest()[:32]}"'
    if answer.headers.get("Cache-Control", "no-store") == "no-store":
        answer.headers["Cache-Control"] = REVALIDATE
    answer.headers["ETag"] = etag
    answer.headers["Vary"] = "Authorization, Cookie, X-Functions-Key"
    known = {tag.strip().removeprefix("W/") for tag in req.headers.get("If-None-Match", "").split(",")}
    if etag in known or "*" in known:
        return func.HttpResponse(status_code=304, headers=dict(answer.headers))
    return answer

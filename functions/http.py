"""HTTP responses shared by all blueprints: JSON, and problem details (RFC 9457) for errors."""

import json
import logging
from collections.abc import Callable
from functools import wraps
from typing import Any

import azure.functions as func
from pydantic import BaseModel

from slipway.commands.foreseeing import WouldBeRefused
from slipway.domain.errors import NotFound
from slipway.domain.rules import as_details
from slipway.domain.signing import KeysUnavailable
from slipway.effects.messaging import QueueUnavailable
from slipway.engine.handle import Contended
from slipway.engine.parking import NotReplayable
from slipway.http.requests import BODY_LIMIT, WITH_A_LENGTH, RequestRefused, was_chunked
from slipway.inbound import BadInput, Ignored, NoSuch
from slipway.inbound.reading import read_as, read_json
from slipway.ledger import LedgerUnavailable
from slipway.ledger.table import UnreadableRow

log = logging.getLogger(__name__)

NO_STORE = {"Cache-Control": "no-store"}
KIND = "urn:slipway:problem:"
TITLES = {403: "Forbidden", 413: "Content too large", 415: "Unsupported media type"}
Handler = Callable[..., func.HttpResponse]


class EarlyResponse(Exception):  # noqa: N818 - not an error
    """Ends the handler early with a finished response."""

    def __init__(self, response: func.HttpResponse) -> None:
        self.response = response


def ok(answer: BaseModel, status: int = 200) -> func.HttpResponse:
    """A response in the shape that the OpenAPI document describes: a model of `slipway.api` and nothing else."""
    body = json.dumps(answer.model_dump(mode="json"), ensure_ascii=False)
    return func.HttpResponse(body, status_code=status, mimetype="application/json", headers=dict(NO_STORE))


def problem(status: int, title: str, detail: str, **more: Any) -> func.HttpResponse:
    """`title` is the same for every problem of a kind; `detail` describes this occurrence."""
    kind = KIND + title.lower().replace(" ", "-")
    body = json.dumps({"type": kind, "title": title, "status": status, "detail": detail, **more})
    return func.HttpResponse(body, status_code=status, mimetype="application/problem+json", headers=dict(NO_STORE))


def answering(handler: Handler) -> Handler:
    """Turn exceptions of a handler into problem details."""

    @wraps(handler)
    def converted(req: func.HttpRequest) -> func.HttpResponse:
        try:
            return handler(req)
        except EarlyResponse as ended:
            return ended.response
        except Exception as error:
            match error:
                case RequestRefused():
                    response = problem(error.status, TITLES[error.status], str(error))
                case BadInput():
                    details = {"parameter": error.field, "expected": error.expected, "got": error.got}
                    status, title = (404, "Not found") if isinstance(error, NoSuch) else (400, "Invalid parameter")
                    response = problem(status, title, str(error), **details)
                case NotFound():
                    response = problem(404, "Not found", str(error))
                case WouldBeRefused():
                    response = problem(409, "Refused", str(error), rules=as_details(error.rules))
                case NotReplayable() | Ignored():
                    response = problem(409, "Cannot be replayed", str(error))
                case UnreadableRow():
                    response = problem(503, "Cannot be read", str(error), **error.not_shown.model_dump(exclude={"why"}))
                case LedgerUnavailable() | QueueUnavailable() | KeysUnavailable() | Contended():
                    log.warning("request not served: %s", error)
                    response = problem(503, "Service unavailable", "try again in a moment")
                case _:
                    log.exception("unhandled exception in a request handler")
                    response = problem(500, "Internal error", "Internal error; see the log.")
            return response

    return converted


def request_body(req: func.HttpRequest) -> bytes:
    """The body of a request. Raises `BadInput` for a chunked body, which the host does not pass on."""
    body = req.get_body()
    if was_chunked(req.headers, body):
        raise BadInput("body", WITH_A_LENGTH, "Transfer-Encoding: chunked")
    return body


def read_body[M: BaseModel](req: func.HttpRequest, kind: type[M]) -> M:
    """The body as its model; an empty body counts as `{}`. Raises `BadInput`."""
    body = request_body(req)
    if len(body) > BODY_LIMIT:
        raise BadInput("body", f"at most {BODY_LIMIT} bytes", f"{len(body)} bytes")
    return read_as(kind, read_json(body or b"{}"))

"""HTTP answers that all blueprints share: JSON, and problem details (RFC 9457) that name what was wrong."""

import json
import logging
from collections.abc import Callable
from functools import wraps
from typing import Any

import azure.functions as func

from slipway.domain.tokens import KeysUnavailable
from slipway.effects.messaging import QueueUnavailable
from slipway.flow.inbound import BadInput, Ignored
from slipway.flow.parking import NotReplayable
from slipway.flow.reading import NotFound
from slipway.ledger import LedgerUnavailable

log = logging.getLogger(__name__)

NO_STORE = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
KIND = "urn:slipway:problem:"
Handler = Callable[..., func.HttpResponse]


def ok(content: Any, status: int = 200) -> func.HttpResponse:
    body = json.dumps(content, ensure_ascii=False)
    return func.HttpResponse(body, status_code=status, mimetype="application/json", headers=dict(NO_STORE))


def problem(status: int, title: str, detail: str, **more: Any) -> func.HttpResponse:
    """`title` is the same for every case of a kind; `detail` is about this one."""
    kind = KIND + title.lower().replace(" ", "-")
    body = json.dumps({"type": kind, "title": title, "status": status, "detail": detail, **more})
    return func.HttpResponse(body, status_code=status, mimetype="application/problem+json", headers=dict(NO_STORE))


def answering(handler: Handler) -> Handler:
    """Turn what a handler raises into a problem that says what was wrong."""

    @wraps(handler)
    def answered(req: func.HttpRequest) -> func.HttpResponse:
        try:
            return handler(req)
        except BadInput as bad:
            return problem(400, "A parameter is wrong", str(bad), parameter=bad.field)
        except (NotFound, KeyError) as missing:
            return problem(404, "There is no such thing", str(missing.args[0]))
        except (NotReplayable, Ignored) as not_replayable:
            return problem(409, "It cannot be replayed", str(not_replayable))
        except (LedgerUnavailable, QueueUnavailable, KeysUnavailable) as away:
            log.warning("request not served: %s", away)
            return problem(503, "A service that is needed is away", "try again in a moment")
        except Exception:
            log.exception("a request went wrong")
            return problem(500, "Something went wrong", "it is in the log; nothing of it is told here")

    return answered


def body_of(req: func.HttpRequest) -> bytes:
    """The body of a request. Raises `BadInput` where it came in chunks: the host passes on what has a length only."""
    body = req.get_body()
    if not body and "chunked" in req.headers.get("Transfer-Encoding", "").lower():
        expected = "a body whose length stands in Content-Length: one that is sent in chunks does not arrive"
        raise BadInput("body", expected, "Transfer-Encoding: chunked")
    return body


def number(req: func.HttpRequest, name: str, *, default: int, least: int, most: int) -> int:
    """A whole number among the query parameters. Raises `BadInput`."""
    text = req.params.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and least <= int(text[:12]) <= most and len(text) <= 12):  # noqa: PLR2004
        raise BadInput(name, f"a whole number from {least} to {most}", repr(text[:40]))
    return int(text)

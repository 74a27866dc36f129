"""HTTP answers that all blueprints share: JSON, and problem details (RFC 9457) that name what was wrong."""

import json
import logging
from collections.abc import Callable
from functools import wraps
from typing import Any

import azure.functions as func
from pydantic import BaseModel

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


def ok(answer: BaseModel, status: int = 200) -> func.HttpResponse:
    """The answer as the OpenAPI document describes it: a model of `slipway.api`, and nothing beside it."""
    body = json.dumps(answer.model_dump(mode="json"), ensure_ascii=False)
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
            return problem(400, "Invalid parameter", str(bad), parameter=bad.field)
        except NotFound as missing:
            return problem(404, "Not found", str(missing))
        except (NotReplayable, Ignored) as not_replayable:
            return problem(409, "Cannot be replayed", str(not_replayable))
        except (LedgerUnavailable, QueueUnavailable, KeysUnavailable) as away:
            log.warning("request not served: %s", away)
            return problem(503, "Service unavailable", "try again in a moment")
        except Exception:
            log.exception("a request went wrong")
            return problem(500, "Internal error", "Internal error; see the log.")

    return answered


def number(req: func.HttpRequest, name: str, *, default: int, least: int, most: int) -> int:
    """A whole number among the query parameters. Raises `BadInput`."""
    text = req.params.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and least <= int(text[:12]) <= most and len(text) <= 12):  # noqa: PLR2004
        raise BadInput(name, f"a whole number from {least} to {most}", repr(text[:40]))
    return int(text)

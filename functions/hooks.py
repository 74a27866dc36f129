"""Hooks of the systems that run pipelines: an endpoint for each, which authenticates its sender by a shared secret.

Azure DevOps keeps or disables a subscription by the status of the answer. 202: enqueued. 200: recorded, or not for us
(never 400, 404 or 500: those put the subscription on probation and new events are lost). 503: the queue cannot be
reached, try again. 401: the secret is wrong, which somebody must see.
"""

import base64
import hmac
import json
import logging

import azure.functions as func

from slipway.domain.sources import Source
from slipway.effects.messaging import MessageTooLarge, QueueUnavailable
from slipway.engine.denying import NOBODY
from slipway.inbound import BadInput, Ignored
from slipway.ledger import LedgerUnavailable
from slipway.telemetry.redaction import unexpected

from .http import request_body
from .shared import new_blueprint, parts

log = logging.getLogger(__name__)
blueprint = new_blueprint()


@blueprint.function_name("azure_devops_hook")
@blueprint.route(route="api/hooks/azure-devops", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
def azure_devops_hook(req: func.HttpRequest) -> func.HttpResponse:
    if not is_authentic(req.headers.get("Authorization", "")):
        parts().denial_counter.count(NOBODY, "the hook")
        response = _refused("expected basic authentication with the hook's secret")
        response.headers["WWW-Authenticate"] = 'Basic realm="slipway"'
        return response
    return _take(Source.AZURE_DEVOPS, req)


def is_authentic(header: str) -> bool:
    """Whether the header carries one of the live secrets as its password. Compared in constant time."""
    scheme, _, text = header.partition(" ")
    if scheme.lower() != "basic":
        return False
    try:
        password = base64.b64decode(text, validate=True).partition(b":")[2]
    except ValueError:  # not base64, or not even ASCII
        return False
    matches = [hmac.compare_digest(password, secret) for secret in _secrets()]
    return any(matches)


def _secrets() -> list[bytes]:
    return [secret.get_secret_value().encode() for secret in parts().settings.hook_secrets]


def _take(source: Source, req: func.HttpRequest) -> func.HttpResponse:
    try:
        return _accept(source, req)
    except (QueueUnavailable, LedgerUnavailable) as away:
        log.warning("hook not taken: %s", away)
        return _answer(503, "unavailable", "try again")


def _accept(source: Source, req: func.HttpRequest) -> func.HttpResponse:
    body = req.get_body()
    try:
        parts().webhooks.take(source, request_body(req))
    except Ignored as ignored:
        return _answer(200, "ignored", str(ignored))
    except (BadInput, MessageTooLarge) as bad:
        return _park(source, str(bad), body)
    except (QueueUnavailable, LedgerUnavailable):
        raise
    except Exception as error:
        log.exception("a hook went wrong")
        return _park(source, unexpected(error), body)
    return _answer(202, "accepted", "enqueued")


def _park(source: Source, reason: str, body: bytes) -> func.HttpResponse:
    parts().unreadable_reporter.report(source, reason, body)
    return _answer(200, "parked", reason)


def _refused(expected: str) -> func.HttpResponse:
    log.warning("a hook with a wrong or missing secret was refused")
    return _answer(401, "refused", expected)


def _answer(status: int, outcome: str, detail: str) -> func.HttpResponse:
    body = json.dumps({"outcome": outcome, "detail": detail})
    return func.HttpResponse(body, status_code=status, mimetype="application/json")

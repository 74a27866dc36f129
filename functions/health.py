"""Health endpoint for load balancers and people: whether the app can reach its ledger."""

import json

import azure.functions as func

from slipway import __version__
from slipway.ledger import LedgerUnavailable

from .shared import new_blueprint, parts

blueprint = new_blueprint()


@blueprint.function_name("health")
@blueprint.route(route="api/health", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
def health(req: func.HttpRequest) -> func.HttpResponse:  # noqa: ARG001 - the binding needs it
    try:
        reached, applications = parts().health.reaches_ledger(), len(parts().catalogue.entries)
    except LedgerUnavailable:
        reached, applications = False, 0
    if not reached:
        return _answer(503, {"healthy": False, "ledger": "unavailable"})
    return _answer(200, {"healthy": True, "version": __version__, "applications": applications})


def _answer(status: int, content: dict[str, object]) -> func.HttpResponse:
    headers = {"Cache-Control": "no-store"}
    return func.HttpResponse(json.dumps(content), status_code=status, mimetype="application/json", headers=headers)

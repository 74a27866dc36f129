"""The link in an approver's message: GET shows what is asked and changes nothing, POST takes the vote in.

The signed token in the address is what lets somebody in, so it appears in no log and no answer but their own.
"""

import azure.functions as func

from slipway.pages.approving import Desk, decide, show, show_changes
from slipway.pages.messages import guarded

from .pages import ANONYMOUS, LOOKING, as_response
from .shared import new_blueprint, parts

blueprint = new_blueprint()


@blueprint.function_name("page_approval")
@blueprint.route(route="approvals/{token}", methods=LOOKING, auth_level=ANONYMOUS)
def page_approval(req: func.HttpRequest) -> func.HttpResponse:
    return as_response(guarded(lambda: show(_desk(), req.route_params["token"])))


@blueprint.function_name("page_approval_changes")
@blueprint.route(route="approvals/{token}/changes", methods=LOOKING, auth_level=ANONYMOUS)
def page_approval_changes(req: func.HttpRequest) -> func.HttpResponse:
    return as_response(guarded(lambda: show_changes(_desk(), req.route_params["token"])))


@blueprint.function_name("take_decision")
@blueprint.route(route="approvals/{token}", methods=["POST"], auth_level=ANONYMOUS)
def take_decision(req: func.HttpRequest) -> func.HttpResponse:
    return as_response(guarded(lambda: decide(_desk(), req.route_params["token"], req.headers, req.get_body())))


def _desk() -> Desk:
    built = parts()
    return Desk(
        keys=built.keys,
        reader=built.reader,
        intake=built.intake,
        clock=built.clock,
        public_url=built.settings.public_url.rstrip("/"),
    )

"""Approval pages. GET shows the decision that is asked for and changes nothing; POST casts the vote.

At gates where links vote, the signed token in the address is the credential, so it appears in no log and in no
response but the holder's own. Elsewhere it only leads to the page of the plan, whose address holds no secret and where
people sign in.
"""

import azure.functions as func

from slipway.web.answer import Answer
from slipway.web.approving import receive_vote_by_link, show_linked_changes, show_linked_gate
from slipway.web.located import ApprovalAddress, receive_signed_in_vote, show_gate, show_plan_changes
from slipway.web.messages import or_message
from slipway.web.signin import Visitor

from .pages import ANONYMOUS, LOOKING, respond, services, shows, takes
from .shared import new_blueprint

blueprint = new_blueprint()
_PLACE = "approvals/{application}/{number}/{environment}"


@blueprint.function_name("page_approval")
@blueprint.route(route="approvals/{token}", methods=LOOKING, auth_level=ANONYMOUS)
def page_approval(req: func.HttpRequest) -> func.HttpResponse:
    reply_id = req.params.get("said", "")
    return respond(req, or_message(lambda: show_linked_gate(services(), req.route_params["token"], reply_id)))


@blueprint.function_name("page_approval_changes")
@blueprint.route(route="approvals/{token}/changes", methods=LOOKING, auth_level=ANONYMOUS)
def page_approval_changes(req: func.HttpRequest) -> func.HttpResponse:
    return respond(req, or_message(lambda: show_linked_changes(services(), req.route_params["token"])))


@blueprint.function_name("take_decision")
@blueprint.route(route="approvals/{token}", methods=["POST"], auth_level=ANONYMOUS)
def take_decision(req: func.HttpRequest) -> func.HttpResponse:
    return respond(
        req,
        or_message(lambda: receive_vote_by_link(services(), req.route_params["token"], req.headers, req.get_body())),
    )


@shows(blueprint, _PLACE)
def page_approval_place(req: func.HttpRequest, who: Visitor) -> Answer:
    return show_gate(services(), _approval_address(req), who)


@shows(blueprint, f"{_PLACE}/changes")
def page_approval_place_changes(req: func.HttpRequest, who: Visitor) -> Answer:
    return show_plan_changes(services(), _approval_address(req), who)


@takes(blueprint, _PLACE)
def take_decision_of_signed_in(req: func.HttpRequest, who: Visitor) -> Answer:
    return receive_signed_in_vote(services(), _approval_address(req), who, req.headers, req.get_body())


def _approval_address(req: func.HttpRequest) -> ApprovalAddress:
    """The parts of the address. The plan is a query parameter; without it the address leads to the current plan."""
    parts_of_address = {part: req.route_params[part] for part in ("application", "number", "environment")}
    return ApprovalAddress(**parts_of_address, plan=req.params.get("plan", ""))

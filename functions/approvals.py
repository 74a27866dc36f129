"""Approval pages. GET shows what is to be decided and changes nothing; POST says the vote.

At gates where links vote, the signed token in the address is the credential, so it appears in no log and in no
response but the holder's own. Elsewhere it only leads to the page of the plan, whose address holds no secret and where
people sign in.
"""

from collections.abc import Callable

import azure.functions as func

from slipway.web import located
from slipway.web.answer import Answer
from slipway.web.approving import ApprovalContext, decide, show, show_changes
from slipway.web.located import ApprovalAddress
from slipway.web.messages import guarded
from slipway.web.signin import Visitor
from slipway.web.voting import Booth

from .pages import ANONYMOUS, LOOKING, posted, reading, sent
from .shared import new_blueprint, parts

blueprint = new_blueprint()


@blueprint.function_name("page_approval")
@blueprint.route(route="approvals/{token}", methods=LOOKING, auth_level=ANONYMOUS)
def page_approval(req: func.HttpRequest) -> func.HttpResponse:
    said = req.params.get("said", "")
    return sent(req, guarded(lambda: show(_desk(), req.route_params["token"], said)))


@blueprint.function_name("page_approval_changes")
@blueprint.route(route="approvals/{token}/changes", methods=LOOKING, auth_level=ANONYMOUS)
def page_approval_changes(req: func.HttpRequest) -> func.HttpResponse:
    return sent(req, guarded(lambda: show_changes(_desk(), req.route_params["token"])))


@blueprint.function_name("take_decision")
@blueprint.route(route="approvals/{token}", methods=["POST"], auth_level=ANONYMOUS)
def take_decision(req: func.HttpRequest) -> func.HttpResponse:
    return sent(req, guarded(lambda: decide(_desk(), req.route_params["token"], req.headers, req.get_body())))


@blueprint.function_name("page_approval_place")
@blueprint.route(route="approvals/{application}/{number}/{environment}", methods=LOOKING, auth_level=ANONYMOUS)
def page_approval_place(req: func.HttpRequest) -> func.HttpResponse:
    return _placed(req, lambda place, who: located.show(_desk(), place, who))


@blueprint.function_name("page_approval_place_changes")
@blueprint.route(route="approvals/{application}/{number}/{environment}/changes", methods=LOOKING, auth_level=ANONYMOUS)
def page_approval_place_changes(req: func.HttpRequest) -> func.HttpResponse:
    return _placed(req, lambda place, who: located.show_changes(_desk(), place, who))


@blueprint.function_name("take_decision_of_signed_in")
@blueprint.route(route="approvals/{application}/{number}/{environment}", methods=["POST"], auth_level=ANONYMOUS)
def take_decision_of_signed_in(req: func.HttpRequest) -> func.HttpResponse:
    address = _place(req)
    return posted(req, address.address, lambda who: located.decide(_desk(), address, who, req.headers, req.get_body()))


def _placed(req: func.HttpRequest, work: Callable[[ApprovalAddress, Visitor], Answer]) -> func.HttpResponse:
    address = _place(req)
    return reading(req, address.address, lambda who: work(address, who))


def _place(req: func.HttpRequest) -> ApprovalAddress:
    """The parts of the address. The plan is a query parameter; without it the address leads to the current plan."""
    named = {part: req.route_params[part] for part in ("application", "number", "environment")}
    return ApprovalAddress(**named, plan=req.params.get("plan", ""))


def _desk() -> ApprovalContext:
    built = parts()
    return ApprovalContext(
        keys=built.link_keys,
        reader=built.reader,
        answers=built.answers,
        clock=built.clock,
        public_url=built.settings.public_url,
        forms=built.forms,
        booth=Booth(
            saying=built.saying,
            writer=built.inbox_writer,
            sessions=built.sessions,
            reader=built.reader,
            installation=built.settings.installation_name,
        ),
    )

"""The operator's page, and the page on which a person confirms what the command line asked for. GET is read-only; POST
gives one command."""

import azure.functions as func

from slipway.web import confirming
from slipway.web.answer import Answer
from slipway.web.operating import OperatingContext, PageSubject, give, show, subject_of
from slipway.web.signin import Visitor

from .pages import ANONYMOUS, LOOKING, posted, reading, with_query
from .shared import new_blueprint, parts

blueprint = new_blueprint()


@blueprint.function_name("page_operate")
@blueprint.route(route="operate", methods=LOOKING, auth_level=ANONYMOUS)
def page_operate(req: func.HttpRequest) -> func.HttpResponse:
    path = with_query("/operate", req.params)
    return reading(req, path, lambda who: show(_desk(), subject_of(req.params), who))


@blueprint.function_name("take_command")
@blueprint.route(route="operate", methods=["POST"], auth_level=ANONYMOUS)
def take_command(req: func.HttpRequest) -> func.HttpResponse:
    def work(who: Visitor) -> Answer:
        subject: PageSubject = subject_of(req.params)
        return give(_desk(), subject, who, req.headers, req.get_body())

    return posted(req, with_query("/operate", req.params), work)


@blueprint.function_name("page_confirm")
@blueprint.route(route="confirm/{handle}", methods=LOOKING, auth_level=ANONYMOUS)
def page_confirm(req: func.HttpRequest) -> func.HttpResponse:
    handle = req.route_params["handle"]
    return reading(req, confirming.address_of(handle), lambda who: confirming.show(_desk(), handle, who))


@blueprint.function_name("take_confirmation")
@blueprint.route(route="confirm/{handle}", methods=["POST"], auth_level=ANONYMOUS)
def take_confirmation(req: func.HttpRequest) -> func.HttpResponse:
    handle = req.route_params["handle"]

    def work(who: Visitor) -> Answer:
        return confirming.confirm(_desk(), handle, who, req.headers, req.get_body())

    return posted(req, confirming.address_of(handle), work)


def _desk() -> OperatingContext:
    built = parts()
    return OperatingContext(
        forms=built.forms,
        writer=built.inbox_writer,
        saying=built.saying,
        sessions=built.sessions,
        blocks=built.blocks,
        clock=built.clock,
        public_url=built.settings.public_url,
        restored=built.chain_anchors.restored,
    )

"""The page of a proposed change of the catalogue. GET shows it; POST says a vote."""

from urllib.parse import quote

import azure.functions as func

from slipway.web import proposed
from slipway.web.answer import Answer
from slipway.web.signin import Visitor

from .pages import ANONYMOUS, LOOKING, posted, reading
from .shared import new_blueprint, parts

blueprint = new_blueprint()


@blueprint.function_name("page_change")
@blueprint.route(route="changes/{change}", methods=LOOKING, auth_level=ANONYMOUS)
def page_change(req: func.HttpRequest) -> func.HttpResponse:
    change = req.route_params["change"]
    return reading(req, proposed.address_of(quote(change, safe="")), lambda who: proposed.show(_desk(), change, who))


@blueprint.function_name("take_vote_on_change")
@blueprint.route(route="changes/{change}", methods=["POST"], auth_level=ANONYMOUS)
def take_vote_on_change(req: func.HttpRequest) -> func.HttpResponse:
    change = req.route_params["change"]

    def work(who: Visitor) -> Answer:
        return proposed.decide(_desk(), change, who, req.headers, req.get_body())

    return posted(req, proposed.address_of(quote(change, safe="")), work)


def _desk() -> proposed.ChangeDesk:
    built = parts()
    return proposed.ChangeDesk(
        proposals=built.proposals,
        as_voted=built.as_voted,
        writer=built.inbox_writer,
        saying=built.saying,
        sessions=built.sessions,
        forms=built.forms,
        public_url=built.settings.public_url,
    )

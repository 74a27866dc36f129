"""The page of a proposed change of the catalogue. GET shows it; POST says a vote."""

import azure.functions as func

from slipway.web.answer import Answer
from slipway.web.proposed import receive_change_vote, show_proposed_change
from slipway.web.signin import Visitor

from .pages import services, shows, takes
from .shared import new_blueprint

blueprint = new_blueprint()


@shows(blueprint, "changes/{change}")
def page_change(req: func.HttpRequest, who: Visitor) -> Answer:
    return show_proposed_change(services(), req.route_params["change"], who)


@takes(blueprint, "changes/{change}")
def take_vote_on_change(req: func.HttpRequest, who: Visitor) -> Answer:
    return receive_change_vote(services(), req.route_params["change"], who, req.headers, req.get_body())

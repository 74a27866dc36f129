"""The operator's page, and the page on which a person confirms what the command line asked for. GET is read-only; POST
gives one command."""

import azure.functions as func

from slipway.web.answer import Answer
from slipway.web.confirming import confirm, show_confirmation
from slipway.web.operating import give_command, read_subject, show_commands
from slipway.web.signin import Visitor

from .pages import services, shows, takes
from .shared import new_blueprint

blueprint = new_blueprint()


@shows(blueprint, "operate")
def page_operate(req: func.HttpRequest, who: Visitor) -> Answer:
    return show_commands(services(), read_subject(req.params), who)


@takes(blueprint, "operate")
def take_command(req: func.HttpRequest, who: Visitor) -> Answer:
    return give_command(services(), read_subject(req.params), who, req.headers, req.get_body())


@shows(blueprint, "confirm/{handle}")
def page_confirm(req: func.HttpRequest, who: Visitor) -> Answer:
    return show_confirmation(services(), req.route_params["handle"], who)


@takes(blueprint, "confirm/{handle}")
def take_confirmation(req: func.HttpRequest, who: Visitor) -> Answer:
    return confirm(services(), req.route_params["handle"], who, req.headers, req.get_body())

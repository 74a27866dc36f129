"""The way back from the identity provider with the proof of what somebody said.

A GET that leads to a row of the inbox: its `state` is good once, and only in the browser that it was made in.
"""

import azure.functions as func

from slipway.http.cookies import Cookie
from slipway.http.saying import ProviderRedirect
from slipway.web.answer import Answer, see_other
from slipway.web.leading import nothing_sent
from slipway.web.messages import or_message

from .pages import ANONYMOUS, respond
from .shared import new_blueprint, parts

blueprint = new_blueprint()


@blueprint.function_name("page_said_back")
@blueprint.route(route="say/back", methods=["GET"], auth_level=ANONYMOUS)
def page_said_back(req: func.HttpRequest) -> func.HttpResponse:
    return respond(req, or_message(lambda: _handle_return(req)))


def _handle_return(req: func.HttpRequest) -> Answer:
    components = parts()
    outcome = components.saying.handle_return(
        state=req.params.get("state", ""),
        code=req.params.get("code", ""),
        error=req.params.get("error", ""),
        browser=components.sessions.cookies.read(req.headers, Cookie.BROWSER),
    )
    return see_other(outcome.to) if isinstance(outcome, ProviderRedirect) else nothing_sent(outcome)

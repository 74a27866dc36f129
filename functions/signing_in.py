"""Signing in and out. The way back from the provider is a GET that changes nothing here: it only brings a cookie."""

import azure.functions as func

from slipway.http.signing_in import NotSignedIn, SignInRedirect
from slipway.web.answer import Answer, see_other
from slipway.web.messages import not_signed_in, or_message
from slipway.web.signin import Visitor
from slipway.web.signing_out import end_session, show_sign_out, signed_out_page

from .pages import ANONYMOUS, respond, services, shows, takes
from .shared import new_blueprint, parts

blueprint = new_blueprint()


@blueprint.function_name("page_sign_in")
@blueprint.route(route="sign-in", methods=["GET"], auth_level=ANONYMOUS)
def page_sign_in(req: func.HttpRequest) -> func.HttpResponse:
    """Leads to the provider. The parameter `to` is the page to come back to."""
    return respond(
        req, or_message(lambda: _redirect_or_message(parts().sign_in.begin(req.headers, req.params.get("to", "/"))))
    )


@blueprint.function_name("page_signed_in")
@blueprint.route(route="sign-in/back", methods=["GET"], auth_level=ANONYMOUS)
def page_signed_in(req: func.HttpRequest) -> func.HttpResponse:
    return respond(
        req, or_message(lambda: _redirect_or_message(parts().sign_in.handle_return(req.headers, req.params)))
    )


@shows(blueprint, "sign-out", role=False)
def page_sign_out(_: func.HttpRequest, who: Visitor) -> Answer:
    return show_sign_out(parts().forms, who)


@takes(blueprint, "sign-out", role=False)
def take_sign_out(req: func.HttpRequest, who: Visitor) -> Answer:
    return end_session(services(), who, req.headers, req.get_body())


@blueprint.function_name("page_signed_out")
@blueprint.route(route="signed-out", methods=["GET"], auth_level=ANONYMOUS)
def page_signed_out(req: func.HttpRequest) -> func.HttpResponse:
    return respond(req, signed_out_page())


def _redirect_or_message(outcome: SignInRedirect | NotSignedIn) -> Answer:
    return see_other(outcome.to, *outcome.cookies) if isinstance(outcome, SignInRedirect) else not_signed_in(outcome)

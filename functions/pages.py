"""Pages for people: what is live, what is on its way, and the story of each release."""

import azure.functions as func

from .shared import new_blueprint

blueprint = new_blueprint()
ANONYMOUS = func.AuthLevel.ANONYMOUS


@blueprint.function_name("page_overview")
@blueprint.route(route="/", methods=["GET", "HEAD"], auth_level=ANONYMOUS)
def overview(req: func.HttpRequest) -> func.HttpResponse:  # noqa: ARG001 - the binding needs it
    return func.HttpResponse("Slipway\n", mimetype="text/plain")

"""The approval link: GET shows what is asked, POST decides."""

import azure.functions as func

from .shared import new_blueprint, parts

blueprint = new_blueprint()
ANONYMOUS = func.AuthLevel.ANONYMOUS


@blueprint.function_name("page_approval")
@blueprint.route(route="approvals/{token}", methods=["GET", "HEAD"], auth_level=ANONYMOUS)
def approval(req: func.HttpRequest) -> func.HttpResponse:
    claims = parts().keys.approval(req.route_params["token"], now=parts().clock())
    return func.HttpResponse(f"{claims.application}-{claims.release}\n", mimetype="text/plain")

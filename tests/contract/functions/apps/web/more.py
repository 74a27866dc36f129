"""A blueprint, to show that the app folder is on the path."""

import azure.functions as func

more = func.Blueprint()


@more.route(route="from-blueprint", auth_level=func.AuthLevel.ANONYMOUS)
async def from_blueprint(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("blueprint")

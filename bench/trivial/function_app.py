"""The smallest function app there is: one HTTP function. What Slipway's start and answers are measured against."""

import azure.functions as func

app = func.FunctionApp()


@app.route(route="trivial", methods=["POST", "GET"], auth_level=func.AuthLevel.ANONYMOUS)
def trivial(req: func.HttpRequest) -> func.HttpResponse:
    """A sync function that reads the body, as ours are."""
    return func.HttpResponse(str(len(req.get_body())), status_code=202)

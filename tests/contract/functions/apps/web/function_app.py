"""An app of HTTP and Event Grid functions that return their input."""

import json
import logging
import os
import sys
import time
from pathlib import Path

import azure.functions as func
from more import more

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
app.register_functions(more)
received: list[dict[str, object]] = []


def json_response(content: object, status: int = 200) -> func.HttpResponse:
    return func.HttpResponse(json.dumps(content), status_code=status, mimetype="application/json")


@app.route(route="hello/{name?}", methods=["GET", "POST"])
async def hello(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    return json_response(
        {
            "method": req.method,
            "name": req.route_params.get("name"),
            "query": dict(req.params),
            "header": req.headers.get("x-test"),
            "body": req.get_body().decode(),
            "trace": context.trace_context.trace_parent,
            "function": context.function_name,
        }
    )


@app.route(route="items/{id:int}", methods=["GET"])
def item(req: func.HttpRequest) -> func.HttpResponse:
    return json_response({"id": req.route_params["id"]})


@app.route(route="items/{id:int}", methods=["DELETE"])
def drop_item(req: func.HttpRequest) -> func.HttpResponse:
    return json_response({"dropped": req.route_params["id"]})


@app.route(route="files/{*path}")
def files(req: func.HttpRequest) -> func.HttpResponse:
    return json_response({"path": req.route_params.get("path")})


@app.route(route="cookies")
def cookies(req: func.HttpRequest) -> func.HttpResponse:
    response = func.HttpResponse("", status_code=201, headers={"X-Own": "1"})
    response.headers.add("Set-Cookie", "a=1; Path=/; HttpOnly")
    response.headers.add("Set-Cookie", "b=2; Secure; SameSite=Lax")
    return response


@app.route(route="session-cookie")
def session_cookie(req: func.HttpRequest) -> func.HttpResponse:
    response = func.HttpResponse("")
    value = "k1.AZaz09-_" + req.params.get("padding", "")
    response.headers.add("Set-Cookie", f"__Host-session={value}; Secure; HttpOnly; SameSite=Lax; Path=/")
    if "pathless" in req.params:
        response.headers.add("Set-Cookie", "__Host-pathless=1; Secure; HttpOnly; SameSite=Lax")
    return response


@app.route(route="cookie-back")
def cookie_back(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(req.headers.get("Cookie", ""))


@app.route(route="named-file")
def named_file(req: func.HttpRequest) -> func.HttpResponse:
    disposition = f"attachment; filename={req.params['name']}"
    return func.HttpResponse("content", headers={"Content-Disposition": disposition})


@app.route(route="overlap/precise")
def z_precise(req: func.HttpRequest) -> func.HttpResponse:
    return json_response({"ran": "z_precise"})


@app.route(route="overlap/{anything}")
def a_general(req: func.HttpRequest) -> func.HttpResponse:
    return json_response({"ran": "a_general"})


@app.route(route="text")
def text(req: func.HttpRequest) -> str:
    return "plain text"


@app.route(route="fails")
def fails(req: func.HttpRequest) -> func.HttpResponse:
    raise ValueError("the reason")


@app.route(route="no-answer")
def no_answer(req: func.HttpRequest) -> func.HttpResponse:
    return {"a": "dict is no HttpResponse"}  # type: ignore[return-value]


@app.route(route="guarded", auth_level=func.AuthLevel.FUNCTION)
def guarded(req: func.HttpRequest) -> func.HttpResponse:
    return json_response({"code": req.params.get("code")})


@app.route(route="for-admins", auth_level=func.AuthLevel.ADMIN)
def for_admins(req: func.HttpRequest) -> func.HttpResponse:
    return json_response({})


@app.route(route="switched-off")
def switched_off(req: func.HttpRequest) -> func.HttpResponse:
    return json_response({"ran": True})


@app.route(route="crash")
def crash(req: func.HttpRequest) -> func.HttpResponse:
    os._exit(7)


@app.route(route="leave")
def leave(req: func.HttpRequest) -> func.HttpResponse:
    os._exit(0)


@app.route(route="process")
async def process(req: func.HttpRequest) -> func.HttpResponse:
    return json_response(
        {"pid": os.getpid(), "cwd": str(Path.cwd()), "setting": os.environ.get("SOME_SETTING"), "path": sys.path}
    )


@app.route(route="wait/{file}")
def wait(req: func.HttpRequest) -> func.HttpResponse:
    """Runs until the named file appears in the folder of the settings."""
    folder = Path(os.environ["WAIT_FOLDER"])
    (folder / (req.route_params["file"] + ".waiting")).touch()
    while not (folder / req.route_params["file"]).exists():
        time.sleep(0.02)
    return json_response({"waited": True})


@app.route(route="speak")
async def speak(req: func.HttpRequest) -> func.HttpResponse:
    print("a printed line")  # noqa: T201
    logging.getLogger("the.app").warning("a logged line")
    return json_response({})


@app.event_grid_trigger(arg_name="event")
async def on_event(event: func.EventGridEvent) -> None:
    data = event.get_json()
    if data.get("fail"):
        raise RuntimeError("this event cannot be handled")
    received.append({"id": event.id, "subject": event.subject, "type": event.event_type, "data": data})


@app.event_grid_trigger(arg_name="event")
async def on_cloud_event(event: func.CloudEvent) -> None:
    received.append({"id": event.id, "source": event.source, "data": event.get_json()})


@app.route(route="received")
async def show_received(req: func.HttpRequest) -> func.HttpResponse:
    return json_response(received)

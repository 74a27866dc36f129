"""An app that indexes, with functions that Azure refuses to start, and one that is sound."""

import typing

import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)


@app.route(route="sound")
def sound(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("sound")


@app.route(route="Sound", methods=["GET"])
def same_route(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("never")


@app.route(route="admin/tools")
def reserved_route(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("never")


@app.timer_trigger(arg_name="timer", schedule="0 0 25 * * *")
def bad_schedule(timer: func.TimerRequest) -> None:
    return None


@app.timer_trigger(arg_name="timer", schedule="0 0 * * * 7")
def no_such_sunday(timer: func.TimerRequest) -> None:
    return None


@app.service_bus_queue_trigger(arg_name="msg", queue_name="%NO_SUCH_SETTING%", connection="SB")
def unresolved(msg: func.ServiceBusMessage) -> None:
    return None


@app.service_bus_queue_trigger(arg_name="msg", queue_name="q", connection="NO_SUCH_CONNECTION")
def unconnected(msg: func.ServiceBusMessage) -> None:
    return None


@app.service_bus_queue_trigger(
    arg_name="msgs", queue_name="q", connection="SB", is_sessions_enabled=True, cardinality="many"
)
def with_sessions(msgs: typing.List[func.ServiceBusMessage]) -> None:  # noqa: UP006
    return None


@app.generic_trigger(arg_name="thing", type="madeUpTrigger")
def unknown_binding(thing: str) -> None:
    return None

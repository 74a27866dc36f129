"""An app with one wrong annotation, which takes all of it down."""

import azure.functions as func

app = func.FunctionApp()


@app.route(route="sound")
def sound(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("sound")


@app.service_bus_queue_trigger(arg_name="msgs", queue_name="q", connection="SB", cardinality="many")
def wrong(msgs: list[func.ServiceBusMessage]) -> None:
    return None

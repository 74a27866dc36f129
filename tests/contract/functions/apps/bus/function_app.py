"""An app of Service Bus functions. Each sends its input to the queue `seen`, as JSON."""

import asyncio
import json
import os
import time
import typing
from pathlib import Path

import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
load = {"now": 0, "most": 0}


def facts(msg: func.ServiceBusMessage) -> dict[str, object]:
    return {
        "body": msg.get_body().decode(),
        "message_id": msg.message_id,
        "delivery_count": msg.delivery_count,
        "sequence_number": msg.sequence_number,
        "subject": msg.subject,
        "correlation_id": msg.correlation_id,
        "content_type": msg.content_type,
        "application_properties": msg.application_properties,
        "enqueued": msg.enqueued_time_utc.isoformat() if msg.enqueued_time_utc else None,
        "time_to_live": str(msg.time_to_live),
        "locked_until": str(msg.locked_until),
        "at": time.time(),
    }


@app.service_bus_queue_trigger(arg_name="msg", queue_name="%ONE_QUEUE%", connection="SB")
@app.service_bus_queue_output(arg_name="seen", queue_name="seen", connection="SB")
async def one(msg: func.ServiceBusMessage, seen: func.Out[str], context: func.Context) -> None:
    seen.set(json.dumps({**facts(msg), "trace": context.trace_context.trace_parent}))


@app.service_bus_queue_trigger(
    arg_name="msgs", queue_name="many", connection="SB", cardinality="many", data_type="string"
)
@app.service_bus_queue_output(arg_name="seen", queue_name="seen", connection="SB")
async def many(msgs: typing.List[func.ServiceBusMessage], seen: func.Out[str]) -> None:  # noqa: UP006
    seen.set(json.dumps([{**facts(msg), "batch": len(msgs)} for msg in msgs]))


@app.service_bus_queue_trigger(arg_name="msg", queue_name="failing", connection="SB")
async def failing(msg: func.ServiceBusMessage) -> None:
    raise RuntimeError(f"delivery {msg.delivery_count} fails")


@app.service_bus_queue_trigger(arg_name="msg", queue_name="slow", connection="SB")
@app.service_bus_queue_output(arg_name="seen", queue_name="seen", connection="SB")
async def slow(msg: func.ServiceBusMessage, seen: func.Out[str]) -> None:
    """Runs until a file with the name in the body appears."""
    load["now"] += 1
    load["most"] = max(load.values())
    folder = Path(os.environ["WAIT_FOLDER"])
    name = msg.get_body().decode()
    (folder / f"{name}.{msg.delivery_count}.waiting").touch()
    while not (folder / name).exists():
        await asyncio.sleep(0.02)
    load["now"] -= 1
    seen.set(json.dumps({"slow": name, "delivery_count": msg.delivery_count, "most": load["most"]}))


@app.route(route="send", methods=["POST"])
@app.service_bus_queue_output(arg_name="out", queue_name="%ONE_QUEUE%", connection="SB")
async def send(req: func.HttpRequest, out: func.Out[str]) -> func.HttpResponse:
    out.set(req.get_body().decode())
    return func.HttpResponse(status_code=202)


@app.route(route="send-nowhere", methods=["POST"])
@app.service_bus_queue_output(arg_name="out", queue_name="no-such-queue", connection="SB")
async def send_nowhere(req: func.HttpRequest, out: func.Out[str]) -> func.HttpResponse:
    out.set("lost")
    return func.HttpResponse(status_code=202)


@app.service_bus_queue_trigger(arg_name="msg", queue_name="%DEADLY_QUEUE%", connection="SB")
async def deadly(msg: func.ServiceBusMessage) -> None:
    os._exit(9)

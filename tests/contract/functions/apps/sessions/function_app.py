"""An app with one function on a queue with sessions. Each run adds a line to a file, and lasts as its message says.

`UNTIL` names the file that ends the runs of messages that name none.
"""

import asyncio
import json
import os
from pathlib import Path

import azure.functions as func

app = func.FunctionApp()


def note(line: dict[str, object]) -> None:
    with (Path(os.environ["NOTES"]) / "runs").open("a") as file:
        file.write(json.dumps(line) + "\n")


@app.service_bus_queue_trigger(arg_name="msg", queue_name="work", connection="SB", is_sessions_enabled=True)
async def ordered(msg: func.ServiceBusMessage) -> None:
    body = json.loads(msg.get_body())
    line = {"session": msg.session_id, "name": body.get("name"), "delivery": msg.delivery_count}
    until = body.get("until") or os.environ.get("UNTIL")
    note({**line, "at": "start"})
    await asyncio.sleep(body.get("seconds", 0))
    while until and not (Path(os.environ["NOTES"]) / until).exists():
        await asyncio.sleep(0.02)
    note({**line, "at": "end"})
    if body.get("fails"):
        raise RuntimeError("as the message says")

"""An app of timers. Each run adds a line of JSON to a file of its own in the folder of the settings."""

import asyncio
import json
import os
import time
from pathlib import Path

import azure.functions as func
from azure.functions.timer import TimerRequest

app = func.FunctionApp()


def note(name: str, timer: func.TimerRequest, **more: object) -> None:
    assert isinstance(timer, TimerRequest)  # the abstract class does not have the status
    line = json.dumps(
        {"pid": os.getpid(), "past_due": timer.past_due, "status": timer.schedule_status, "time": time.time(), **more}
    )
    with (Path(os.environ["NOTES"]) / name).open("a") as file:
        file.write(line + "\n")


@app.timer_trigger(arg_name="timer", schedule="* * * * * *")
async def tick(timer: func.TimerRequest) -> None:
    note("tick", timer)


@app.timer_trigger(arg_name="timer", schedule="%YEARLY%", run_on_startup=True)
async def at_start(timer: func.TimerRequest) -> None:
    note("at_start", timer)


@app.timer_trigger(arg_name="timer", schedule="%YEARLY%")
async def yearly(timer: func.TimerRequest) -> None:
    note("yearly", timer)


@app.timer_trigger(arg_name="timer", schedule="*/1 * * * * *")
async def long_one(timer: func.TimerRequest) -> None:
    note("long_one", timer, at="start")
    await asyncio.sleep(1.5)
    note("long_one", timer, at="end")


@app.timer_trigger(arg_name="timer", schedule="%YEARLY%", run_on_startup=True)
@app.retry(strategy="fixed_delay", max_retry_count="2", delay_interval="00:00:01")
async def retried(timer: func.TimerRequest, context: func.Context) -> None:
    note("retried", timer, retry=context.retry_context.retry_count)
    raise RuntimeError("always")

"""Keys, admin endpoints and the Event Grid webhook against what Microsoft's code answered.

Host 4.1037 of October 2024 (its handlers and policies compiled, behind MVC) and Extensions.EventGrid 3.3.0.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from local.functions.bindings import Function
from local.functions.frames import Outcome
from local.functions.keys import Keys
from tests.contract.functions.served import (
    FAILED,
    OK,
    Served,
    Worker,
    event_function,
    http_function,
    serve,
)
from tests.contract.functions.vectors import compare, vectors

KEYS = Keys(
    master="M",
    function_keys={"default": "F"},
    system_keys={"eventgrid_extension": "E", "other_extension": "O", "custom": "S"},
    of_function={"g": {"default": "G"}},
)
_LEVELS = {
    "open": "ANONYMOUS",
    "f": "FUNCTION",
    "g": "FUNCTION",
    "adm": "ADMIN",
    "off": "FUNCTION",
    "offopen": "ANONYMOUS",
}


def _broken() -> Function:
    trigger = {"type": "timerTrigger", "direction": "IN", "name": "timer"}
    return Function(name="broken", id="broken", bindings=(trigger,), retry=None, disabled=False, error="bad schedule")


@pytest.fixture(scope="module")
def guarded() -> Iterator[Served]:
    functions = [
        http_function(name, f"fn/{name}", level=level, disabled=name.startswith("off"))
        for name, level in _LEVELS.items()
    ]
    with serve([*functions, event_function("Good"), _broken()], Worker(), keys=KEYS) as served:
        yield served


def test_keys_open_the_same_endpoints_as_in_azure(guarded: Served) -> None:
    """W-23, W-24: AuthenticationLevelHandler, the policies and the admin controllers' attributes: a key of the wrong
    kind is 403 at the admin's and the extensions' endpoints, an unknown one 401; "run now" asks for a JSON type and a
    body."""
    differences = {}
    for number, case in vectors("keys"):
        path, body = case["path"], str(case.get("body") or "").encode()
        headers = (
            [*case["headers"]]
            if not body and case["method"] != "POST"
            else [*case["headers"], ["Content-Length", str(len(body))]]
        )
        if case["target"] == "webhook":
            # The question is whether the key opens; the delivery itself is one that is accepted.
            path += ("&" if "?" in path else "?") + "functionName=Good"
            headers.append(["aeg-event-type", "Unsubscribe"])
        actual = guarded.send(case["method"], path, headers, body).status
        expected = case["status"]
        if case["target"] == "webhook" and expected == 202 and case["method"] == "OPTIONS":
            expected = 200  # the handshake
        if actual != expected:
            differences[number] = (
                f"{case['target']} {case['what']} {case['method']} {case['path']}: expected {expected}, got {actual}"
            )
    compare("keys", differences)


def _outcome_of(function: Function, value: Any) -> Outcome:
    fails = function.name == "Bad" or (function.name == "Odd" and json.loads(value).get("id") == "2")
    return FAILED if fails else OK


def test_deliveries_are_taken_as_by_the_event_grid_extension() -> None:
    """W-15, W-17, W-20, W-22, W-25: what cannot be read is 500 and comes again; a function's name counts with its case;
    times in an event are rewritten; the function's span is a child of the delivery, not of what the event
    carries."""
    worker = Worker(outcome=_outcome_of)
    functions = [
        event_function("Good"),
        event_function("Bad"),
        event_function("Odd"),
        event_function("Off", disabled=True),
    ]
    differences = {}
    with serve(functions, worker) as served:
        for number, case in vectors("event-grid"):
            if difference := _delivered(served, worker, case):
                differences[number] = f"{case['what']}: {difference}"
    compare("event-grid", differences)


def _delivered(served: Served, worker: Worker, case: dict[str, Any]) -> str:
    worker.runs.clear()
    body = str(case.get("body", "")).encode()
    headers = [*case["headers"], ["Content-Length", str(len(body))]]
    if "delivery_trace" in case:
        headers.append(["traceparent", case["delivery_trace"]])
    target = case["path"] if "path" in case else "/runtime/webhooks/EventGrid" + case["query"]
    reply = served.send(case["method"], target, headers, body)
    if reply.status != case["status"]:
        return f"expected {case['status']}, got {reply.status}"
    received = sorted((run.function, run.value) for run in worker.runs)
    expected = sorted((run["function"], run["event"]) for run in case.get("received", []))
    if [name for name, _ in received] != [name for name, _ in expected]:
        return f"expected runs of {expected}, got {received}"
    for (_, actual), (_, recorded) in zip(received, expected, strict=True):
        if actual != json.dumps(json.loads(recorded)) and json.loads(actual) != json.loads(recorded):
            return f"expected {recorded}, got {actual}"
    if any(run.trace_parent != case["delivery_trace"] for run in worker.runs if "delivery_trace" in case):
        return f"expected the trace of the delivery, got {[run.trace_parent for run in worker.runs]}"
    if case["status"] == 200:
        recorded_headers = [value for name, value in case["answer_headers"] if name.lower() == "webhook-allowed-origin"]
        bodies = [json.loads(text) if text else None for text in (reply.body, case["answer_body"])]
        if reply.all("webhook-allowed-origin") != recorded_headers or bodies[0] != bodies[1]:
            return f"expected {case['answer_headers']} {case['answer_body']}, got {reply}"
    return ""

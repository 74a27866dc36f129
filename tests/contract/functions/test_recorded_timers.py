"""Schedules and timers against what Microsoft's code answered: the timer extension, compiled from its source of October
2024, with NCrontab.Signed 3.4.0 (the host pins 3.3.3)."""

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from local.functions import timer_status
from local.functions.bindings import check_retry
from local.functions.errors import FunctionError, HostError
from local.functions.invocation import pause
from local.functions.ncrontab import Schedule
from local.functions.protos import RpcRetryOptions
from local.functions.timer_status import Status
from local.functions.timespan import seconds
from tests.contract.functions.vectors import compare, vectors


def test_schedules_occur_as_in_azure() -> None:
    """W-10, W-28, W-32: which texts are schedules, and when they occur."""
    compare(
        "ncrontab", {number: difference for number, case in vectors("ncrontab") if (difference := _scheduled(case))}
    )


def _scheduled(case: dict[str, Any]) -> str:
    text = repr(case["expression"])
    try:
        schedule = Schedule(case["expression"])
    except ValueError as error:
        return f"{text} refused: {error}" if case["accepted"] else ""
    if not case["accepted"]:
        return f"{text} was taken"
    moment = datetime.fromisoformat(case["start"])
    for expected in case["next"]:
        moment = schedule.next(moment)
        if moment != datetime.fromisoformat(expected):
            return f"{text}: expected {expected}, got {moment.isoformat()}"
    if case.get("ends") and len(case["next"]) < 5:
        try:
            return f"{text}: expected no more, got {schedule.next(moment).isoformat()}"
        except ValueError:
            return ""
    return ""


def test_timers_decide_as_in_azure() -> None:
    """W-05, W-18, W-19, W-31, W-35, W-36: what a timer does at a start and after a run, what it stores, whether it
    stores anything, what the worker is handed, and how long a retry waits."""
    differences = {}
    for number, case in vectors("timers"):
        try:
            difference = _DECISIONS[case["case"]](case)
        except (ValueError, HostError) as error:
            difference = "" if case.get("accepted") is False else f"refused: {error}"
        if difference:
            differences[number] = f"{case['case']}: {difference}"
    compare("timers", differences)


def _status(recorded: dict[str, str] | None) -> Status | None:
    if recorded is None:
        return None
    # .NET has a seventh digit.
    last, following, updated = (datetime.fromisoformat(recorded[name][:26]) for name in ("Last", "Next", "LastUpdated"))
    return Status(last=last, next=following, updated=updated)


def _difference(expected: object, actual: object) -> str:
    return "" if expected == actual else f"expected {expected}, got {actual}"


def _start(case: dict[str, Any]) -> str:
    start = timer_status.at_start(
        Schedule(case["schedule"]),
        _status(case["kept"]),
        datetime.fromisoformat(case["now"][:26]),
        run_on_startup=False,
    )
    expected = (case["past_due"], datetime.fromisoformat(case["next"][:26]), _status(case["stored"]))
    return _difference(
        expected, (start.due is timer_status.Due.PAST, start.status.next, start.status if start.store else None)
    )


def _listener_start(case: dict[str, Any]) -> str:
    schedule, now = Schedule(case["schedule"]), datetime.fromisoformat(case["now"][:26])
    keeps = case["use_monitor"] and schedule.keeps_status(now)
    previous = _status(case["kept"]) if keeps else None
    start = timer_status.at_start(schedule, previous, now, run_on_startup=case["run_on_startup"])
    stored = start.status if start.store and keeps else None
    return _difference(
        (case["due"], case["keeps_status"], _status(case["stored_at_start"])), (start.due.value, keeps, stored)
    )


def _run(case: dict[str, Any]) -> str:
    status = _status(case["status"])
    assert status is not None
    schedule, finished = Schedule(case["schedule"]), datetime.fromisoformat(case["finished"])
    started = datetime.fromisoformat(case["started"])
    then = timer_status.after_run(schedule, status, started, planned=case["why"] == "scheduled")
    at_once = then.next <= finished
    expected = (_status(case["then"]), case["at_once"], datetime.fromisoformat(case["next_run"]))
    return _difference(expected, (then, at_once, finished if at_once else then.next))


def _keeps_status(case: dict[str, Any]) -> str:
    return _difference(
        case["keeps_status"], Schedule(case["schedule"]).keeps_status(datetime.fromisoformat(case["now"]))
    )


def _payload(case: dict[str, Any]) -> str:
    Schedule(case["schedule"])
    actual = timer_status.payload(_status(case["status"]), past_due=case["past_due"]).replace(" ", "")
    return _difference(case["json"], actual)


def _retry(case: dict[str, Any]) -> str:
    policy = RpcRetryOptions(
        max_retry_count=case["max"],
        retry_strategy="fixed_delay" if case["strategy"] == "fixed" else "exponential_backoff",
        delay_interval=_span(case.get("delay")),
        minimum_interval=_span(case.get("min_delay")),
        maximum_interval=_span(case.get("max_delay")),
    )
    try:
        check_retry(policy)
    except FunctionError as error:
        return f"refused: {error}" if case["accepted"] else ""
    if not case["accepted"]:
        return "was taken"
    for retry, least, most in zip(count(1), case["least_seen"], case["most_seen"], strict=False):
        if case["max"] not in (-1, 0) and retry > case["max"]:
            break
        if case["max"]:
            drawn = [pause(policy, retry) for _ in range(200)]
            if not (least * 0.99 <= min(drawn) + 0.02 * most and max(drawn) <= most * 1.02):
                return f"retry {retry}: expected {least} to {most}, got {min(drawn)} to {max(drawn)}"
    return ""


def _span(text: str | None) -> timedelta | None:
    return None if text is None else timedelta(seconds=seconds(text, "delay"))


_DECISIONS: dict[str, Callable[[dict[str, Any]], str]] = {
    "start": _start,
    "listener start": _listener_start,
    "run": _run,
    "keeps status": _keeps_status,
    "payload": _payload,
    "retry": _retry,
}

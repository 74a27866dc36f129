"""host.json, app settings and time spans against what .NET's configuration and the host's classes answered."""

import json
from typing import Any

from local.functions import host_json, timespan
from local.functions.app_settings import AppSettings
from local.functions.errors import HostError
from tests.contract.functions.vectors import compare, vectors


def test_functions_are_disabled_by_the_settings_that_do_it_in_azure() -> None:
    """W-03. HostListenerFactory.IsDisabled of WebJobs SDK 3.0.48, run: `AzureWebJobs_F_Disabled` counts, which is the
    name on Linux, and `AzureWebJobs__F__Disabled` does not."""
    differences = {
        number: f"{case['settings']}: expected {case['disabled']}, got {actual}"
        for number, case in vectors("disabled")
        if (actual := AppSettings(case["settings"]).is_disabled(case["function"])) != case["disabled"]
    }
    compare("disabled", differences)


def test_time_spans_are_read_as_by_dotnet_or_refused() -> None:
    """W-40. TimeSpan of .NET 10, run."""
    differences = {}
    for number, case in vectors("timespan"):
        try:
            actual: float | None = timespan.seconds(case["text"], "field")
        except HostError:
            actual = None
        if actual != (case["seconds"] if case["accepted"] else None):
            differences[number] = f"{case['text']!r}: expected {case.get('seconds', 'a refusal')}, got {actual}"
    compare("timespan", differences)


def test_host_json_is_read_as_in_azure() -> None:
    """W-16, W-41. .NET's configuration binder and ServiceBusRetryOptions 7.21.0, run; whole files, read."""
    compare(
        "hostjson", {number: difference for number, case in vectors("hostjson") if (difference := _difference(case))}
    )


def _difference(case: dict[str, Any]) -> str:
    accepted = case.get("accepted", case.get("outcome", "taken") == "taken")
    try:
        actual = _bound(case)
    except (HostError, ValueError) as error:
        return f"{case}: refused: {error}" if accepted else ""
    if not accepted:
        return f"{case}: was taken"
    expected = _expected(case)
    differs = any(actual[name] != value for name, value in expected.items())
    return f"{case}: expected {expected}, got {actual}" if differs else ""


def _bound(case: dict[str, Any]) -> dict[str, Any]:
    """What this host makes of it, by the names of the vectors."""
    extensions: dict[str, Any] = {}
    settings: dict[str, str] = {}
    content: Any = {"version": "2.0", "extensions": extensions}
    match case["case"]:
        case "value" if case["type"] == "flag":
            extensions["serviceBus"] = {"autoCompleteMessages": case["text"]}
        case "value":
            extensions["http"] = {"maxOutstandingRequests": case["text"]}
        case "clientRetryOptions":
            extensions["serviceBus"] = {"clientRetryOptions": {case["name"]: case["text"]}}
        case "name":
            content = {"version": "2.0"}
            settings = case["settings"]
            for path, value in case["host_json"].items():
                part = content
                *sections, last = path.split(".")
                for section in sections:
                    part = part.setdefault(section, {})
                part[last] = value
        case "file":
            content = json.loads(case["content"] or "no file")
    host = host_json.parse(content, AppSettings(settings).host_json())
    bus = host.service_bus
    return {
        "value": bus.auto_complete if case.get("type") == "flag" else host.max_outstanding_requests,
        "maxConcurrentCalls": bus.max_concurrent_calls,
        "prefetchCount": bus.prefetch_count,
        "autoCompleteMessages": bus.auto_complete,
        "maxAutoLockRenewalSeconds": bus.max_lock_renewal,
        "functionTimeoutSeconds": host.function_timeout,
        "routePrefix": host.route_prefix,
        "maxRetries": bus.retry.max_retries,
        "delay": bus.retry.delay,
        "maxDelay": bus.retry.max_delay,
        "mode": bus.retry.mode,
    }


def _expected(case: dict[str, Any]) -> dict[str, Any]:
    if case["case"] == "value":
        bound = case["bound"]
        return {"value": None if case["type"] != "flag" and bound < 0 else bound}
    if case["case"] == "name":
        calls = case["max_concurrent_calls"]
        return {"maxConcurrentCalls": host_json.ServiceBusOptions().max_concurrent_calls if calls is None else calls}
    bound = dict(case.get("bound", {}))
    bound.pop("tryTimeout", None)
    if "mode" in bound:
        bound["mode"] = bound["mode"].lower()
    return bound

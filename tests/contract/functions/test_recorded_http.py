"""HTTP against what Microsoft's code answered: host 4.1037 of October 2024, its classes compiled, behind Kestrel.

`tests/recorded/README.md` says how the answers were recorded, and `not-followed.json` names the places where this host
decides otherwise.
"""

import base64
import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from local.functions.app_settings import AppSettings
from local.functions.bindings import describe
from local.functions.errors import FunctionError, RouteError
from local.functions.host_json import HostJson
from local.functions.paths import BadTargetError, split
from local.functions.protos import (
    NullableBool,
    NullableDouble,
    NullableString,
    NullableTimestamp,
    RpcFunctionMetadata,
    RpcHttpCookie,
    Timestamp,
    TypedData,
)
from local.functions.routes import Route, compile_route
from tests.contract.functions.served import FAILED, OK, Served, Worker, http_function, http_outcome, serve
from tests.contract.functions.vectors import compare, vectors

_OF_THE_SERVER = {"date", "server", "content-length", "transfer-encoding", "connection", "keep-alive"}
_LIMIT = 1000


# Routes


def test_routes_are_taken_and_matched_as_in_azure() -> None:
    """W-01, W-02, W-29, W-42. WebJobs.Extensions.Http 3.2.0 on Kestrel: which templates it refuses, and of 1,599
    requests which function runs with which values."""
    differences = {
        number: difference
        for number, case in vectors("routes")
        if case["set"] != "home page"
        and (
            difference := _difference_in_errors(case) if "functions_in_error" in case else _difference_in_routing(case)
        )
    }
    compare("routes", differences)


def _difference_in_errors(case: dict[str, Any]) -> str:
    """Which functions of a set are in error, for a reserved route or one that another has taken."""
    functions = []
    for declared in case["functions"]:
        trigger = {**declared, "type": "httpTrigger", "direction": "IN", "name": "req"}
        bindings = [trigger, {"type": "http", "direction": "OUT", "name": "$return"}]
        raw = [json.dumps(binding) for binding in bindings]
        functions.append(RpcFunctionMetadata(name=declared["name"], function_id=declared["name"], raw_bindings=raw))
    functions_described = describe(functions, AppSettings({}), HostJson(route_prefix=case["route_prefix"]))
    actual = [function.name for function in functions_described if function.error]
    return (
        "" if actual == case["functions_in_error"] else f"expected {case['functions_in_error']} in error, got {actual}"
    )


def _difference_in_routing(case: dict[str, Any]) -> str:
    """The differences from the recording; empty if there are none."""
    host = HostJson(route_prefix=case["route_prefix"])
    functions = sorted(case["functions"], key=lambda function: function["name"].upper())
    try:
        routes = [
            (function, compile_route(host.template(function["route"] or function["name"]))) for function in functions
        ]
    except RouteError as error:
        return "" if "refused" in case else f"refused: {error}"
    except FunctionError as error:
        return f"not covered: {error}"
    if "refused" in case:
        return "a refused template was taken"
    differences = (
        f"{request['method']} {request['path']}: {difference}"
        for request in case["requests"]
        if (difference := _difference_in_request(routes, request))
    )
    return next(differences, "")


def _difference_in_request(routes: list[tuple[dict[str, Any], Route]], request: dict[str, Any]) -> str:
    expected = (request["status"], request.get("function"), request.get("params") if request["status"] == 200 else None)
    actual: tuple[int, str | None, dict[str, str] | None] = (404, None, None)
    try:
        path, _ = split(request["path"])
    except BadTargetError as error:
        actual = (error.status, None, None)
    else:
        for function, route in routes:
            methods = {method.upper() for method in function["methods"] or ()}
            values = route.match(path) if not methods or request["method"].upper() in methods else None
            if values is not None:
                actual = (200, function["name"], values)
                break
    return "" if actual == expected else f"expected {expected}, got {actual}"


# Requests and answers


@pytest.fixture(scope="module")
def worker() -> Worker:
    return Worker()


@pytest.fixture(scope="module")
def server(worker: Worker) -> Iterator[Served]:
    with serve([http_function("x", "{*path}")], worker, body_limit=_LIMIT) as served:
        yield served


def test_requests_reach_a_function_as_in_azure(server: Served, worker: Worker) -> None:
    """W-04, W-11, W-29, W-30: the host's own conversion of a request, GrpcMessageConversionExtensions, behind
    Kestrel."""
    worker.outcome = lambda _function, _value: OK
    differences = {}
    for number, case in vectors("http"):
        if (
            case["case"] == "request"
            and "limit_bytes" not in case
            and (difference := _difference_in_invocation(server, worker, case))
        ):
            differences[number] = difference
    compare("http requests", differences)


def _difference_in_invocation(server: Served, worker: Worker, case: dict[str, Any]) -> str:
    worker.runs.clear()
    try:
        reply = server.send(
            case["method"], case["path"], case["headers"], _body(case), version=case.get("version", "HTTP/1.1")
        )
    except OSError as error:
        return f"{case['what']}: {error!r}"
    if reply.status != case["status"]:
        return f"{case['what']} {case['path'][:60]}: expected {case['status']}, got {reply.status}"
    if "received" not in case:
        return ""
    expected, actual = case["received"], worker.runs[0].value
    content = actual.body.value if actual.body.kind else None
    expected_content = expected["body"] and expected["body"].get("bytes")
    if expected["body"] and "bytes_length" in expected["body"]:
        content, expected_content = content and len(content), expected["body"]["bytes_length"]
    elif content is not None:
        content = base64.b64encode(content).decode()
    actual_parts = (actual.method, actual.url, dict(actual.query), dict(actual.headers), content)
    expected_parts = (expected["method"], expected["url"], expected["query"], expected["headers"], expected_content)
    return next(
        (
            f"{case['what']}: expected {h!r}, got {s!r}"
            for h, s in zip(expected_parts, actual_parts, strict=True)
            if h != s
        ),
        "",
    )


def _body(case: dict[str, Any]) -> bytes:
    if "body_as_sent_bytes" in case:
        chunked = any(name == "Transfer-Encoding" for name, _ in case["headers"])
        return b"7d0\r\n" + b"x" * 2000 + b"\r\n0\r\n\r\n" if chunked else b"x" * case["body_as_sent_bytes"]
    if "body_as_sent_base64" in case:
        return base64.b64decode(case["body_as_sent_base64"])
    return str(case.get("body_as_sent", "")).encode()


def test_answers_reach_the_caller_as_in_azure(server: Served, worker: Worker) -> None:
    """W-08, W-09: RawScriptResult of the host and Kestrel: statuses, headers, content types, cookies, bodies."""
    differences = {
        number: difference
        for number, case in vectors("http")
        if case["case"] == "response" and (difference := _difference_in_response(server, worker, case))
    }
    compare("http responses", differences)


def _difference_in_response(server: Served, worker: Worker, case: dict[str, Any]) -> str:
    outcome = FAILED if case["answer"].get("failed") else _outcome(case["answer"])
    worker.outcome = lambda _function, _value: outcome
    try:
        reply = server.send(case.get("method", "GET"), "/x")
    except OSError as error:
        return f"{case['what']}: {error!r}"
    wire = case["wire"]
    body = base64.b64decode(wire["body_base64"]) if "body_base64" in wire else str(wire.get("body", "")).encode()
    expected = (wire["status"], _comparable(wire["headers"]), body)
    actual = (reply.status, _comparable(reply.headers), reply.body)
    return (
        ""
        if expected == actual
        else f"{case['what']} {str(case.get('answer'))[:90]}: expected {expected}, got {actual}"
    )


def _comparable(headers: list[Any]) -> list[tuple[str, str]]:
    return sorted((name.lower(), value) for name, value in headers if name.lower() not in _OF_THE_SERVER)


def _outcome(recorded: dict[str, Any]) -> Any:
    recorded_body = recorded.get("body") or {}
    body = TypedData()
    if "bytes_as_text" in recorded_body:
        body = TypedData(bytes=recorded_body["bytes_as_text"].encode())
    elif "bytes_base64" in recorded_body:
        body = TypedData(bytes=base64.b64decode(recorded_body["bytes_base64"]))
    elif recorded_body:
        body = TypedData(**recorded_body)
    cookies = [_cookie(cookie) for cookie in recorded.get("cookies", [])]
    return http_outcome(status_code=recorded["status"], headers=recorded.get("headers", {}), cookies=cookies, body=body)


def _cookie(recorded: dict[str, Any]) -> RpcHttpCookie:
    fields: dict[str, Any] = {"name": recorded["name"], "value": recorded["value"]}
    for name, kind in (
        ("path", NullableString),
        ("domain", NullableString),
        ("secure", NullableBool),
        ("http_only", NullableBool),
        ("max_age", NullableDouble),
    ):
        if name in recorded:
            fields[name] = kind(value=recorded[name])
    if "expires" in recorded:
        seconds = int(datetime.fromisoformat(recorded["expires"]).timestamp())
        fields["expires"] = NullableTimestamp(value=Timestamp(seconds=seconds))
    if "same_site" in recorded:
        fields["same_site"] = RpcHttpCookie.SameSite[recorded["same_site"]]
    return RpcHttpCookie(**fields)


def test_the_home_page_answers_where_no_function_does() -> None:
    """W-21. HomepageMiddleware of host 4.1037, read: `/` without a function is 200 for every method, so that a probe
    of it says nothing of the app; 204 with AzureWebJobsDisableHomepage."""
    for _, case in vectors("routes"):
        if case["set"] != "home page":
            continue
        functions = [http_function(f["name"], f["route"], f["methods"]) for f in case["functions"]]
        disabled = case.get("settings", {}).get("AzureWebJobsDisableHomepage") == "true"
        with serve(functions, Worker(), home_page=not disabled) as served:
            for request in case["requests"]:
                expected = request["status"] or 200
                assert served.send(request["method"], request["path"]).status == expected, request

"""Plays the situations of `questions.py` on an API server, and leaves out of its responses what differs every time."""

import json
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from tests.contract.kubernetes_double.asking import Json, Request
from tests.contract.kubernetes_double.questions import SITUATIONS

type Send = Callable[[Request], tuple[int, dict[str, str], bytes]]

STALE = "1"
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_ADDRESS = re.compile(r"\b10\.\d+\.\d+\.\d+\b")
_VERSION = re.compile(r"(?<=ResourceVersion in record \()\d+")
_POINTER = re.compile(r"\(\d{6,}\)")
_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----")
_FINGERPRINT = re.compile(r"(?<=X509SHA256=)[0-9a-f]{64}")
_VARYING = {
    _FINGERPRINT: "FINGERPRINT",
    _UUID: "UID",
    _ADDRESS: "ADDRESS",
    _VERSION: "VERSION",
    _POINTER: "(…)",
    _CERTIFICATE: "CERTIFICATE",
}
_TIMES = frozenset({"creationTimestamp", "time", "renewTime", "acquireTime", "deletionTimestamp"})
_OWN_MANAGERS = frozenset({"slipway", "other", "someone", "recorder"})
_LONGEST = 4000
_TIMEOUT = 20
_NOT_A_STATUS_OF_ITS_OWN = frozenset({"Status", "SelfSubjectAccessReview", "SelfSubjectReview", "Scale", "Namespace"})


def play(send: Send, requests: tuple[Request, ...]) -> list[Json]:
    """Each response, reduced so that two servers that respond alike give the same."""
    responses: list[Json] = []
    placeholders = {"$uid": "", "$version": "", "$continue": ""}
    for request in requests:
        status, headers, content = _response_to(send, _filled_request(request, placeholders))
        body = _decoded(content)
        if isinstance(body, dict) and (metadata := body.get("metadata")) and metadata.get("uid"):
            placeholders |= {"$uid": metadata["uid"], "$version": metadata.get("resourceVersion", "")}
        elif isinstance(body, dict) and (metadata := body.get("metadata")) and metadata.get("continue"):
            placeholders |= {"$continue": metadata["continue"]}
        response: Json = {"status": status, "type": headers.get("content-type", "").split(";")[0]}
        if warning := headers.get("warning"):
            response["warning"] = warning
        responses.append(response | {"body": plain(body)})
    return responses


def _response_to(send: Send, request: Request) -> tuple[int, dict[str, str], bytes]:
    """The response to the request; if it waits for a status, the first response with that status, or the last one
    before the time is up."""
    end = time.monotonic() + _TIMEOUT
    while True:
        response = send(request)
        if request.until in (0, response[0]) or time.monotonic() > end:
            return response
        time.sleep(0.02)


def _filled_request(request: Request, placeholders: dict[str, str]) -> Request:
    text = json.dumps(request.body)
    for name, value in {**placeholders, "$stale": STALE}.items():
        text = text.replace(name, value)
    return replace(
        request,
        body=json.loads(text),
        path=request.path.replace("$continue", quote(placeholders["$continue"], safe="")),
    )


def _decoded(content: bytes) -> Any:
    try:
        return json.loads(content)
    except ValueError:
        return content.decode(errors="replace")


def plain(value: Any, name: str = "") -> Any:
    """The response without the parts that differ every time, and without the fields that controllers write in their own
    time."""
    match value:
        case dict():
            fields = {key: inner for key, inner in value.items() if key not in ("resourceVersion", "selfLink")}
            if fields.get("kind") not in _NOT_A_STATUS_OF_ITS_OWN and isinstance(fields.get("status"), dict):
                del fields["status"]
            if name == "annotations":
                fields.pop("deployment.kubernetes.io/revision", None)
            plain_fields = {key: plain(inner, key) for key, inner in sorted(fields.items())}
            return {key: inner for key, inner in plain_fields.items() if key != "annotations" or inner}
        case list() if name == "managedFields":
            own_entries = [entry for entry in value if entry.get("manager") in _OWN_MANAGERS]
            return [plain(entry) for entry in sorted(own_entries, key=_place_of_manager)]
        case list():
            return [plain(item) for item in value]
        case str() if name in _TIMES:
            return "TIME"
        case str() if name == "continue" and value:
            return "CONTINUE"
        case str() if len(value) > _LONGEST:
            return f"{len(value)} characters"
        case str():
            for pattern, substitute in _VARYING.items():
                value = pattern.sub(substitute, value)
            return value
        case _:
            return value


def _place_of_manager(entry: Json) -> tuple[bool, str, str, str]:
    """Servers order them by their times first, in whole seconds, so that the order depends on when a second ends."""
    return "time" in entry, entry["manager"], entry["operation"], entry.get("subresource", "")


def differences(left: Json, right: Json, names: tuple[str, str] = ("real", "double")) -> list[str]:
    """The differences between two responses, each with both values. If one response is a refusal, that is the only
    difference."""
    first, second = names
    if left["status"] != right["status"]:
        return [f"{first} {_summary(left)}, {second} {_summary(right)}"]
    return [f"{path}: {first} {_text(a)}, {second} {_text(b)}" for path, a, b in _differing(left, right)]


def _summary(response: Json) -> str:
    body = response["body"]
    message = body.get("message", "") if isinstance(body, dict) else body
    return f"{response['status']} {_cut(message)}".strip()


def _differing(left: Any, right: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    if isinstance(left, dict) and isinstance(right, dict):
        for key in sorted(left.keys() | right.keys()):
            inner = f"{path}.{key}" if path else key
            yield from _differing(left.get(key, _NOTHING), right.get(key, _NOTHING), inner)
    elif isinstance(left, list) and isinstance(right, list) and len(left) == len(right):
        for number, (item, right_item) in enumerate(zip(left, right, strict=True)):
            yield from _differing(item, right_item, f"{path}[{number}]")
    elif left != right:
        yield path, left, right


_NOTHING = object()


def _text(value: Any) -> str:
    return "nothing" if value is _NOTHING else _cut(json.dumps(value))


def _cut(text: str) -> str:
    return text if len(text) <= 240 else f"{text[:140]} … {text[-90:]}"


def differences_from(situation: str, recorded: list[Json], send: Send) -> list[str]:
    """The places at which a server's responses to one situation differ from the recorded ones."""
    return differences_between(situation, recorded, play(send, SITUATIONS[situation]))


def differences_between(
    situation: str, responses: list[Json], other_responses: list[Json], names: tuple[str, str] = ("real", "double")
) -> list[str]:
    """The differences between the responses of two servers to one situation, a line each."""
    return [
        f"{number}. {request.method} {request.path.split('/')[-1].split('?')[0]}: {line}"
        for number, (request, left, right) in enumerate(
            zip(SITUATIONS[situation], responses, other_responses, strict=True), 1
        )
        for line in differences(left, right, names)
    ]

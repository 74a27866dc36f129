"""Plays the situations of `questions.py` on an API server, and leaves out of its answers what differs every time."""

import json
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from tests.contract.kubernetes_double.asking import Ask, Json
from tests.contract.kubernetes_double.questions import SITUATIONS

type Send = Callable[[Ask], tuple[int, dict[str, str], bytes]]

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
_OURS = frozenset({"slipway", "other", "someone", "recorder"})
_LONGEST = 4000
_PATIENCE = 20
_NOT_A_STATUS_OF_ITS_OWN = frozenset({"Status", "SelfSubjectAccessReview", "SelfSubjectReview", "Scale", "Namespace"})


def play(send: Send, asks: tuple[Ask, ...]) -> list[Json]:
    """Each answer, told so that two servers that answer alike tell the same."""
    told: list[Json] = []
    known = {"$uid": "", "$version": "", "$continue": ""}
    for ask in asks:
        status, headers, content = _answered(send, _filled(ask, known))
        body = _read(content)
        if isinstance(body, dict) and (metadata := body.get("metadata")) and metadata.get("uid"):
            known |= {"$uid": metadata["uid"], "$version": metadata.get("resourceVersion", "")}
        elif isinstance(body, dict) and (metadata := body.get("metadata")) and metadata.get("continue"):
            known |= {"$continue": metadata["continue"]}
        answer: Json = {"status": status, "type": headers.get("content-type", "").split(";")[0]}
        if warning := headers.get("warning"):
            answer["warning"] = warning
        told.append(answer | {"body": plain(body)})
    return told


def _answered(send: Send, ask: Ask) -> tuple[int, dict[str, str], bytes]:
    """The answer to the request; if it waits for a status, the first answer with that status, or the last one in
    time."""
    end = time.monotonic() + _PATIENCE
    while True:
        answer = send(ask)
        if ask.until in (0, answer[0]) or time.monotonic() > end:
            return answer
        time.sleep(0.02)


def _filled(ask: Ask, known: dict[str, str]) -> Ask:
    text = json.dumps(ask.body)
    for name, value in {**known, "$stale": STALE}.items():
        text = text.replace(name, value)
    return replace(ask, body=json.loads(text), path=ask.path.replace("$continue", quote(known["$continue"], safe="")))


def _read(content: bytes) -> Any:
    try:
        return json.loads(content)
    except ValueError:
        return content.decode(errors="replace")


def plain(value: Any, name: str = "") -> Any:
    """The answer without the parts that differ every time, and without the fields that controllers write in their own
    time."""
    match value:
        case dict():
            kept = {key: inner for key, inner in value.items() if key not in ("resourceVersion", "selfLink")}
            if kept.get("kind") not in _NOT_A_STATUS_OF_ITS_OWN and isinstance(kept.get("status"), dict):
                del kept["status"]
            if name == "annotations":
                kept.pop("deployment.kubernetes.io/revision", None)
            made = {key: plain(inner, key) for key, inner in sorted(kept.items())}
            return {key: inner for key, inner in made.items() if key != "annotations" or inner}
        case list() if name == "managedFields":
            ours = [entry for entry in value if entry.get("manager") in _OURS]
            return [plain(entry) for entry in sorted(ours, key=_place_of_manager)]
        case list():
            return [plain(item) for item in value]
        case str() if name in _TIMES:
            return "TIME"
        case str() if name == "continue" and value:
            return "CONTINUE"
        case str() if len(value) > _LONGEST:
            return f"{len(value)} characters"
        case str():
            for pattern, put in _VARYING.items():
                value = pattern.sub(put, value)
            return value
        case _:
            return value


def _place_of_manager(entry: Json) -> tuple[bool, str, str, str]:
    """Servers order them by their times first, in whole seconds, so that the order depends on when a second ends."""
    return "time" in entry, entry["manager"], entry["operation"], entry.get("subresource", "")


def differences(one: Json, other: Json, names: tuple[str, str] = ("real", "double")) -> list[str]:
    """The differences between two answers, each with both values. If one answer is a refusal, that is the only
    difference."""
    first, second = names
    if one["status"] != other["status"]:
        return [f"{first} {_told(one)}, {second} {_told(other)}"]
    return [f"{path}: {first} {_shown(a)}, {second} {_shown(b)}" for path, a, b in _differing(one, other)]


def _told(answer: Json) -> str:
    body = answer["body"]
    message = body.get("message", "") if isinstance(body, dict) else body
    return f"{answer['status']} {_cut(message)}".strip()


def _differing(one: Any, other: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    if isinstance(one, dict) and isinstance(other, dict):
        for key in sorted(one.keys() | other.keys()):
            inner = f"{path}.{key}" if path else key
            yield from _differing(one.get(key, _NOTHING), other.get(key, _NOTHING), inner)
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for number, (item, its_other) in enumerate(zip(one, other, strict=True)):
            yield from _differing(item, its_other, f"{path}[{number}]")
    elif one != other:
        yield path, one, other


_NOTHING = object()


def _shown(value: Any) -> str:
    return "nothing" if value is _NOTHING else _cut(json.dumps(value))


def _cut(text: str) -> str:
    return text if len(text) <= 240 else f"{text[:140]} … {text[-90:]}"


def compared(situation: str, recorded: list[Json], send: Send) -> list[str]:
    """The places at which a server answers one situation otherwise than was recorded."""
    return told_apart(situation, recorded, play(send, SITUATIONS[situation]))


def told_apart(
    situation: str, answers: list[Json], others: list[Json], names: tuple[str, str] = ("real", "double")
) -> list[str]:
    """The differences between what two servers answered to one situation, a line each."""
    return [
        f"{number}. {ask.method} {ask.path.split('/')[-1].split('?')[0]}: {line}"
        for number, (ask, one, other) in enumerate(zip(SITUATIONS[situation], answers, others, strict=True), 1)
        for line in differences(one, other, names)
    ]

"""Bad input by every way in gets its response, is parked with its reason, and holds nothing up."""

import base64
import json
from typing import Any

import pytest
import urllib3

from local.ci.pipeline import build_complete, run_of
from slipway.inbound import SIZE_LIMIT
from tests.integration.system import ADA, PUSHED, System, now_by_the_registry, until
from tests.unit.inbound.test_pipeline import WRAPPER

pytestmark = pytest.mark.stack

NOWHERE = "sha256:" + "0" * 64


def parked_form(body: bytes) -> str:
    """A body as parking stores it: as text, or in base64 if it is not text."""
    try:
        return body.decode()
    except UnicodeDecodeError:
        return f"base64:{base64.b64encode(body).decode()}"


def hook_of(pipeline: str, **changes: Any) -> dict[str, Any]:
    return build_complete(run_of("1.0.0"), pipeline=pipeline) | changes


def test_a_hook_with_a_wrong_secret_is_refused(system: System) -> None:
    for secret in ("", "wrong", "x" * 5000, system.stack.secrets.hook_secret[:-1], "schlüssel"):
        assert system.hook(hook_of("doors-ci"), secret=secret).status == 401


@pytest.mark.parametrize("header", ["", "Basic", "Basic !!!", "Bearer x", "Basic " + "QQ==" * 1000])
def test_a_hook_with_a_broken_header_is_refused(system: System, header: str) -> None:
    url = system.stack.url + "/api/hooks/azure-devops"
    response = system.stack.http.request("POST", url, body=b"{}", headers={"Authorization": header})
    assert response.status == 401
    assert response.headers["WWW-Authenticate"] == 'Basic realm="slipway"'


def test_a_header_that_is_not_utf8_is_refused_by_the_host(system: System) -> None:
    url = system.stack.url + "/api/hooks/azure-devops"
    response = system.stack.http.request("POST", url, body=b"{}", headers={"Authorization": "Basic \xfc\xfc"})
    assert response.status == 400


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "body: expected JSON"),
        (b"{", "body: expected JSON"),
        (b"\xff\xfe not text", "body: expected UTF-8"),
        (b"[" * 100_000, "body: expected JSON that is not nested"),
        (b'{"eventType": "build.complete", "nothing": "else"}', "resource"),
        (json.dumps(hook_of("doors-ci", resourceVersion="1.0")).encode(), "resourceVersion: expected 2.0"),
        (json.dumps(hook_of("doors-ci", resource=[])).encode(), "resource: expected a JSON object"),
    ],
)
def test_a_hook_that_cannot_be_read_is_answered_200_and_parked(system: System, body: bytes, reason: str) -> None:
    response = system.hook(body)
    assert (response.status, response.content["outcome"]) == (200, "parked")
    assert reason in response.content["detail"]
    assert system.parked(source="azure-devops", reason=reason)["id"]


def test_a_hook_without_a_length_does_not_arrive_and_is_parked_with_that_reason(system: System) -> None:
    headers = urllib3.make_headers(basic_auth=f"slipway:{system.stack.secrets.hook_secret}")
    url = system.stack.url + "/api/hooks/azure-devops"
    response = system.stack.http.request("POST", url, body=iter([b"{}"]), chunked=True, headers=headers)
    assert (response.status, response.json()["outcome"]) == (200, "parked")
    assert "chunked bodies are not supported" in response.json()["detail"]


def test_a_hook_of_a_foreign_organization_is_parked(system: System) -> None:
    foreign = {"account": {"id": "x", "baseUrl": "https://dev.azure.com/fabrikam/"}}
    response = system.hook(hook_of("doors-ci", resourceContainers=foreign))
    assert (response.status, response.content["outcome"]) == (200, "parked")
    assert "(contoso), got 'fabrikam'" in response.content["detail"]


def test_a_hook_of_two_megabytes_and_a_byte_is_parked_in_part_and_not_replayable(system: System) -> None:
    response = system.hook(b'{"pad": "' + b"x" * SIZE_LIMIT)
    assert (response.status, response.content["outcome"]) == (200, "parked")
    assert f"at most {SIZE_LIMIT} bytes" in response.content["detail"]
    parked = system.parked(source="azure-devops", reason=f"at most {SIZE_LIMIT} bytes")
    receipt = system.post(f"/api/v1/parked/{parked['id']}/replay").content

    def replayed() -> Any:
        outcome = system.get(receipt["address"])
        return outcome if outcome["state"] != "received" else None

    assert "too long to be kept whole" in until(replayed, "the replay is answered")["reason"]


def test_a_hook_about_another_kind_of_event_is_answered_200_and_ignored(system: System) -> None:
    response = system.hook({"eventType": "git.push", "resource": {}})
    assert (response.status, response.content["outcome"]) == (200, "ignored")


@pytest.mark.parametrize("cloud", [False, True])
def test_a_push_to_a_registry_that_nobody_set_up_is_parked(system: System, cloud: bool) -> None:
    host = f"other-{cloud}.azurecr.io".lower()
    data = system.push_data("team/doors", NOWHERE, "1.0.0", host=host)
    assert system.event(data, cloud=cloud).status in (200, 202)
    system.parked(source="events", reason=f"got '{host}'")


def test_a_push_of_a_foreign_topic_is_parked(system: System) -> None:
    data = system.push_data("team/doors", NOWHERE, "1.0.0")
    system.event(data, topic="/subscriptions/somebody-elses")
    system.parked(source="events", reason="topic: expected the registry nonprod of this installation")


@pytest.mark.parametrize("data", [None, [], "text", {"target": {"tag": "1.0.0"}}, {"target": {"tag": "\ud800"}}])
@pytest.mark.parametrize("cloud", [False, True])
def test_an_event_that_cannot_be_read_is_parked(system: System, data: Any, cloud: bool) -> None:
    at = now_by_the_registry()
    assert system.event(data, cloud=cloud, at=at).status in (200, 202)
    system.parked(source="events", reason="data", body=at[: len("2026-11-29T12:00:00.000000")])


def test_an_event_that_concerns_no_application_is_dropped_and_logged(system: System) -> None:
    system.event(system.push_data("team/nobodys", NOWHERE, "1.0.0"))
    assert system.hook(hook_of("nobodys-ci")).status == 202

    def logged() -> bool:
        text = "".join(log.read_text() for log in (system.stack.folder / "logs").glob("*.log"))
        return "team/nobodys:1.0.0: dropped" in text and "of nobodys-ci: dropped" in text

    until(logged, "both are in the log")
    assert not [p for p in system.get("/api/v1/parked")["parked"] if "nobodys" in p["body"]]


def test_a_digest_that_is_not_there_fails_the_release_and_is_named(system: System) -> None:
    application = system.application("doors")
    system.event(system.push_data("team/doors", NOWHERE, "1.0.1"))
    release = application.reached("release.failed", tag="1.0.1")["release"]
    reason = application.release(release)["reason"]
    for part in (system.stack.registries["nonprod"], "team/doors", NOWHERE):
        assert part in reason, reason


@pytest.mark.parametrize("queue", ["events", "hints", "steps", "runs", "approvals"])
@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"\x00\xffgarbage", "body: expected"),
        (b'["a list"]', "expected"),
        (json.dumps({"kind": "no-such-thing", "type": PUSHED}).encode(), "expected"),
        (WRAPPER + b"\x99\xff{", "body: expected"),
    ],
)
def test_a_message_that_cannot_be_read_is_parked(system: System, queue: str, body: bytes, reason: str) -> None:
    system.send(queue, body)
    system.parked(source=queue, reason=reason, body=parked_form(body))


def test_a_message_with_the_token_of_a_link_is_parked_and_names_what_is_missing(system: System) -> None:
    system.send("approvals", {"token": "Zm9y.Z2Vk", "decision": "approve", "approver": {"email": ADA}})
    system.parked(source="approvals", reason="v: expected a value, got nothing")


def test_a_good_delivery_after_bad_input_reaches_its_gate(system: System) -> None:
    application = system.application("doors")
    application.push("1.0.2")
    application.reached("gate.opened", tag="1.0.2")
    for queue in ("runs", "approvals"):
        system.send(queue, b'{"the": "last one"}', message_id=f"last-{queue}")
        system.parked(source=queue, reason="expected", body="last one")

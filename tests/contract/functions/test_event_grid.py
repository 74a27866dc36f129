"""The webhook of the Event Grid extension: handshakes, deliveries, keys."""

import json
from typing import Any

import pytest

from local.functions.launch import HostProcess
from tests.contract.functions.support import JSON, KEYS, Response, StartHost, ask, until

NOTIFICATION = {"aeg-event-type": "Notification", "Content-Type": "application/json"}


@pytest.fixture(scope="module")
def host(start_host: StartHost, tmp_path_factory: pytest.TempPathFactory) -> HostProcess:
    keys = tmp_path_factory.mktemp("keys") / "keys.json"
    keys.write_text(json.dumps(KEYS))
    return start_host("web", "--keys", str(keys))


def webhook(host: HostProcess, function: str, key: str = "the-event-grid-key") -> str:
    return f"{host.url}/runtime/webhooks/EventGrid?functionName={function}&code={key}"


def event(name: str, **data: Any) -> dict[str, Any]:
    return {
        "id": name,
        "topic": "/subscriptions/s/registry",
        "subject": "shop:1.0",
        "eventType": "Microsoft.ContainerRegistry.ImagePushed",
        "eventTime": "2026-11-23T08:00:00Z",
        "dataVersion": "1.0",
        "metadataVersion": "1",
        "data": data,
    }


def deliver(host: HostProcess, events: Any, function: str = "on_event") -> Response:
    return ask(webhook(host, function), "POST", events, NOTIFICATION)


def received(host: HostProcess) -> dict[str, dict[str, Any]]:
    return {invocation["id"]: invocation for invocation in ask(f"{host.url}/api/received").json()}


def test_a_subscription_is_validated(host: HostProcess) -> None:
    events = [event("v", validationCode="512d38b6") | {"eventType": "Microsoft.EventGrid.SubscriptionValidationEvent"}]
    response = ask(webhook(host, "on_event"), "POST", events, {"aeg-event-type": "SubscriptionValidation"})
    assert (response.status, response.json()) == (200, {"validationResponse": "512d38b6"})


def test_each_event_of_a_delivery_is_one_invocation(host: HostProcess) -> None:
    assert deliver(host, [event("a", n=1), event("b", n=2), event("c", n=3)]).status == 202
    invocations = received(host)
    assert [invocations[name]["data"]["n"] for name in "abc"] == [1, 2, 3]
    assert invocations["a"]["type"] == "Microsoft.ContainerRegistry.ImagePushed"


def test_one_failing_event_fails_the_delivery(host: HostProcess) -> None:
    assert deliver(host, [event("good"), event("bad", fail=True)]).status == 500
    assert "good" in received(host)


def test_a_cloud_event_may_come_alone_or_in_a_batch(host: HostProcess) -> None:
    def cloud(name: str) -> dict[str, Any]:
        return {"specversion": "1.0", "type": "t", "source": "/here", "id": name, "data": {"k": 1}}

    assert deliver(host, cloud("alone"), "on_cloud_event").status == 202
    assert deliver(host, [cloud("first"), cloud("second")], "on_cloud_event").status == 202
    assert {"alone", "first", "second"} <= set(received(host))


def test_the_cloud_events_handshake_names_the_caller(host: HostProcess) -> None:
    headers = {"WebHook-Request-Origin": "eventgrid.azure.net"}
    response = ask(webhook(host, "on_cloud_event"), "OPTIONS", headers=headers)
    assert response.status == 200
    assert response.all("WebHook-Allowed-Origin") == ["eventgrid.azure.net"]


@pytest.mark.parametrize(("key", "status"), [("", 401), ("wrong", 401), ("the-host-key", 403)])
def test_only_the_key_of_the_extension_opens_the_webhook(host: HostProcess, key: str, status: int) -> None:
    assert ask(webhook(host, "on_event", key), "POST", [event("x")], NOTIFICATION).status == status
    assert "x" not in received(host)


@pytest.mark.parametrize("function", ["nobody", "hello", "", "On_Event"])
def test_a_name_that_is_not_an_event_grid_function_is_404(host: HostProcess, function: str) -> None:
    assert deliver(host, [event("y")], function).status == 404


def test_a_request_without_a_type_is_400_and_an_unreadable_delivery_500(host: HostProcess) -> None:
    """W-22. Extensions.EventGrid 3.3.0 throws (run), and Event Grid sends a 500 again."""
    assert ask(webhook(host, "on_event"), "POST", [event("z")]).status == 400
    assert ask(webhook(host, "on_event"), "POST", "no json", NOTIFICATION).status == 500
    assert deliver(host, [1, 2]).status == 500


def test_an_unsubscribe_is_taken(host: HostProcess) -> None:
    assert ask(webhook(host, "on_event"), "POST", [], {"aeg-event-type": "Unsubscribe"}).status == 202


def test_other_extensions_have_no_webhook(host: HostProcess) -> None:
    url = f"{host.url}/runtime/webhooks/blobs?functionName=on_event"
    assert ask(f"{url}&code=the-master-key", "POST", [event("w")], NOTIFICATION).status == 404
    assert ask(f"{url}&code=the-event-grid-key", "POST", [event("w")], NOTIFICATION).status == 403


def test_the_admin_endpoint_runs_a_function_out_of_turn(host: HostProcess) -> None:
    url = f"{host.url}/admin/functions/on_event?code=the-master-key"
    assert ask(url, "POST", {"input": json.dumps(event("by-hand"))}, JSON).status == 202
    until(lambda: "by-hand" in received(host), "the function ran")

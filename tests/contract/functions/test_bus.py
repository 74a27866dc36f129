"""Service Bus functions, with the unmodified SDK on both sides of a broker: delivery, settlement, locks, outputs."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from azure.servicebus import ServiceBusClient, ServiceBusMessage, ServiceBusSender, ServiceBusSubQueue
from azure.servicebus.amqp import AmqpAnnotatedMessage

from local.functions.launch import HostProcess
from local.servicebus import QueueSettings, ServiceBus
from tests.contract.functions.support import JSON, StartHost, ask, until

QUEUES = ("one", "many", "failing", "slow", "seen")


@pytest.fixture(scope="module")
def bus() -> Iterator[ServiceBus]:
    queues = [QueueSettings(name=name, max_delivery_count=3, lock_seconds=2) for name in QUEUES]
    with ServiceBus(*queues) as bus:
        yield bus


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("waiting")


@pytest.fixture(scope="module")
def host(start_host: StartHost, bus: ServiceBus, folder: Path) -> HostProcess:
    return start_host(
        "bus", "--no-auth", "--log-level", "debug", SB=bus.connection_string, ONE_QUEUE="one", WAIT_FOLDER=str(folder)
    )


@pytest.fixture(scope="module")
def client(bus: ServiceBus) -> Iterator[ServiceBusClient]:
    with ServiceBusClient.from_connection_string(bus.connection_string) as client:
        yield client


Send = Callable[..., None]


class SeenQueue:
    """Collects what the functions wrote to the queue `seen`."""

    def __init__(self, client: ServiceBusClient) -> None:
        # Opened here: the first wait of the SDK would have to cover the opening, too.
        self._receiver = client.get_queue_receiver("seen").__enter__()
        self._entries: list[dict[str, Any]] = []

    def find(self, field: str, value: object, count: int = 1) -> list[dict[str, Any]]:
        def fetched() -> list[dict[str, Any]]:
            for message in self._receiver.receive_messages(50, max_wait_time=0.3):
                self._entries.append(json.loads(str(message)))
                self._receiver.complete_message(message)
            matching = [entry for entry in self._entries if entry.get(field) == value]
            return matching if len(matching) >= count else []

        return until(fetched, f"{count} with {field} {value!r}")


@pytest.fixture(scope="module")
def seen_queue(client: ServiceBusClient) -> SeenQueue:
    return SeenQueue(client)


class Senders:
    """One open sender for each queue: opening one takes the SDK half a second."""

    def __init__(self, client: ServiceBusClient) -> None:
        self._client = client
        self._senders: dict[str, ServiceBusSender] = {}

    def send(self, queue: str, *messages: ServiceBusMessage | AmqpAnnotatedMessage) -> None:
        if queue not in self._senders:
            self._senders[queue] = self._client.get_queue_sender(queue)
        # The client takes batches of one kind or the other.
        if plain := [message for message in messages if isinstance(message, ServiceBusMessage)]:
            self._senders[queue].send_messages(plain)
        if annotated := [message for message in messages if isinstance(message, AmqpAnnotatedMessage)]:
            self._senders[queue].send_messages(annotated)


@pytest.fixture(scope="module")
def send(client: ServiceBusClient) -> Send:
    return Senders(client).send


def test_a_message_arrives_with_the_metadata_that_azure_sends(
    host: HostProcess, send: Send, seen_queue: SeenQueue
) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    properties: dict[str | bytes, Any] = {"release": "shop-1", "n": 5, "Diagnostic-Id": trace}
    message = ServiceBusMessage(
        "plain body", message_id="m-1", subject="the subject", correlation_id="c-1", content_type="text/plain",
        application_properties=properties,
    )  # fmt: skip
    send("one", message)
    entry = seen_queue.find("body", "plain body")[0]
    assert (entry["message_id"], entry["subject"], entry["correlation_id"]) == ("m-1", "the subject", "c-1")
    assert entry["content_type"] == "text/plain"
    assert entry["delivery_count"] == 1
    assert entry["application_properties"]["release"] == "shop-1"
    assert entry["application_properties"]["n"] == 5
    assert entry["trace"].split("-")[1] == trace.split("-")[1]
    assert not entry["enqueued"].endswith(("Z", "+00:00"))
    assert (entry["time_to_live"], entry["locked_until"]) == ("None", "None")


def test_keys_of_a_json_body_are_written_over_the_metadata(
    host: HostProcess, send: Send, seen_queue: SeenQueue
) -> None:
    body = json.dumps({"subject": "from the body", "MessageId": "also from the body", "list": []})
    send("one", ServiceBusMessage(body, message_id="m-2", subject="from the message"))
    entry = seen_queue.find("body", body)[0]
    assert (entry["subject"], entry["message_id"]) == ("from the body", "also from the body")


def test_an_output_that_is_a_json_array_becomes_several_messages(host: HostProcess, seen_queue: SeenQueue) -> None:
    response = ask(f"{host.url}/api/send", "POST", '["array-1", {"array": 2}]')
    assert response.status == 202
    assert seen_queue.find("body", "array-1")
    assert seen_queue.find("body", '{"array": 2}')


def test_an_output_that_cannot_be_written_fails_the_invocation(host: HostProcess) -> None:
    assert ask(f"{host.url}/api/send-nowhere", "POST", "x").status == 500
    until(lambda: "Error while writing output binding 'out'" in host.log.read_text(), "the reason in the log")


def test_a_failing_message_is_delivered_again_and_then_dead_lettered(
    host: HostProcess, client: ServiceBusClient, send: Send
) -> None:
    send("failing", ServiceBusMessage("x", message_id="doomed"))
    with client.get_queue_receiver("failing", sub_queue=ServiceBusSubQueue.DEAD_LETTER) as dead:
        message = dead.receive_messages(1, max_wait_time=30)[0]
        assert message.message_id == "doomed"
        assert message.dead_letter_reason == "MaxDeliveryCountExceeded"
        dead.complete_message(message)
    log = host.log.read_text()
    assert all(f"delivery {n} fails" in log for n in (1, 2, 3))


def test_a_batch_function_gets_several_messages_at_once(host: HostProcess, send: Send, seen_queue: SeenQueue) -> None:
    send("many", *(ServiceBusMessage(f"many-{n}", message_id=f"id-{n}") for n in range(5)))
    entries = [seen_queue.find("body", f"many-{n}")[0] for n in range(5)]
    assert [entry["message_id"] for entry in entries] == [f"id-{n}" for n in range(5)]
    assert max(entry["batch"] for entry in entries) > 1


def test_no_more_run_at_once_than_max_concurrent_calls(
    host: HostProcess, send: Send, seen_queue: SeenQueue, folder: Path
) -> None:
    send("slow", *(ServiceBusMessage(f"at-once-{n}") for n in range(6)))
    until(lambda: len(list(folder.glob("at-once-*.waiting"))) == 4, "four are running")
    for n in range(6):
        (folder / f"at-once-{n}").touch()
    assert all(seen_queue.find("slow", f"at-once-{n}")[0]["most"] <= 4 for n in range(6))


def test_a_lock_is_renewed_while_the_function_works(
    host: HostProcess, send: Send, bus: ServiceBus, folder: Path
) -> None:
    send("slow", ServiceBusMessage("longer-than-its-lock", message_id="renewed"))
    until((folder / "longer-than-its-lock.1.waiting").exists, "the function is running")
    renewals = until(lambda: log_of_renewals(host), "two renewals")
    (folder / "longer-than-its-lock").touch()
    until(lambda: bus.counts("slow").active == 0 and bus.counts("slow").locked == 0, "the message is completed")
    assert renewals >= 2
    assert not (folder / "longer-than-its-lock.2.waiting").exists()


def test_a_text_that_was_sent_as_an_amqp_value_is_bound_as_a_text(
    host: HostProcess, send: Send, seen_queue: SeenQueue
) -> None:
    """W-39. The Service Bus extension, source of October 2024."""
    send("one", AmqpAnnotatedMessage(value_body="a value", properties={"message_id": "valued"}))
    assert seen_queue.find("body", "a value")[0]["message_id"] == "valued"


def log_of_renewals(host: HostProcess) -> int:
    count = host.log.read_text().count("message renewed: lock renewed")
    return count if count >= 2 else 0


def test_the_admin_endpoint_hands_a_function_a_message(host: HostProcess, seen_queue: SeenQueue) -> None:
    assert ask(f"{host.url}/admin/functions/one", "POST", {"input": "by hand"}, JSON).status == 202
    assert seen_queue.find("body", "by hand")[0]["delivery_count"] == 1

"""The message port: what the flow relies on, checked against the double in memory and the local Service Bus."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from azure.servicebus import ServiceBusClient, ServiceBusMessage
from azure.servicebus.amqp import AmqpAnnotatedMessage

from local.servicebus import QueueSettings
from local.servicebus import ServiceBus as LocalServiceBus
from slipway.domain.steps import Outgoing, Trace
from slipway.effects.messaging import (
    TRIES,
    Bus,
    DeadLetter,
    MessageTooLarge,
    QueueUnavailable,
    RawMessage,
    WaitingMessage,
    encoded,
)
from slipway.effects.messaging.service_bus import ServiceBus
from slipway.testing import MemoryBus

QUEUES = ("events", "steps", "runs", "approvals")
SESSIONS = "work"


@dataclass(kw_only=True)
class BusHarness:
    """A bus, and how a test receives what is due: (body, message id, tries)."""

    bus: Bus
    received: Callable[[str], list[tuple[bytes, str, int]]]
    give_up: Callable[[str, bytes, str], None]
    """Put a message into a queue's dead letters."""


def memory() -> BusHarness:
    bus = MemoryBus()

    def received(queue: str) -> list[tuple[bytes, str, int]]:
        outgoing = [(str(m.body["n"]).encode(), m.id, 0) for m in bus.sent if m.queue == queue and m.not_before is None]
        raw = [(r.body, r.message_id, r.tries) for r in bus.raw if r.queue == queue and r.not_before is None]
        return outgoing + raw

    def give_up(queue: str, body: bytes, message_id: str) -> None:
        bus.dead.append(DeadLetter(queue=queue, body=body, message_id=message_id, reason="too often"))

    return BusHarness(bus=bus, received=received, give_up=give_up)


@pytest.fixture(scope="module")
def local_bus() -> Iterator[LocalServiceBus]:
    queues = [QueueSettings(name=name, duplicate_detection_seconds=600) for name in QUEUES]
    queues.append(QueueSettings(name=SESSIONS, duplicate_detection_seconds=600, requires_session=True))
    with LocalServiceBus(*queues) as running:
        yield running


@pytest.fixture(scope="module")
def client(local_bus: LocalServiceBus) -> Iterator[ServiceBusClient]:
    with ServiceBusClient.from_connection_string(local_bus.connection_string, retry_total=0) as opened:
        yield opened


def over_amqp(local_bus: LocalServiceBus, client: ServiceBusClient) -> tuple[BusHarness, ServiceBus]:
    def connected() -> ServiceBusClient:
        return ServiceBusClient.from_connection_string(local_bus.connection_string, retry_total=0)

    bus = ServiceBus(connected, encode=encoded)

    def received(queue: str) -> list[tuple[bytes, str, int]]:
        deliveries = []
        with client.get_queue_receiver(queue, session_id="shop" if queue == SESSIONS else None) as receiver:
            for message in receiver.receive_messages(max_message_count=100, max_wait_time=0.5):
                receiver.complete_message(message)
                properties = {
                    key.decode() if isinstance(key, bytes) else key: value
                    for key, value in (message.application_properties or {}).items()
                }
                body = b"".join(message.body)
                content = body.removeprefix(b'{"n":').removesuffix(b"}") if body.startswith(b'{"n":') else body
                deliveries.append((content, str(message.message_id), int(str(properties.get(TRIES, 0)))))
        return deliveries

    def give_up(queue: str, body: bytes, message_id: str) -> None:
        with client.get_queue_sender(queue) as sender:
            sender.send_messages(ServiceBusMessage(body, message_id=message_id))
        _dead_letter(client, queue)

    return BusHarness(bus=bus, received=received, give_up=give_up), bus


def _dead_letter(client: ServiceBusClient, queue: str) -> None:
    with client.get_queue_receiver(queue) as receiver:
        (message,) = receiver.receive_messages(max_message_count=1, max_wait_time=5)
        receiver.dead_letter_message(message, reason="too often")


@pytest.fixture(params=["memory", "service bus"])
def harness(request: pytest.FixtureRequest) -> Iterator[BusHarness]:
    if request.param == "memory":
        yield memory()
        return
    amqp_harness, bus = over_amqp(request.getfixturevalue("local_bus"), request.getfixturevalue("client"))
    yield amqp_harness
    bus.close()


PARENT, OTHER = f"00-{'a' * 32}-{'b' * 16}-01", f"00-{'c' * 32}-{'d' * 16}-01"
_numbers = iter(range(10**6))


def message(queue: Any = "steps", **fields: Any) -> Outgoing:
    number = next(_numbers)
    defaults = {"session": "shop"} if queue == SESSIONS else {}
    return Outgoing(queue=queue, id=f"m-{number}", body={"n": number}, **defaults | fields)


def test_messages_arrive_in_their_queues_under_their_ids(harness: BusHarness) -> None:
    first, second, third = message(), message(SESSIONS), message()
    harness.bus.send([first, second, third])
    assert [id for _, id, _ in harness.received("steps")] == [first.id, third.id]
    assert [id for _, id, _ in harness.received(SESSIONS)] == [second.id]


def test_a_repeated_id_arrives_once(harness: BusHarness) -> None:
    again = message()
    harness.bus.send([again])
    harness.bus.send([again, again])
    assert [id for _, id, _ in harness.received("steps")] == [again.id]


def test_sending_nothing_is_not_an_error(harness: BusHarness) -> None:
    harness.bus.send([])


def test_a_scheduled_message_does_not_arrive_before_its_time(harness: BusHarness) -> None:
    later = datetime.now(UTC) + timedelta(hours=1)
    now = message()
    harness.bus.send([message(not_before=later), now, message(not_before=later)])
    harness.bus.send_raw(RawMessage(queue="steps", body=b"raw", message_id=f"raw-{now.id}", not_before=later))
    assert [id for _, id, _ in harness.received("steps")] == [now.id]


@pytest.mark.parametrize("body", [b"{}", b"", b"\xff\x00", "ж🚢".encode()])
def test_raw_messages_arrive_as_they_are_with_their_count(harness: BusHarness, body: bytes) -> None:
    id = f"raw-{next(_numbers)}"
    harness.bus.send_raw(RawMessage(queue="runs", body=body, message_id=id, tries=7))
    assert harness.received("runs") == [(body, id, 7)]


def large_message(size: int, queue: Any = "steps") -> Outgoing:
    base = message(queue)
    return base.evolve(body={**base.body, "filled": "x" * size})


def ids(harness: BusHarness, queue: str) -> list[str]:
    return [id for _, id, _ in harness.received(queue)]


def test_a_message_that_is_too_large_is_named_and_keeps_no_other_from_its_queue(harness: BusHarness) -> None:
    before, refused, after = message(), large_message(300_000), message()
    with pytest.raises(MessageTooLarge) as error:
        harness.bus.send([before, refused, after])
    assert (error.value.queue, error.value.ids) == ("steps", (refused.id,))
    assert ids(harness, "steps") == [before.id, after.id]


def test_messages_that_are_too_large_together_are_sent_one_by_one(harness: BusHarness) -> None:
    several = [large_message(100_000, SESSIONS) for _ in range(4)]
    harness.bus.send(several)
    assert ids(harness, SESSIONS) == [outgoing.id for outgoing in several]


def test_a_raw_message_that_is_too_large_is_refused_for_good(harness: BusHarness) -> None:
    with pytest.raises(MessageTooLarge, match="queue runs: messages too large: raw-large"):
        harness.bus.send_raw(RawMessage(queue="runs", body=b"x" * 300_000, message_id="raw-large"))
    assert ids(harness, "runs") == []


def test_a_message_that_is_too_large_is_no_error_of_an_unavailable_queue() -> None:
    assert not issubclass(MessageTooLarge, QueueUnavailable)


def test_a_queue_that_may_be_used_is_found_usable_and_stays_empty(harness: BusHarness) -> None:
    harness.bus.probe("approvals")
    assert harness.received("approvals") == []


def _text(value: object) -> str:
    """Some versions of the SDK return AMQP's strings as bytes."""
    return value.decode() if isinstance(value, bytes) else str(value)


def test_a_message_carries_its_trace(local_bus: LocalServiceBus, client: ServiceBusClient) -> None:
    """The host reads the parent under the older name, other clients under W3C's; the link is our own."""
    _, bus = over_amqp(local_bus, client)
    bus.send([message(trace=Trace(parent=PARENT, link=OTHER))])
    bus.send_raw(RawMessage(queue="steps", body=b"{}", message_id="a-raw-one", trace=Trace(parent=PARENT)))
    bus.close()
    with client.get_queue_receiver("steps") as receiver:
        properties = {}
        for received in receiver.receive_messages(max_message_count=10, max_wait_time=2):
            receiver.complete_message(received)
            properties[str(received.message_id)] = {
                _text(key): _text(value) for key, value in (received.application_properties or {}).items()
            }
    parents = {"traceparent": PARENT, "Diagnostic-Id": PARENT}
    assert properties.pop("a-raw-one") == parents
    [message_properties] = properties.values()
    assert message_properties == {**parents, "slipway-link": OTHER}


def test_dead_letters_are_handed_over_once(harness: BusHarness) -> None:
    harness.give_up("runs", b"\xff bad", "dead-1")
    dead_letters: list[DeadLetter] = []
    assert harness.bus.drain(SESSIONS, dead_letters.append) == 0
    assert harness.bus.drain("runs", dead_letters.append) == 1
    assert harness.bus.drain("runs", dead_letters.append) == 0
    assert [(letter.queue, letter.body, letter.reason) for letter in dead_letters] == [
        ("runs", b"\xff bad", "too often")
    ]


def test_a_dead_letter_that_cannot_be_kept_stays(harness: BusHarness) -> None:
    harness.give_up("steps", b"bad", f"dead-{next(_numbers)}")

    def away(_: DeadLetter) -> None:
        raise ZeroDivisionError("nothing could be written")

    with pytest.raises(ZeroDivisionError):
        harness.bus.drain("steps", away)
    dead_letters: list[DeadLetter] = []
    assert harness.bus.drain("steps", dead_letters.append) == 1


def test_a_dead_letter_whose_body_is_not_bytes_is_kept_too(
    local_bus: LocalServiceBus, client: ServiceBusClient
) -> None:
    amqp_harness, bus = over_amqp(local_bus, client)
    with client.get_queue_sender("approvals") as sender:
        sender.send_messages(AmqpAnnotatedMessage(value_body={"token": "none"}))
    _dead_letter(client, "approvals")
    dead_letters: list[DeadLetter] = []
    assert amqp_harness.bus.drain("approvals", dead_letters.append) == 1
    assert b"token" in dead_letters[0].body
    bus.close()


def test_many_threads_may_send_at_once(harness: BusHarness) -> None:
    start = threading.Barrier(6)
    batches = [[message(SESSIONS) for _ in range(5)] for _ in range(6)]

    def send(batch: list[Outgoing]) -> None:
        start.wait(timeout=30)
        harness.bus.send(batch)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(send, batches))
    assert {id for _, id, _ in harness.received(SESSIONS)} == {m.id for batch in batches for m in batch}


def test_a_bus_that_cannot_be_reached_is_said_to_be_unavailable() -> None:
    with LocalServiceBus(QueueSettings(name="steps")) as running:
        connection = running.connection_string
    bus = ServiceBus(lambda: ServiceBusClient.from_connection_string(connection, retry_total=0), encode=encoded)
    with pytest.raises(QueueUnavailable, match="queue steps: "):
        bus.send([message()])
    with pytest.raises(QueueUnavailable, match="dead letters of steps: "):
        bus.drain("steps", lambda letter: None)
    bus.close()


def test_a_message_arrives_in_its_session(local_bus: LocalServiceBus, client: ServiceBusClient) -> None:
    _, bus = over_amqp(local_bus, client)
    bus.send([message(SESSIONS, session="shop"), message(SESSIONS, session="cart")])
    bus.send_raw(RawMessage(queue=SESSIONS, body=b"raw", message_id=f"raw-{next(_numbers)}", session="shop"))
    bus.close()
    with client.get_queue_receiver(SESSIONS, session_id="shop") as receiver:
        deliveries = receiver.receive_messages(max_message_count=10, max_wait_time=1)
        assert [b"".join(delivery.body) == b"raw" for delivery in deliveries] == [False, True]
        for delivery in deliveries:
            receiver.complete_message(delivery)


def test_a_queue_with_sessions_refuses_a_message_without_one(harness: BusHarness) -> None:
    with pytest.raises(QueueUnavailable):
        harness.bus.send_raw(RawMessage(queue=SESSIONS, body=b"raw", message_id=f"raw-{next(_numbers)}"))
    with pytest.raises(ValueError, match="session: is missing"):
        message(SESSIONS, session="")
    with pytest.raises(ValueError, match="session: is not for queue steps"):
        message("steps", session="shop")


def test_messages_in_a_free_session_are_taken_and_those_in_a_held_one_are_left(
    local_bus: LocalServiceBus, client: ServiceBusClient
) -> None:
    _, bus = over_amqp(local_bus, client)
    messages: list[WaitingMessage] = []
    bus.take_free_sessions(SESSIONS, messages.append)  # what other tests left
    messages.clear()
    outgoing = [message(SESSIONS, session="left-behind"), message(SESSIONS, session="also")]
    bus.send(outgoing)
    reader = client.get_queue_receiver(SESSIONS, session_id="left-behind")
    with reader:
        assert bus.take_free_sessions(SESSIONS, messages.append) == 1, "the other session has a reader"
    assert bus.take_free_sessions(SESSIONS, messages.append) == 1
    assert {(item.message_id, item.session) for item in messages} == {(item.id, item.session) for item in outgoing}
    assert bus.take_free_sessions(SESSIONS, messages.append) == 0
    bus.close()


def test_a_message_that_cannot_be_taken_stays_in_its_session(
    local_bus: LocalServiceBus, client: ServiceBusClient
) -> None:
    _, bus = over_amqp(local_bus, client)
    bus.take_free_sessions(SESSIONS, lambda _: None)  # what other tests left
    outgoing = message(SESSIONS, session="stays")
    bus.send([outgoing])

    def refuse(_: WaitingMessage) -> None:
        raise RuntimeError("not now")

    with pytest.raises(RuntimeError, match="not now"):
        bus.take_free_sessions(SESSIONS, refuse)
    messages: list[WaitingMessage] = []
    bus.take_free_sessions(SESSIONS, messages.append)
    assert [item.message_id for item in messages] == [outgoing.id]
    bus.close()


@pytest.mark.parametrize("queue", ["steps", SESSIONS])
def test_a_probe_says_since_when_the_oldest_message_waits(
    local_bus: LocalServiceBus, client: ServiceBusClient, queue: str
) -> None:
    amqp_harness, bus = over_amqp(local_bus, client)
    if queue == SESSIONS:
        bus.take_free_sessions(queue, lambda _: None)
    else:
        amqp_harness.received(queue)  # what other tests left
    bus.send([message(queue, not_before=datetime.now(UTC) + timedelta(hours=1))])
    assert bus.probe(queue) is None, "a scheduled message is not waiting yet"
    before = datetime.now(UTC) - timedelta(seconds=5)
    bus.send([message(queue)])
    oldest = bus.probe(queue)
    assert oldest is not None
    assert before <= oldest <= datetime.now(UTC) + timedelta(seconds=5)
    assert len(amqp_harness.received(queue)) == 1, "it is still there"
    bus.close()

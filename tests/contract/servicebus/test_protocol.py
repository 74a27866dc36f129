"""What no SDK does, or one SDK does and another does not: these tests speak bare AMQP to the bus.

The tests that name Azure.Messaging.ServiceBus record what Microsoft's .NET client 7.21.0 was seen to send or to need
(November 2026): the trigger of the real Functions host uses it.
"""

import pytest

from local.servicebus import QueueSettings, ServiceBus
from local.servicebus.queues.testing import encoded_message
from local.servicebus.wire.frames import AMQP_HEADER, SASL_HEADER, DeliveryState, Frame, Performative, build
from local.servicebus.wire.message import Message
from local.servicebus.wire.types import Described, Symbol, UInt, ULong
from tests.contract.servicebus.peer import SESSION_FILTER, Peer, a_peer, condition_of, is_refused

MAX_MESSAGE_SIZE, PROPERTIES, CHANNEL_MAX = 10, 13, 3


@pytest.mark.parametrize(
    "nonsense",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        bytes(range(256)) * 10,
        AMQP_HEADER + b"\xff" * 64,
        AMQP_HEADER + build(0, Performative.TRANSFER, [UInt(0)]),
        AMQP_HEADER + build(0, Performative.OPEN, [7, 7, "large"]),
        SASL_HEADER + build(0, Performative.SASL_INIT, [Symbol("PLAIN"), b"\0user\0secret"]),
    ],
    ids=["http", "bytes", "frame", "no-open", "types", "mechanism"],
)
def test_nonsense_ends_its_connection_and_no_other(bus: ServiceBus, nonsense: bytes) -> None:
    with a_peer(bus) as bystander, a_peer(bus) as peer:
        bystander.open()
        peer.connection.sendall(nonsense)
        while peer.connection.recv(65536):
            pass
        assert bystander.put_token("sb://h/plain") == 202


def test_a_token_opens_the_entity_that_it_names_and_no_other(bus: ServiceBus) -> None:
    with a_peer(bus) as peer:
        peer.open()
        assert is_refused(peer.attach(7, "plain", receives=False))
        assert condition_of(peer.until(Performative.DETACH).fields.described(2)) == "amqp:unauthorized-access"
        assert peer.put_token("sb://h/plain") == 202
        assert not is_refused(peer.attach(2, "plain", receives=False))
        assert not is_refused(peer.attach(3, "plain/$management", receives=False))
        assert is_refused(peer.attach(4, "strict", receives=False))
        assert is_refused(peer.attach(5, "strict/$management", receives=True))


def test_a_refused_message_that_was_sent_as_settled_ends_its_link(bus: ServiceBus) -> None:
    with a_peer(bus) as peer:
        peer.open()
        peer.put_token("sb://h/plain")
        peer.attach(2, "plain", receives=False)
        peer.send(Performative.TRANSFER, [UInt(2), UInt(1), b"tag", UInt(0), True], b"not a message")
        assert condition_of(peer.until(Performative.DETACH).fields.described(2)) == "amqp:decode-error"


def test_an_outcome_for_an_unknown_delivery_is_answered_with_a_lost_lock(bus: ServiceBus) -> None:
    with a_peer(bus) as peer:
        peer.open()
        peer.send(Performative.DISPOSITION, [True, UInt(5), UInt(5), False, Described(ULong(0x24), [])])
        state = peer.until(Performative.DISPOSITION).fields.described(4)
        assert state is not None
        assert condition_of(state.value[0]) == "com.microsoft:message-lock-lost"


@pytest.mark.parametrize("spoken", [b"", AMQP_HEADER + build(0, Performative.OPEN, ["silent"])], ids=["mute", "opened"])
def test_a_silent_peer_is_cut_off(spoken: bytes) -> None:
    with ServiceBus(QueueSettings(name="plain"), idle_seconds=0.2) as bus, a_peer(bus) as peer:
        peer.connection.sendall(spoken)
        last = None
        while (part := peer.next()) is not None:
            last = part
        if spoken:
            assert isinstance(last, Frame)
            assert last.performative is Performative.CLOSE
            assert condition_of(last.fields.described(0)) == "amqp:connection:forced"


def publish(peer: Peer, queue: str, *messages: bytes) -> None:
    """Send messages on a link of their own."""
    peer.put_token(f"sb://h/{queue}")
    assert not is_refused(peer.attach(8, queue, receives=False))
    for message in messages:
        peer.transfer(8, message)
        state = peer.until(Performative.DISPOSITION).fields.described(4)
        assert state is not None
        assert state.descriptor == DeliveryState.ACCEPTED


def test_an_abandon_without_any_flag_counts_as_a_delivery_up_to_the_dead_letter_queue(bus: ServiceBus) -> None:
    """B-01. Azure.Messaging.ServiceBus abandons with `modified` and no field set; its property DeliveryCount is
    documented as "incremented when a message lock expires, or the message is explicitly abandoned"."""
    with a_peer(bus) as peer:
        peer.open()
        publish(peer, "strict", encoded_message("poison"))
        peer.attach(9, "strict", receives=True)
        counts = []
        for received in range(2):
            peer.credit(9, 1, received=received)
            delivery = peer.until(Performative.TRANSFER)
            counts.append(Message.parse(delivery.payload).header[4])
            peer.settle(delivery, Described(ULong(DeliveryState.MODIFIED), []))
        assert counts == [0, 1]
        assert bus.counts("strict").dead_lettered == 1


def test_a_release_does_not_count_as_a_delivery(bus: ServiceBus) -> None:
    """Azure.Messaging.ServiceBus returns with `released` what arrived when nobody was waiting for it."""
    with a_peer(bus) as peer:
        peer.open()
        publish(peer, "short", encoded_message("late"))
        peer.attach(9, "short", receives=True)
        peer.credit(9, 1)
        peer.settle(peer.until(Performative.TRANSFER), Described(ULong(DeliveryState.RELEASED), []))
        peer.credit(9, 1, received=1)
        again = peer.until(Performative.TRANSFER)
        assert Message.parse(again.payload).header[4] == 0
        peer.settle(again, Described(ULong(DeliveryState.ACCEPTED), []))


def test_a_token_for_the_management_node_alone_opens_it_and_not_the_queue(bus: ServiceBus) -> None:
    """B-02. The first call of a .NET client may be a peek: it shows a token for `QUEUE/$management` only."""
    with a_peer(bus) as peer:
        peer.open()
        assert peer.put_token("amqp://h/plain/$management") == 202
        assert not is_refused(peer.attach(2, "plain/$management", receives=False))
        assert not is_refused(peer.attach(3, "plain/$management", receives=True))
        assert is_refused(peer.attach(4, "plain", receives=True))


def test_the_size_limit_is_announced_only_where_the_peer_sends(bus: ServiceBus) -> None:
    """B-03. Microsoft.Azure.Amqp 2.7.3 closes a receiving link on which more arrives than was announced: a page of
    peeked messages, or one message of 256 KiB with the annotations that it got in the queue."""
    with a_peer(bus) as peer:
        peer.open()
        peer.put_token("sb://h/plain")
        sending = peer.attach(2, "plain", receives=False).fields
        assert sending.number(MAX_MESSAGE_SIZE) == 256 * 1024
        assert sending.mapping(PROPERTIES)[Symbol("com.microsoft:max-message-batch-size")] == 256 * 1024
        for handle, address in ((3, "plain"), (4, "plain/$management")):
            receiving = peer.attach(handle, address, receives=True).fields
            assert receiving.raw(MAX_MESSAGE_SIZE) is None
            assert receiving.mapping(PROPERTIES) == {}


@pytest.mark.parametrize("session", ["s", None], ids=["by-name", "next"])
@pytest.mark.parametrize("queue", ["plain", "plain/$DeadLetterQueue", "ordered/$DeadLetterQueue"])
def test_a_session_receiver_is_refused_where_there_are_no_sessions(
    bus: ServiceBus, queue: str, session: str | None
) -> None:
    """B-04. Azure.Messaging.ServiceBus live tests: SessionReceiverThrowsWhenUsingNonSessionEntity
    (`amqp:not-allowed` becomes InvalidOperationException)."""
    with a_peer(bus) as peer:
        peer.open()
        peer.put_token("sb://h/" + queue.split("/", maxsplit=1)[0])
        assert is_refused(peer.attach(2, queue, receives=True, filters={SESSION_FILTER: session}))
        assert condition_of(peer.until(Performative.DETACH).fields.described(2)) == "amqp:not-allowed"


def test_every_message_carries_the_number_that_it_was_enqueued_under(bus: ServiceBus) -> None:
    """B-05. Azure.Messaging.ServiceBus live tests: CreateFromReceivedMessageCopiesProperties demands the annotation."""
    with a_peer(bus) as peer:
        peer.open()
        publish(peer, "unique", encoded_message("numbered", message_id="numbered"))
        peer.attach(9, "unique", receives=True)
        peer.credit(9, 1)
        delivery = peer.until(Performative.TRANSFER)
        annotations = Message.parse(delivery.payload).annotations
        assert annotations[Symbol("x-opt-enqueue-sequence-number")] == annotations[Symbol("x-opt-sequence-number")]
        peer.settle(delivery, Described(ULong(DeliveryState.ACCEPTED), []))


def test_a_connection_bears_as_many_sessions_as_the_service_gives(bus: ServiceBus) -> None:
    """B-07. The .NET client opens an AMQP session for each link; the service announces 4,999 (its gateway's open, in
    azure-sdk-for-python issue 5316)."""
    with a_peer(bus) as peer:
        assert peer.open().fields.number(CHANNEL_MAX) == 4999
        peer.send(Performative.BEGIN, [None, UInt(0), UInt(1000), UInt(1000)], channel=4999)
        assert peer.until(Performative.BEGIN).channel == 4999

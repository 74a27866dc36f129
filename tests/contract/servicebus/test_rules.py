"""Shared access policies of single queues: what a key opens, seen through the SDK that the app uses."""

from collections.abc import Iterator

import pytest
from azure.servicebus import ServiceBusClient, ServiceBusMessage
from azure.servicebus.exceptions import ServiceBusAuthenticationError, ServiceBusAuthorizationError
from pydantic import SecretStr

from local.servicebus import QueueSettings, ServiceBus
from local.servicebus.server import key_connection
from local.servicebus.settings import AccessRule, Claim
from tests.contract.servicebus.support import WAIT

REFUSED = (ServiceBusAuthenticationError, ServiceBusAuthorizationError)
KEY = "the-key-of-front"


def rule(*claims: Claim) -> AccessRule:
    return AccessRule(name="front", key=SecretStr(KEY), claims=frozenset(claims))


@pytest.fixture(scope="module")
def restricted_bus() -> Iterator[ServiceBus]:
    queues = (
        QueueSettings(name="sent-to", rules=(rule(Claim.SEND),)),
        QueueSettings(name="read-from", rules=(rule(Claim.LISTEN),)),
        QueueSettings(name="closed"),
    )
    with ServiceBus(*queues) as bus:
        yield bus


@pytest.fixture(scope="module")
def front(restricted_bus: ServiceBus) -> Iterator[ServiceBusClient]:
    connection = key_connection(f"127.0.0.1:{restricted_bus.port}", "front", KEY)
    with ServiceBusClient.from_connection_string(connection, retry_total=0) as client:
        yield client


def test_one_key_sends_to_one_queue_and_reads_from_another(restricted_bus: ServiceBus, front: ServiceBusClient) -> None:
    with front.get_queue_sender("sent-to") as sender:
        sender.send_messages(ServiceBusMessage("hello"))
    assert restricted_bus.counts("sent-to").active == 1
    with ServiceBusClient.from_connection_string(restricted_bus.connection_string, retry_total=0) as owner:
        with owner.get_queue_sender("read-from") as sender:
            sender.send_messages(ServiceBusMessage("to be read"))
        with front.get_queue_receiver("read-from") as receiver:
            (message,) = receiver.receive_messages(1, max_wait_time=WAIT)
            receiver.complete_message(message)


@pytest.mark.parametrize("queue", ["read-from", "closed"])
def test_a_queue_without_the_right_to_send_takes_nothing(front: ServiceBusClient, queue: str) -> None:
    with pytest.raises(REFUSED):
        front.get_queue_sender(queue).__enter__()


@pytest.mark.parametrize("sub_queue", [None, "deadletter"])
@pytest.mark.parametrize("queue", ["sent-to", "closed"])
def test_a_queue_without_the_right_to_listen_shows_nothing(
    front: ServiceBusClient, queue: str, sub_queue: str | None
) -> None:
    with pytest.raises(REFUSED):
        front.get_queue_receiver(queue, sub_queue=sub_queue).__enter__()

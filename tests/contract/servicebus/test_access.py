"""Who may connect: keys, tokens, and queues that do not exist."""

import time

import pytest
from azure.core.credentials import AccessToken
from azure.servicebus import ServiceBusClient, ServiceBusMessage
from azure.servicebus.exceptions import (
    MessagingEntityNotFoundError,
    ServiceBusAuthenticationError,
    ServiceBusAuthorizationError,
)

from local.servicebus import QueueSettings, ServiceBus
from tests.contract.servicebus.support import BEARER_TOKEN, WAIT, Bench

REFUSED = (ServiceBusAuthenticationError, ServiceBusAuthorizationError)


class StaticToken:
    """Stands in for an Entra credential on a developer's machine."""

    def __init__(self, token: str) -> None:
        self._token = token

    def get_token(self, *scopes: str, **options: object) -> AccessToken:
        return AccessToken(self._token, int(time.time()) + 3600)


def test_a_queue_that_does_not_exist_is_not_found(bench: Bench) -> None:
    with pytest.raises(MessagingEntityNotFoundError, match="'nowhere' could not be found"):
        bench.client.get_queue_sender("nowhere").__enter__()
    with pytest.raises(MessagingEntityNotFoundError):
        bench.client.get_queue_receiver("nowhere").__enter__()


def test_a_wrong_key_is_refused(bus: ServiceBus) -> None:
    key = bus.settings.key.get_secret_value()
    wrong = bus.connection_string.replace(key, "another-key-altogether")
    with ServiceBusClient.from_connection_string(wrong, retry_total=0) as client, pytest.raises(REFUSED):
        client.get_queue_sender("plain").__enter__()


def test_a_static_bearer_token_is_taken_and_another_is_not(bus: ServiceBus) -> None:
    host = f"127.0.0.1:{bus.port}"
    good = ServiceBusClient(host, StaticToken(BEARER_TOKEN), use_tls=False, retry_total=0)
    with good, good.get_queue_sender("plain") as sender:
        sender.send_messages(ServiceBusMessage("by token"))
    bad = ServiceBusClient(host, StaticToken("another-token"), use_tls=False, retry_total=0)
    with bad, pytest.raises(REFUSED):
        bad.get_queue_sender("plain").__enter__()


def test_nothing_can_be_sent_to_a_dead_letter_queue(bench: Bench) -> None:
    with pytest.raises(Exception, match="cannot be sent"):
        bench.client.get_queue_sender("plain/$DeadLetterQueue").__enter__()


def test_an_idle_sender_of_the_sdk_is_not_cut_off() -> None:
    queue = QueueSettings(name="plain")
    with ServiceBus(queue, idle_seconds=4) as bus:
        client = ServiceBusClient.from_connection_string(bus.connection_string, retry_total=0)
        # By default the SDK checks only every 30 s whether a sign of life is due.
        idle = client.get_queue_sender("plain", keep_alive=1)
        with client, idle as sender, client.get_queue_receiver("plain") as receiver:
            assert receiver.receive_messages(1, max_wait_time=5) == []
            sender.send_messages(ServiceBusMessage("after a while"))
            (message,) = receiver.receive_messages(1, max_wait_time=WAIT)
            assert str(message) == "after a while"

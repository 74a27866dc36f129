"""The asynchronous SDK: the same, on a smaller scale."""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from azure.servicebus import NEXT_AVAILABLE_SESSION, ServiceBusMessage, ServiceBusReceivedMessage
from azure.servicebus.aio import AutoLockRenewer, ServiceBusClient, ServiceBusReceiver, ServiceBusSender
from azure.servicebus.exceptions import MessagingEntityNotFoundError

from local.servicebus import Counts, ServiceBus
from tests.contract.servicebus.support import GLANCE, WAIT, locked_until


async def receive(receiver: ServiceBusReceiver) -> ServiceBusReceivedMessage:
    (message,) = await receiver.receive_messages(1, max_wait_time=WAIT)
    return message


def test_the_asynchronous_sdk_sends_settles_schedules_and_dead_letters_messages(bus: ServiceBus) -> None:
    async def scenario(client: ServiceBusClient) -> None:
        async with client.get_queue_sender("plain") as sender, client.get_queue_receiver("plain") as receiver:
            await send_and_complete(sender, receiver)
            await settle_in_every_way(sender, receiver)
            await schedule_and_cancel(sender, receiver)
            async with client.get_queue_receiver("plain", sub_queue="deadletter") as dead_letters:
                dead = await receive(dead_letters)
                assert (dead.dead_letter_reason, dead.dead_letter_error_description) == ("r", "d")
                await dead_letters.complete_message(dead)

    run(bus, scenario)
    assert bus.counts("plain") == Counts()


async def send_and_complete(sender: ServiceBusSender, receiver: ServiceBusReceiver) -> None:
    batch = await sender.create_message_batch()
    for number in range(20):
        batch.add_message(ServiceBusMessage(str(number)))
    await sender.send_messages(batch)
    texts: list[str] = []
    while len(texts) < 20:
        for message in await receiver.receive_messages(20 - len(texts), max_wait_time=WAIT):
            texts.append(str(message))
            await receiver.complete_message(message)
    assert texts == [str(number) for number in range(20)]


async def settle_in_every_way(sender: ServiceBusSender, receiver: ServiceBusReceiver) -> None:
    await sender.send_messages(ServiceBusMessage("x"))
    await receiver.abandon_message(await receive(receiver))
    message = await receive(receiver)
    assert message.delivery_count == 1
    before = locked_until(message)
    assert await receiver.renew_message_lock(message) >= before
    await receiver.defer_message(message)
    assert message.sequence_number is not None
    (deferred,) = await receiver.receive_deferred_messages([message.sequence_number])
    await receiver.dead_letter_message(deferred, reason="r", error_description="d")


async def schedule_and_cancel(sender: ServiceBusSender, receiver: ServiceBusReceiver) -> None:
    due = datetime.now(UTC) + timedelta(seconds=1)
    (cancelled,) = await sender.schedule_messages(ServiceBusMessage("never"), due + timedelta(hours=1))
    await sender.schedule_messages(ServiceBusMessage("scheduled"), due)
    await sender.cancel_scheduled_messages(cancelled)
    message = await receive(receiver)
    assert str(message) == "scheduled"
    await receiver.complete_message(message)
    assert await receiver.peek_messages(5, sequence_number=1) == []


def test_the_asynchronous_sdk_renews_a_lock_past_its_first_end(bus: ServiceBus) -> None:
    async def scenario(client: ServiceBusClient) -> None:
        async with client.get_queue_sender("renewed") as sender:
            await sender.send_messages(ServiceBusMessage("kept"))
        async with AutoLockRenewer() as renewer, client.get_queue_receiver("renewed") as receiver:
            message = await receive(receiver)
            first_end = locked_until(message)
            renewer.register(receiver, message)
            while datetime.now(UTC) < first_end:
                assert await receiver.receive_messages(1, max_wait_time=GLANCE) == []
            await receiver.abandon_message(message)
            again = await receive(receiver)
            await receiver.complete_message(again)

    run(bus, scenario)


def test_the_asynchronous_sdk_receives_a_session_in_order_with_its_state(bus: ServiceBus) -> None:
    async def scenario(client: ServiceBusClient) -> None:
        async with client.get_queue_sender("ordered") as sender:
            await sender.send_messages([ServiceBusMessage(text, session_id="A") for text in ("a", "b")])
        next_session = client.get_queue_receiver("ordered", session_id=NEXT_AVAILABLE_SESSION, max_wait_time=1)
        async with next_session as receiver:
            assert receiver.session.session_id == "A"
            texts: list[str] = []
            async for message in receiver:
                texts.append(str(message))
                await receiver.complete_message(message)
            assert texts == ["a", "b"]
            await receiver.session.set_state("zz")
            assert bytes(await receiver.session.get_state()) == b"zz"
        with pytest.raises(MessagingEntityNotFoundError):
            await client.get_queue_sender("nowhere").__aenter__()

    run(bus, scenario)


def run(bus: ServiceBus, scenario: Callable[[ServiceBusClient], Awaitable[None]]) -> None:
    async def with_client() -> None:
        async with ServiceBusClient.from_connection_string(bus.connection_string, retry_total=0) as client:
            await scenario(client)

    # In a thread of its own: a browser that another test left open has a loop running in this one.
    with ThreadPoolExecutor(max_workers=1) as thread:
        thread.submit(asyncio.run, with_client()).result()

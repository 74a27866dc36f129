"""One run of a Service Bus function: messages in, the function, settlement. The same with and without sessions."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from azure.servicebus import ServiceBusReceivedMessage
from azure.servicebus.aio import ServiceBusReceiver
from azure.servicebus.exceptions import (
    MessageAlreadySettled,
    MessageLockLostError,
    ServiceBusError,
    SessionLockLostError,
)

from . import bus_metadata
from .bindings import Function
from .bus_client import incoming
from .frames import Outcome
from .host_json import ServiceBusOptions
from .invocation import Invoker

SETTLE_TRIES = 3
SETTLE_PAUSE = 0.2

# Errors that the SDK was seen to raise when the broker goes away, besides its own.
BROKEN = (ServiceBusError, OSError, AttributeError, ValueError, RuntimeError)

log = logging.getLogger("host")


def source_of(function: Function) -> str:
    """The queue or subscription, for the log."""
    trigger = function.trigger
    name: str = trigger.get("queueName") or f"{trigger['topicName']}/{trigger['subscriptionName']}"
    return name


class BusRuns:
    """Runs one function on messages and settles them: success completes, an exception abandons at once."""

    def __init__(
        self, function: Function, invoker: Invoker, options: ServiceBusOptions, *, open_telemetry: bool
    ) -> None:
        auto_complete = function.trigger.get("autoCompleteMessages")
        self._function = function
        self._invoker = invoker
        self._open_telemetry = open_telemetry
        self._auto_complete = options.auto_complete if auto_complete is None else bool(auto_complete)
        self.many = function.trigger.get("cardinality") == "MANY"

    async def run(self, receiver: ServiceBusReceiver, messages: list[ServiceBusReceivedMessage]) -> None:
        """Raises SessionLockLostError if the session of the messages is lost; nothing else."""
        outcome = await self._invoke(messages)
        for message in messages:
            if not outcome.ok:
                await self._settle("abandon", receiver.abandon_message, message)
            elif self._auto_complete:
                await self._settle("complete", receiver.complete_message, message)

    async def _invoke(self, messages: list[ServiceBusReceivedMessage]) -> Outcome:
        data_type = self._function.trigger.get("dataType")
        try:
            bus_messages = [incoming(message) for message in messages]
            trigger_data = (
                bus_metadata.batch(bus_messages, data_type)
                if self.many
                else bus_metadata.single(bus_messages[0], data_type)
            )
        except (ValueError, TypeError) as error:
            source = source_of(self._function)
            log.warning("'%s': a message from %s cannot be passed on: %s", self._function.name, source, error)
            return Outcome(invocation_id="", ok=False, error=str(error))
        value, metadata = trigger_data
        trace_parent, trace_state = (
            (None, "") if self.many else bus_messages[0].trace(open_telemetry=self._open_telemetry)
        )
        return await self._invoker.invoke(
            self._function,
            value,
            reason=f"(null); message {bus_messages[0].message_id}"
            if len(bus_messages) == 1
            else f"(null); {len(bus_messages)} messages",
            metadata=metadata,
            trace_parent=trace_parent,
            trace_state=trace_state,
        )

    async def _settle(
        self,
        verb: str,
        call: Callable[[ServiceBusReceivedMessage], Awaitable[None]],
        message: ServiceBusReceivedMessage,
    ) -> None:
        """Complete or abandon. After a failure, the message is redelivered when its lock ends."""
        name, message_id = self._function.name, message.message_id
        for attempt in range(1, SETTLE_TRIES + 1):
            try:
                await call(message)
            except SessionLockLostError:
                raise
            except (MessageLockLostError, MessageAlreadySettled) as error:
                log.warning("'%s': message %s: %s: %s", name, message_id, verb, type(error).__name__)
                return
            except BROKEN as error:
                if attempt == SETTLE_TRIES:
                    warning = "'%s': message %s could not be settled (%s: %s); it will be delivered again."
                    log.warning(warning, name, message_id, verb, type(error).__name__)
                    return
                await asyncio.sleep(SETTLE_PAUSE * attempt)
            else:
                return

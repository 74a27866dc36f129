"""Service Bus triggers: events, hints, runs, votes and steps. `Receiver` ensures that no message blocks its queue."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, assert_never

import azure.functions as func
from pydantic import ValidationError

from slipway.bootstrap.settings_names import SERVICE_BUS
from slipway.domain.hints import HINT, DeniedHint, InboxHint, RunHint, UnreadableHint
from slipway.domain.queues import Queue
from slipway.domain.steps import Step
from slipway.effects.messaging import LINK, PARENTS, TRIES
from slipway.engine.receiving import QueueMessage, open_message
from slipway.inbound import parse_image_event, parse_run_message, read_json
from slipway.inbound.reading import bad_input, read_as
from slipway.telemetry import Attribute, Family, Metric, measure, span
from slipway.telemetry import within_message as handling

from .shared import new_blueprint, parts

blueprint = new_blueprint()
BYTES = func.DataType.BINARY
"""As text, the host would replace every byte that is not valid UTF-8, such as those of a wrapped message."""


type _Work = Callable[[bytes, str], None]
"""Handles a message's body; the text is its session."""


def _takes(queue: Queue) -> Callable[[_Work], _Work]:
    """Register what handles the messages of a queue, as the function of its own name."""

    def register(work: _Work) -> _Work:
        @blueprint.function_name(work.__name__)
        @blueprint.service_bus_queue_trigger(
            arg_name="message",
            queue_name=queue.value,
            connection=SERVICE_BUS,
            data_type=BYTES,
            is_sessions_enabled=queue.sessions or None,
        )
        def triggered(message: func.ServiceBusMessage) -> None:
            session = message.session_id or ""
            _receive(queue, message, session, lambda body: work(body, session))

        return work

    return register


@_takes(Queue.EVENTS)
def take_event(body: bytes, _: str) -> None:
    parts().door.take(parse_image_event(body, parts().event_sources, now=parts().clock()))


@_takes(Queue.WORK)
def take_work(body: bytes, session: str) -> None:
    parts().session_worker.take(session, body)


@_takes(Queue.HINTS)
def take_hint(body: bytes, _: str) -> None:
    try:
        hint = HINT.validate_python(read_json(body))
    except ValidationError as error:
        raise bad_input(error) from error
    match hint:
        case InboxHint():
            parts().inbox_reader.take(hint.application, hint.id)
        case RunHint():
            parts().run_prover.take(hint.report)
        case UnreadableHint():
            parts().unreadable_parker.take(hint)
        case DeniedHint():
            parts().denial_recorder.take(hint)
        case unreachable:
            assert_never(unreachable)


@_takes(Queue.RUNS)
def take_run(body: bytes, _: str) -> None:
    parts().run_prover.take(parse_run_message(body, now=parts().clock()))


@_takes(Queue.APPROVALS)
def take_vote(body: bytes, _: str) -> None:
    parts().by_message.take(body)


@_takes(Queue.STEPS)
def run_step(body: bytes, _: str) -> None:
    parts().step_runner.run(read_as(Step, open_message(parts().envelopes, Queue.STEPS, body)))


def _receive(queue: Queue, message: func.ServiceBusMessage, session: str, work: Callable[[bytes], None]) -> None:
    properties = message.application_properties or {}
    tries_property = properties.get(TRIES, 0)
    tries, body = tries_property if isinstance(tries_property, int) and tries_property >= 0 else 0, message.get_body()
    again = tries > 0 or (message.delivery_count or 0) > 1  # the first delivery has the count 1
    _measure_age(queue, message.enqueued_time_utc)
    with (
        handling(_text(properties, *PARENTS)),
        span(Family.QUEUE, f"receive {queue}", link=_text(properties, LINK)),
        parts().beginning.room(queue, body, again=again),
    ):
        parts().receiver.receive(
            work,
            QueueMessage(
                queue=queue,
                body=body,
                id=message.message_id or "",
                tries=tries,
                session=session,
            ),
        )


def _text(properties: Mapping[str, Any], *names: str) -> str:
    """The first of the properties that is set. Senders control them, so anything but a string counts as empty."""
    value = next((properties[name] for name in names if name in properties), "")
    return value if isinstance(value, str) else ""


def _measure_age(queue: str, enqueued: datetime | None) -> None:
    """Measured from the scheduled time for scheduled messages: Service Bus sets `enqueued` to it."""
    if enqueued is not None:
        since = enqueued if enqueued.tzinfo is not None else enqueued.replace(tzinfo=UTC)  # the host omits the zone
        age = (parts().clock() - since).total_seconds()
        measure(Metric.MESSAGE_AGE, max(age, 0.0), {Attribute.QUEUE: queue})

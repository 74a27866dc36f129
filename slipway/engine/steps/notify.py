"""Notify: one notice on one channel. For an open gate, each approver gets a link of their own, made here and now,
so that no link waits in a queue or a table."""

from ...clock import Clock
from ...domain.errors import UnknownName
from ...domain.tokens import KeysUnavailable
from ...effects.notification import Channel, Message, NotificationError
from ..outcome import Outcome, Retry, failed, passed
from ..run_step import Work
from .clients import Clients
from .notices import Audience, messages


def notify(clients: Clients, clock: Clock, work: Work) -> Outcome:
    name = work.step.channel or ""
    try:
        channel = clients.channel(name)
        audience = Audience(shared=channel.shared, asked_by=_personal(clients, work) if channel.shared else ())
        found = messages(clients, clock, work, audience)
    except UnknownName as error:
        return failed(str(error))
    except KeysUnavailable as away:
        return Retry(reason=str(away))
    return _send(channel, found)


def _send(channel: Channel, found: list[Message]) -> Outcome:
    """Whom nothing can be sent to keeps nobody else from being told. What is worth another try is tried again from
    the start: the messages have the ids that they had."""
    refused: list[str] = []
    for message in found:
        try:
            channel.send(message)
        except NotificationError as error:
            if error.retryable:
                return Retry(reason=str(error))
            refused.append(str(error))
    if refused:
        return failed(refused[0] if len(found) == 1 else f"{len(refused)} of {len(found)} not sent: {refused[0]}")
    return passed(reason=f"{len(found)} sent" if found else "nobody needs to be told any more")


def _personal(clients: Clients, work: Work) -> tuple[str, ...]:
    """The application's channels that reach people one by one."""
    return tuple(name for name in work.entry.application.notify if not clients.channel(name).shared)

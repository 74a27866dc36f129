"""Notify: send one notice on one channel. Approval links are signed here, just before sending, so that none is ever
stored in a queue or a table."""

from ...clock import Clock
from ...domain.errors import UnknownName
from ...domain.key_source import KeysUnavailable
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
        outgoing = messages(clients, clock, work, audience)
    except UnknownName as error:
        return failed(str(error))
    except KeysUnavailable as away:
        return Retry(reason=str(away))
    return _send(channel, outgoing)


def _send(channel: Channel, outgoing: list[Message]) -> Outcome:
    """One undeliverable recipient must not block the others. A temporary error retries all messages; they keep their
    ids, so receivers can drop repeats."""
    refused: list[str] = []
    for message in outgoing:
        try:
            channel.send(message)
        except NotificationError as error:
            if error.retryable:
                return Retry(reason=str(error))
            refused.append(str(error))
    if refused:
        return failed(refused[0] if len(outgoing) == 1 else f"{len(refused)} of {len(outgoing)} not sent: {refused[0]}")
    return passed(reason=f"{len(outgoing)} sent" if outgoing else "nobody needs to be notified any more")


def _personal(clients: Clients, work: Work) -> tuple[str, ...]:
    """The application's channels that send to individual people."""
    return tuple(name for name in work.entry.application.notify if not clients.channel(name).shared)

"""Notify: send one notice on one channel. Approval links are signed here, just before sending, so that none is ever
stored in a queue or a table."""

from ...clock import Clock
from ...domain.errors import UnknownName
from ...domain.signing import KeysUnavailable
from ...effects.notification import Channel, Message, NotificationError
from ..outcome import Outcome, Retry, failed, passed
from ..run_step import Work
from .clients import Clients
from .notices import QUESTIONS, Audience, messages

MARK = 16
"""Characters of a message's id by which a later try knows that it went out."""


def notify(clients: Clients, clock: Clock, work: Work) -> Outcome:
    name = work.step.channel or ""
    try:
        channel = clients.channel(name)
        if channel.asks_only and work.step.notice not in QUESTIONS and (others := _telling(clients, work)):
            return passed(reason=f"{name} carries only questions; {', '.join(others)} carries the rest")
        audience = Audience(shared=channel.shared, asked_by=_personal(clients, work) if channel.shared else ())
        outgoing = messages(clients, clock, work, audience)
    except UnknownName as error:
        return failed(str(error))
    except KeysUnavailable as away:
        return Retry(reason=str(away), sent=work.step.sent)
    return _send(channel, outgoing, frozenset(work.step.sent))


def _send(channel: Channel, outgoing: list[Message], sent: frozenset[str]) -> Outcome:
    """Send the messages. A recipient who cannot be reached must not keep the others from their notice, nor make them
    get it twice: a later try sends only the messages that have not gone out."""
    refused, away = list[str](), list[str]()
    for message in outgoing:
        if _mark(message) in sent:
            continue
        try:
            channel.send(message)
            sent |= {_mark(message)}
        except NotificationError as error:
            if error.retryable and not error.of_one:
                return Retry(reason=str(error), sent=tuple(sorted(sent)))
            (away if error.retryable else refused).append(str(error))
    if away:
        return Retry(reason=f"{len(away)} of {len(outgoing)} not sent yet: {away[0]}", sent=tuple(sorted(sent)))
    if refused:
        return failed(refused[0] if len(outgoing) == 1 else f"{len(refused)} of {len(outgoing)} not sent: {refused[0]}")
    return passed(reason=f"{len(outgoing)} sent" if outgoing else "nobody needs to be notified any more")


def _mark(message: Message) -> str:
    return message.id[:MARK]


def _telling(clients: Clients, work: Work) -> tuple[str, ...]:
    """The application's channels that do not only carry questions."""
    return tuple(name for name in work.entry.application.notify if not clients.channel(name).asks_only)


def _personal(clients: Clients, work: Work) -> tuple[str, ...]:
    """The application's channels that send to individual people."""
    return tuple(name for name in work.entry.application.notify if not clients.channel(name).shared)

"""The queues of an installation, and the kinds of message that each takes. `infra/queues.json` makes them in Azure.

How far a message is believed depends on its queue. A message from outside only wakes the worker, or has to be proved
first; only `work` and `steps` carry Slipway's own messages, each with a MAC. `rights.py` says who may send where.
"""

from enum import StrEnum
from typing import Self


class MessageKind(StrEnum):
    """The subject of a message."""

    internal: bool
    """Whether only the worker sends it; it then has an envelope with a MAC."""

    def __new__(cls, name: str, internal: bool = False) -> Self:
        member = str.__new__(cls, name)
        member._value_ = name
        member.internal = internal
        return member

    REGISTRY_EVENT = "registry-event"
    """A registry's event as Event Grid delivers it: an image was pushed, or deleted."""
    HINT = "hint"
    """There is something for the worker: a row in the inbox, or a run that ended. It decides nothing."""
    RUN_REPORT = "run-report"
    """A pipeline's report of its own run: a hint with a digest."""
    VOTE_REQUEST = "vote-request"
    """A vote, or a command that stops something, on behalf of a person."""
    DECISION = "decision", True
    """An event to decide on later or in turn: a deadline, a step's outcome, an event that met contention."""
    STEP = "step", True
    """One unit of work, with one effect."""


class Queue(StrEnum):
    """A Service Bus queue."""

    takes: frozenset[MessageKind]
    """The kinds of message that are handled; any other is parked."""
    sessions: bool
    """Whether each message belongs to its application's session: one at a time, across all instances."""
    one_sender: bool
    """Whether all messages are from one sender, so that the bus may drop repeats by their message ids. With several
    senders, one could use up the id with which another says stop."""

    def __new__(cls, name: str, takes: MessageKind, sessions: bool = False, one_sender: bool = True) -> Self:
        member = str.__new__(cls, name)
        member._value_ = name
        member.takes, member.sessions, member.one_sender = frozenset({takes}), sessions, one_sender
        return member

    EVENTS = "events", MessageKind.REGISTRY_EVENT
    """Events of registries: pushes and deletions, as Event Grid delivers them."""
    HINTS = "hints", MessageKind.HINT
    """Hints of the front: a row waits in the inbox, a run ended."""
    RUNS = "runs", MessageKind.RUN_REPORT, False, False
    """Pipelines' reports of their runs."""
    APPROVALS = "approvals", MessageKind.VOTE_REQUEST, False, False
    """Votes and commands that come as messages."""
    WORK = "work", MessageKind.DECISION, True
    """Events to decide on, in order by application."""
    STEPS = "steps", MessageKind.STEP
    """Steps, each with one effect."""

    @property
    def internal(self) -> bool:
        """Whether only the worker sends to it, in envelopes with a MAC."""
        return all(kind.internal for kind in self.takes)


WITH_SESSIONS = frozenset(queue.value for queue in Queue if queue.sessions)
"""Names of the queues whose messages belong to sessions."""

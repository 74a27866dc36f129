"""The door: what comes from outside is decided at once, or forwarded to where each application has its turn.

Several instances may decide on one application at once; all but one of them then have to begin again. A lock within the
process spares its own invocations this. An instance that still loses too often sends the event to the queue `work`,
whose sessions give each application one reader at a time across all instances.
"""

import logging
import threading
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

from ..catalogue.entries import Catalogue, Entry
from ..domain.application import SourceKind
from ..domain.events import Event, ImagePushed
from ..domain.queues import Queue
from ..domain.steps import Outgoing
from ..effects.messaging import Bus
from ..ledger.table import UnreadableRow
from ..telemetry import Attribute, Metric, add
from .beginning import concerns
from .handle import Contended, Handler, Receipt, UnknownTarget, unknown

log = logging.getLogger(__name__)


class Locks:
    """A lock for each application of this process."""

    def __init__(self) -> None:
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self._of_all = threading.Lock()

    def of(self, application: str) -> threading.Lock:
        with self._of_all:
            return self._locks[application]


@dataclass(frozen=True, kw_only=True)
class Door:
    """Decides on events from outside."""

    handler: Handler
    catalogue: Catalogue
    bus: Bus
    prove: Callable[[ImagePushed], ImagePushed]
    """Asks the registry what was pushed. Raises `SourceAway`."""
    locks: Locks = field(default_factory=Locks)

    def take(self, event: Event) -> tuple[Receipt, ...]:
        """Decide the event for each application that it concerns; one receipt for each that was decided here.

        A push that concerns no application is counted and dropped: a registry tells of all its repositories. Once an
        application delivers from there, reconcile finds its recent pushes.

        Raises `SourceAway`, `UnknownTarget`, `LedgerUnavailable`, `KeysUnavailable`, `QueueUnavailable`,
        `MessageTooLarge`.
        """
        concerned = self.catalogue.concerned(event)
        if isinstance(event, ImagePushed):
            if not concerned:
                self._drop(event)
                return ()
            for entry in concerned:
                concerns(entry.application.application)
            if any(entry.application.source is SourceKind.IMAGE for entry in concerned):
                event = self.prove(event)
        if not concerned:
            raise UnknownTarget(unknown(event))
        return tuple(receipt for entry in concerned if (receipt := self._decided(entry, event)) is not None)

    def _drop(self, event: ImagePushed) -> None:
        add(Metric.EVENTS_DROPPED, {Attribute.EVENT: event.kind})
        by = "a bundle brings it along" if self.catalogue.comes_with_a_bundle(event) else "no application delivers it"
        log.info("%s/%s:%s: dropped, %s", event.registry, event.repository, event.tag, by)

    def _decided(self, entry: Entry, event: Event) -> Receipt | None:
        application = entry.application.application
        with self.locks.of(application):
            try:
                return self.handler.handle_for(entry, event)
            except Contended as contended:
                log.info("%s; it has its turn in %s", contended, Queue.WORK)
            except UnreadableRow as unreadable:  # others may be concerned by the event, too
                log.error("%s; %s has its turn in %s", unreadable, application, Queue.WORK)  # noqa: TRY400
        self.bus.send([deferred(application, event)])
        return None

    def take_turn(self, application: str, event: Event) -> Receipt:
        """Decide an event of the application's session. Raises `UnknownTarget`, `Contended`, `LedgerUnavailable`."""
        mine = [entry for entry in self.catalogue.concerned(event) if entry.application.application == application]
        if not mine:
            raise UnknownTarget(f"application {application!r} is not concerned by this {event.kind}")
        with self.locks.of(application):
            return self.handler.handle_for(mine[0], event)


def deferred(application: str, event: Event) -> Outgoing:
    """The message by which an application decides on an event in its turn."""
    body = event.model_dump(mode="json")
    return Outgoing(queue=Queue.WORK, session=application, id=f"{event.mark}-{application}", body=body)

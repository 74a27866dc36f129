"""Carries out operators' commands, whichever channel they came by: a page, the command line or the API."""

from dataclasses import dataclass
from datetime import datetime

from ..clock import Clock, utc_now
from ..domain.blocks import Freeze, Hold
from ..domain.commands import OF_A_LANE, OF_A_RELEASE, Verb
from ..domain.errors import NotFound
from ..domain.events import CommandGiven
from ..domain.model import Record
from ..domain.release import Lane
from ..domain.reports import FreezeShown
from ..domain.rules import RuleResult, failed
from ..engine.freezing import REPEAT, Freezer, Order
from ..engine.handle import Handler, Outcome, Receipt, UnknownTarget
from ..inbound.reading import BadInput
from ..queries.reading import Reader


class Given(Record):
    """The result of a command."""

    verb: Verb
    application: str
    """Empty for a command about everything."""
    environment: str = ""
    release: str = ""
    """The release that the command was about; for a roll-back, the new release that carries it out."""
    phase: str = ""
    """The release's phase after the command."""
    rules: tuple[RuleResult, ...] = ()
    told: int | None = None
    """For a freeze of everything: how many applications have been told already."""
    of: int | None = None

    @property
    def refused(self) -> tuple[RuleResult, ...]:
        return failed(self.rules)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A command as a channel parsed it."""

    verb: Verb
    actor: str
    channel: str
    submission: str
    application: str = ""
    environment: str = ""
    release: str = ""
    reason: str = ""
    until: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Commander:
    """Carries out commands, and lists freezes and holds."""

    handler: Handler
    reader: Reader
    freezer: Freezer
    clock: Clock = utc_now

    def give(self, asked: Asked) -> Given:
        """Carry out a command, or refuse it by the rules in the result.

        Raises `BadInput`, `NotFound`, `Contended`, `LedgerUnavailable`.
        """
        if asked.verb in (Verb.FREEZE, Verb.UNFREEZE) and not asked.application and not asked.environment:
            return self._everything(asked)
        event = self._event(asked)
        try:
            (receipt,) = self.handler.handle(event)
        except UnknownTarget as unknown:
            raise NotFound(str(unknown)) from unknown
        rules, number = self._rules(event, receipt), event.release
        if event.verb is Verb.ROLLBACK and not failed(rules):
            lane = self.reader.ledger.lanes(event.application).get(event.environment or "")
            number = (lane.returning or (lane.hold.release if lane.hold else None) if lane else None) or number
        release = self.reader.ledger.release(event.application, number) if number else None
        return Given(
            verb=event.verb,
            application=event.application,
            environment=event.environment or "",
            release=release.id if release else "",
            phase=str(release.phase) if release else "",
            rules=rules,
        )

    def _rules(self, event: CommandGiven, receipt: Receipt) -> tuple[RuleResult, ...]:
        """The rules that the command was judged by; a repeat gets the answer of the first."""
        if receipt.outcome is not Outcome.REPEATED:
            return receipt.rules
        refused = self.reader.ledger.was_refused(event.application, event)
        return (REPEAT,) if refused else ()

    def _everything(self, request: Asked) -> Given:
        order = Order(
            verb=request.verb,
            actor=request.actor,
            reason=request.reason,
            until=request.until,
            channel=request.channel,
            submission=request.submission,
        )
        done = self.freezer.give(order)
        return Given(verb=request.verb, application="", rules=done.rules, told=done.told, of=done.of)

    def _event(self, request: Asked) -> CommandGiven:
        application, number = request.application, None
        if request.verb in OF_A_RELEASE:
            release = self.reader.release(request.release)
            application, number = release.application, release.number
            if request.application and request.application != application:
                raise BadInput("application", f"that of {release.id}", repr(request.application[:80]))
        elif request.release:
            raise BadInput("release", f"none, for {request.verb}", repr(request.release[:80]))
        entry = self.reader.catalogue.get(application)
        if entry is None:
            raise NotFound(f"there is no application {application[:80]!r}")
        names = [environment.name for environment in entry.application.environments]
        if request.verb in OF_A_LANE and request.environment not in names:
            raise BadInput("environment", f"one of {', '.join(names)}", repr(request.environment[:80]))
        return CommandGiven(
            received_at=self.clock(),
            verb=request.verb,
            application=application,
            release=number,
            environment=request.environment if request.verb in OF_A_LANE else None,
            until=request.until if request.verb is Verb.FREEZE else None,
            actor=request.actor,
            reason=request.reason,
            channel=request.channel,
            submission=request.submission,
        )

    def freezes(self) -> tuple[FreezeShown, ...]:
        """The freezes and holds in force, widest first. Raises `LedgerUnavailable`."""
        now, freezes = self.clock(), list[FreezeShown]()
        if everything := self.freezer.current():
            freezes.append(_frozen("", "", everything))
        for name in self.reader.catalogue.entries:
            for lane in self.reader.ledger.lanes(name).values():
                freezes += lane_freezes(name, lane, now)
        return tuple(freezes)


def lane_freezes(application: str, lane: Lane, now: datetime) -> list[FreezeShown]:
    freezes = []
    if lane.freeze is not None and lane.freeze.in_force(now):
        freezes.append(_frozen(application, lane.environment, lane.freeze))
    if lane.hold is not None:
        freezes.append(_held(application, lane.environment, lane.hold))
    return freezes


def _frozen(application: str, environment: str, freeze: Freeze) -> FreezeShown:
    return FreezeShown(
        kind="freeze",
        application=application,
        environment=environment,
        owner=freeze.owner,
        reason=freeze.reason,
        at=freeze.at,
        until=freeze.until,
    )


def _held(application: str, environment: str, hold: Hold) -> FreezeShown:
    return FreezeShown(
        kind="hold",
        application=application,
        environment=environment,
        owner=hold.owner,
        reason=hold.reason,
        at=hold.at,
        release=f"{application}-{hold.to}",
    )

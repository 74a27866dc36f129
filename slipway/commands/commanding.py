"""One way for every verb, whichever channel it came by: a page, the command line or the API."""

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
    """What became of a command."""

    verb: Verb
    application: str
    """Empty where everything was meant."""
    environment: str = ""
    release: str = ""
    """Of a roll-back: the new release that brings the earlier one back."""
    phase: str = ""
    """Of the release, afterwards."""
    rules: tuple[RuleResult, ...] = ()
    told: int | None = None
    """Of a freeze of everything: how many applications know of it already."""
    of: int | None = None

    @property
    def refused(self) -> tuple[RuleResult, ...]:
        return failed(self.rules)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What somebody wants, as a channel understood it."""

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
    """Takes commands in, and says what is frozen and held."""

    handler: Handler
    reader: Reader
    freezer: Freezer
    clock: Clock = utc_now

    def give(self, asked: Asked) -> Given:
        """Raises `BadInput`, `NotFound`, `Contended`, `LedgerUnavailable`."""
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
        """What it was judged by; a repeat is answered as the first was."""
        if receipt.outcome is not Outcome.REPEATED:
            return receipt.rules
        refused = self.reader.ledger.was_refused(event.application, event)
        return (REPEAT,) if refused else ()

    def _everything(self, asked: Asked) -> Given:
        order = Order(
            verb=asked.verb,
            actor=asked.actor,
            reason=asked.reason,
            until=asked.until,
            channel=asked.channel,
            submission=asked.submission,
        )
        done = self.freezer.give(order)
        return Given(verb=asked.verb, application="", rules=done.rules, told=done.told, of=done.of)

    def _event(self, asked: Asked) -> CommandGiven:
        application, number = asked.application, None
        if asked.verb in OF_A_RELEASE:
            release = self.reader.release(asked.release)
            application, number = release.application, release.number
            if asked.application and asked.application != application:
                raise BadInput("application", f"that of {release.id}", repr(asked.application[:80]))
        elif asked.release:
            raise BadInput("release", f"none, for {asked.verb}", repr(asked.release[:80]))
        entry = self.reader.catalogue.get(application)
        if entry is None:
            raise NotFound(f"there is no application {application[:80]!r}")
        names = [environment.name for environment in entry.application.environments]
        if asked.verb in OF_A_LANE and asked.environment not in names:
            raise BadInput("environment", f"one of {', '.join(names)}", repr(asked.environment[:80]))
        return CommandGiven(
            received_at=self.clock(),
            verb=asked.verb,
            application=application,
            release=number,
            environment=asked.environment if asked.verb in OF_A_LANE else None,
            until=asked.until if asked.verb is Verb.FREEZE else None,
            actor=asked.actor,
            reason=asked.reason,
            channel=asked.channel,
            submission=asked.submission,
        )

    def freezes(self) -> tuple[FreezeShown, ...]:
        """Everything that is frozen or held now, the widest first. Raises `LedgerUnavailable`."""
        now, found = self.clock(), list[FreezeShown]()
        if everything := self.freezer.current():
            found.append(_frozen("", "", everything))
        for name in self.reader.catalogue.entries:
            for lane in self.reader.ledger.lanes(name).values():
                found += lane_freezes(name, lane, now)
        return tuple(found)


def lane_freezes(application: str, lane: Lane, now: datetime) -> list[FreezeShown]:
    found = []
    if lane.freeze is not None and lane.freeze.in_force(now):
        found.append(_frozen(application, lane.environment, lane.freeze))
    if lane.hold is not None:
        found.append(_held(application, lane.environment, lane.hold))
    return found


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

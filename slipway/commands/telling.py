"""Tells the approvers of production gates that a change would weaken their gates, and how that ended.

Notices go by the channels of the applications as they are in force, and only the worker sends them: the front cannot
keep anybody from being told. The next pass of reconcile sends what could not be sent; a recipient may then get a notice
twice.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, assert_never

from ..clock import Clock
from ..domain.actions import Action
from ..domain.attribution import SYSTEM
from ..domain.audit import AuditDraft
from ..domain.changes_on_record import CHANNEL, NOTICE, STOOD_IN_NOTICE
from ..domain.errors import UnknownName
from ..domain.model import sha256
from ..domain.proposing import ChangePhase, ChangePlan, ProposedChange
from ..domain.release import Vote
from ..effects.notification import Channel, Message, NotificationError
from ..ledger.proposals import Proposals
from ..text import exact_moment
from .proposing import change_details

SHOWN: Final = 30


class ChangeNotice(StrEnum):
    """The events that people are notified of."""

    PROPOSED = "change-proposed"
    """A change waits for their vote."""
    STOOD_IN = STOOD_IN_NOTICE
    """Two of the platform's people stand in for them, and they may object."""
    VOTED = "change-vote-counted"
    """A vote was counted in a person's name; they can say that it was not theirs."""
    ENDED = "change-ended"
    """It took effect, or ended otherwise."""


@dataclass(frozen=True, kw_only=True)
class _NoticeSubject:
    """The event, and the vote if the notice is about one."""

    notice: ChangeNotice
    vote: Vote | None = None

    @property
    def mark(self) -> str:
        """The mark in the change that shows that its people were told."""
        vote = self.vote
        if vote is None:
            return str(self.notice)
        return f"{self.notice}!{sha256(f'{vote.voter} {vote.decision} {vote.at.isoformat()}'.encode())[7:23]}"


@dataclass(frozen=True, kw_only=True)
class Telling:
    """Sends notices about proposed changes."""

    proposals: Proposals
    channel: Callable[[str], Channel]
    base: str
    """Address of the pages."""
    clock: Clock

    def tell_all(self) -> tuple[str, ...]:
        """Send the notices of every change that some people were not told of yet; returns the problems met.

        Raises `LedgerUnavailable`.
        """
        return tuple(problem for change in self.proposals.undecided().read for problem in self.tell(change.hash))

    def tell(self, hash: str) -> tuple[str, ...]:
        """Send the notices of one change. Raises `LedgerUnavailable`."""
        change = self.proposals.current(hash).change
        if change is None:
            return ()
        try:
            plan = self.proposals.plan(change.plan)
        except ValueError:
            plan = None
        if plan is None:
            if change.phase.final:
                self.proposals.note_done(change)
            return (f"the change {hash[7:19]}: its plan is gone or was changed, so nobody is told of it",)
        problems = (
            [] if change.phase.final else list(self._tell(change, plan, _NoticeSubject(notice=ChangeNotice.PROPOSED)))
        )
        if change.phase is ChangePhase.STOOD_IN:
            problems += self._tell(change, plan, _NoticeSubject(notice=ChangeNotice.STOOD_IN))
        for vote in (*change.votes, *change.stand_ins):
            problems += self._tell(change, plan, _NoticeSubject(notice=ChangeNotice.VOTED, vote=vote))
        if change.phase.final:
            problems += self._tell(change, plan, _NoticeSubject(notice=ChangeNotice.ENDED))
            if not problems:
                self.proposals.note_done(change)
        return tuple(problems)

    def _tell(self, change: ProposedChange, plan: ChangePlan, of: _NoticeSubject) -> Iterator[str]:
        done = self.proposals.informed_channels(change, of.mark)
        for name in plan.channels:
            if name in done:
                continue
            try:
                refused = self._send(name, change, plan, of)
            except (NotificationError, UnknownName) as error:
                if isinstance(error, NotificationError) and error.retryable:
                    yield str(error)
                    continue
                refused = [str(error)]
            voter = of.vote.voter if of.vote else None
            details = {
                **change_details(change),
                NOTICE: str(of.notice),
                CHANNEL: name,
                "not_told": refused,
                "voter": voter,
            }
            draft = AuditDraft(
                action=Action.CHANGE_TOLD,
                actor=SYSTEM,
                details={key: value for key, value in details.items() if value},
            )
            self.proposals.note_informed(change, of.mark, name, draft, now=self.clock())

    def _send(self, name: str, change: ProposedChange, plan: ChangePlan, of: _NoticeSubject) -> list[str]:
        """Send to everybody on the channel; returns why some of them cannot be reached at all.

        Raises `UnknownName`, and `NotificationError` if another try may help.
        """
        channel, refused = self.channel(name), list[str]()
        people = _people(plan, name) if of.vote is None else _voter(plan, of.vote)
        for recipient in ("",) if channel.shared else people:
            try:
                channel.send(self._message(change, plan, of, name, recipient))
            except NotificationError as error:
                if error.retryable or not error.of_one:
                    raise
                refused.append(str(error)[:200])
        return refused

    def _message(
        self, change: ProposedChange, plan: ChangePlan, of: _NoticeSubject, channel: str, recipient: str
    ) -> Message:
        notice, vote = of.notice, of.vote
        page = f"{self.base}/changes/{change.hash[7:]}"
        is_question = notice is not ChangeNotice.ENDED
        gates = ", ".join(old.title for old in plan.gates[:SHOWN])
        return Message(
            id=sha256(f"{change.hash} {change.opening} {of.mark} {channel} {recipient}".encode())[7:39],
            notice=notice,
            time=self.clock(),
            application=", ".join(dict.fromkeys(old.application for old in plan.gates[:SHOWN])),
            release="",
            environment=gates,
            tag="",
            headline=_headline(change, gates) if vote is None else _counted(vote, gates, recipient),
            lines=(*_who_stands_in(change, notice), *(_particulars(change, vote) if vote else plan.weaker())),
            recipient=recipient,
            release_url=page,
            locate_url=page if is_question else "",
            deadline=change.deadline if notice is ChangeNotice.PROPOSED else None,
            phase=str(change.phase),
            change=change.hash,
        )


def _counted(vote: Vote, gates: str, recipient: str) -> str:
    whose = "Your vote" if recipient else f"A vote of {vote.who}"
    return f"{whose} on a change that weakens the gate of {gates} was counted"


def _particulars(change: ProposedChange, vote: Vote) -> Iterator[str]:
    how = "proved by a sign-in" if vote.proof else "only said"
    yield f"{vote.decision.noun} of {vote.who}"
    yield f"counted {exact_moment(vote.at)}, by {vote.channel}, {how}"
    if vote.reason:
        yield f"reason: {vote.reason}"
    if not change.phase.final:
        yield "If that was not you, reject the change on its page; then it will not take effect."


def _voter(plan: ChangePlan, vote: Vote) -> tuple[str, ...]:
    """The voter's own address if a gate has it; otherwise the recipients that the channel itself names."""
    names = (old.gate.identities.person(vote.voter).name for old in plan.gates)
    return (next((name for name in names if "@" in name), ""),)


def _who_stands_in(change: ProposedChange, notice: ChangeNotice) -> tuple[str, ...]:
    if notice is not ChangeNotice.STOOD_IN:
        return ()
    return tuple(f"{vote.who} of the platform's people stands in for you: {vote.reason}" for vote in change.stand_ins)


def _headline(change: ProposedChange, gates: str) -> str:
    match change.phase:
        case ChangePhase.STOOD_IN:
            standing_in = "two of the platform's people are voting in your place"
            return f"Object within a day, or a change weakens the gate of {gates}: {standing_in}"
        case ChangePhase.WAITING | ChangePhase.PASSED:
            return f"Your vote is needed: a change would weaken the gate of {gates}"
        case (
            ChangePhase.IN_FORCE
            | ChangePhase.REJECTED
            | ChangePhase.WITHDRAWN
            | ChangePhase.EXPIRED
            | ChangePhase.SUPERSEDED
            | ChangePhase.VOID
        ):
            why = f": {change.why}" if change.why else ""
            return f"The change that weakens the gate of {gates} is {change.phase.replace('-', ' ')}{why}"
        case _:
            assert_never(change.phase)


def _people(plan: ChangePlan, channel: str) -> tuple[str, ...]:
    """The recipients on a channel of personal messages: the people whom the gates list. If only Entra knows them, the
    notice goes to the recipients that the channel itself names."""
    gates = [old for old in plan.gates if channel in old.notify]
    listed = dict.fromkeys(person.name for old in gates for person in old.gate.voters() if "@" in person.name)
    only_entra_knows = any(old.gate.unlisted() for old in gates)
    return (*listed, *(("",) if only_entra_knows or not listed else ()))

"""A freeze of everything: set or ended in the installation's partition, then copied to every application.

Guarantee: once an application has its copy, it begins no rollout, not even by a decision in progress, because the copy
is in the row whose ETag guards every decision of that application. So once a freeze was answered with "told to all",
nothing begins anywhere. If an application could not be told, or the process died first, the reconcile timer tells it
within three minutes (docs/decisions/0007-freezes-and-verbs.md).
"""

import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..catalogue.entries import Catalogue
from ..clock import Clock, utc_now
from ..domain.actions import Action
from ..domain.answers import RowOutcome
from ..domain.attribution import SYSTEM
from ..domain.audit import AuditDraft
from ..domain.blocks import Freeze
from ..domain.commands import Verb
from ..domain.decide.freezing import freeze_rules, thaw_rule
from ..domain.decide.opening import not_meant, opening_rules
from ..domain.errors import present
from ..domain.events import FreezeSpread, GivenCommand
from ..domain.inbox import InboxKind
from ..domain.model import sha256
from ..domain.release import Head
from ..domain.rules import Rule, RuleResult, as_details, not_passed
from ..domain.signed_head import FREEZE, head_fault, state_hash
from ..domain.signing import KeysUnavailable
from ..ledger import Conflict, LedgerUnavailable
from ..ledger.freezes import FreezeState, in_force, not_ended, with_etag
from ..ledger.installation import InstallationLedger
from ..ledger.neighbours import InstallationRows
from ..ledger.rows import answer_writes
from ..ledger.table import Write
from .handle import Contended, Handler, Outcome

log = logging.getLogger(__name__)

EVERYTHING = "everything"
REPEAT = Rule.IS_NO_REPEAT.fails("it is a repeat of a command that was refused: give it again as a new one")
ATTEMPTS = 8
AT_ONCE = 8
"""Applications that are told in parallel."""


class FreezeOrder(GivenCommand):
    """An order to freeze everything, to end that freeze, or to begin a new epoch of the installation's own trail."""

    @property
    def id(self) -> str:
        if self.proved is not None:  # a statement counts once, however often it is sent
            return sha256(f"proof {self.proved.statement.nonce}".encode())[7:27]
        content = self.model_dump_json(include={"reason", "until"})
        return sha256(f"{self.verb} {self.actor.casefold()} {self.submission} {content}".encode())[7:27]

    def drafted(self, action: Action, results: tuple[RuleResult, ...], **details: Any) -> AuditDraft:
        """Its audit record."""
        recorded = {
            **details,
            "channel": self.channel,
            "on_behalf_of": self.attribution.on_behalf_of,
            "name": self.name,
            "results": as_details(results),
        }
        return AuditDraft(
            action=action,
            actor=self.attribution.actor,
            details={name: value for name, value in recorded.items() if value},
            inbox=self.inbox or None,
            proof=self.proved.proof if self.proved else None,
            received_at=self.received_at if self.inbox else None,
        )


@dataclass(frozen=True, kw_only=True)
class FreezeResult:
    """The result of an order: the rules it was judged by, and how many of all applications have been told."""

    rules: tuple[RuleResult, ...]
    applied: int = 0
    of: int = 0

    @property
    def refused(self) -> bool:
        return bool(not_passed(self.rules))


@dataclass(frozen=True, kw_only=True)
class Freezer:
    """Freezes and unfreezes everything."""

    installation: InstallationLedger
    catalogue: Catalogue
    handler: Handler
    clock: Clock = utc_now

    def state(self) -> FreezeState | None:
        """The last freeze of everything, possibly ended; None if there never was one."""
        return with_etag(self.installation.table)[0]

    def current(self) -> Freeze | None:
        """The freeze of everything that is in force; None if there is none."""
        return in_force(self.state(), self.clock())

    def carry_out(self, order: FreezeOrder) -> FreezeResult:
        """Carry out an order and tell every application.

        Raises `LedgerUnavailable`, and `Contended` if every attempt lost to another order.
        """
        for _ in range(ATTEMPTS):
            try:
                rules = self._commit(order)
            except Conflict:
                continue
            if not_passed(rules):
                return FreezeResult(rules=rules)
            return FreezeResult(rules=rules, applied=self._tell_all(), of=len(self.catalogue.entries))
        raise Contended(f"{EVERYTHING}: {ATTEMPTS} attempts to {order.verb} lost to other orders")

    def _commit(self, order: FreezeOrder) -> tuple[RuleResult, ...]:
        now = self.clock()
        before, etag = with_etag(self.installation.table)
        if (refused := self.installation.was_refused(order.id)) is not None:
            return (REPEAT,) if refused else ()  # a repeat gets the first order's answer, whatever happened since
        rules = _rules(order, not_ended(before), now)
        if not_passed(rules):
            answer = _answer(order, not_passed(rules))
            self.installation.record_refused_order(order.id, _refusal(order, rules), now=now, answer=answer)
            return rules
        if order.verb is Verb.FREEZE:
            owner, name = order.attribution.spoken, order.name
            freeze = Freeze(id=order.id, owner=owner, name=name, reason=order.reason, at=now, until=order.until)
            state = FreezeState(freeze=freeze, submission=order.id)
        else:
            ended = present(before, "the freeze of everything")  # the rule is-frozen has passed
            state = ended.evolve(
                ended_by=order.actor,
                ended_name=order.name,
                ended_at=now,
                ended_because=order.reason,
                submission=order.id,
            )
        record = _record(order, state, rules)
        self.installation.set_freeze(state, record, etag=etag, now=now, answer=_answer(order, ()))
        return rules

    # ---- telling the applications
    def _tell_all(self) -> int:
        """Tell every application; returns how many could be told."""
        state = self.state()
        with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
            return sum(pool.map(lambda name: self._tell(name, state), self.catalogue.entries))

    def _tell(self, application: str, state: FreezeState | None) -> bool:
        try:
            self.tell(application, self.handler.ledger.head(application), state)
        except (Contended, LedgerUnavailable, KeysUnavailable) as away:
            log.warning(
                "%s was not told of the freeze of everything; the reconcile timer tells it: %s", application, away
            )
            return False
        return True

    def tell(self, application: str, head: Head, state: FreezeState | None) -> int:
        """Bring the application's copy up to date; returns how many changes that took. Raises as `Handler.handle` does.

        `state` was read before `head`, so it may lack a freeze that the head already has a copy of. If the two differ,
        the state is read again, after the head: a freeze that this second reading shows as ended has ended for good.
        The copy is ended only if the signed end of the installation's trail names the row that ends it, since the
        record names the person in that row. Raises `KeysUnavailable`, too.
        """
        if not missing_spreads(application, head, state, now=self.clock()):
            return 0
        installation_rows = self.handler.ledger.of_installation()
        if head.freeze is not None and (fault := self._not_as_signed(installation_rows)):
            log.error("%s keeps its copy of the freeze of everything: %s", application, fault)
            return 0
        events = missing_spreads(application, head, installation_rows.freeze, now=self.clock())
        return sum(receipt.outcome is Outcome.TAKEN for event in events for receipt in self.handler.handle(event))

    def _not_as_signed(self, installation_rows: InstallationRows) -> str:
        is_in_force = installation_rows.head.in_force.get(FREEZE) == state_hash(installation_rows.freeze)
        fault = head_fault(installation_rows.head, self.handler.ledger.public_keys)
        return fault or ("" if is_in_force else "the installation's trail names another one")


def missing_spreads(
    application: str, head: Head, state: FreezeState | None, *, now: datetime
) -> tuple[FreezeSpread, ...]:
    """The events that bring an application's copy up to date; empty if it is."""
    copy = head.freeze
    current = not_ended(state)
    if (copy.id if copy else None) == (current.id if current else None):
        return ()
    if current is not None:
        return (FreezeSpread(received_at=now, application=application, freeze=current),)
    ended = present(copy, f"the copy of the freeze in {application}")
    spread = FreezeSpread(received_at=now, application=application, freeze=ended, ended_by=SYSTEM)
    if state is not None and state.ended_by:
        spread = spread.evolve(ended_by=state.ended_by, ended_name=state.ended_name, reason=state.ended_because)
    return (spread,)


def _rules(order: FreezeOrder, current: Freeze | None, now: datetime) -> tuple[RuleResult, ...]:
    if order.verb is Verb.UNFREEZE:
        meant = not_meant(order, current.at if current else None)
        return (*opening_rules(order), *meant, thaw_rule(EVERYTHING, current, now=now))
    has_reason = Rule.REASON_IS_GIVEN.judged(bool(order.reason.strip()), "freeze needs a reason")
    return (*freeze_rules(EVERYTHING, current, order.until, now=now), has_reason)


def _answer(order: FreezeOrder, refused: tuple[RuleResult, ...]) -> list[Write]:
    answered = RowOutcome(kind=InboxKind.COMMAND, verb=order.verb, refused=bool(refused), rules=refused)
    return answer_writes(order.inbox, answered)


def _record(order: FreezeOrder, state: FreezeState, rules: tuple[RuleResult, ...]) -> AuditDraft:
    freeze = state.freeze
    if order.verb is Verb.FREEZE:
        until = freeze.until.isoformat() if freeze.until else ""
        return order.drafted(Action.EVERYTHING_FROZEN, rules, reason=order.reason, until=until)
    return order.drafted(
        Action.EVERYTHING_UNFROZEN, rules, reason=order.reason, frozen_by=freeze.owner, frozen_for=freeze.reason
    )


def _refusal(order: FreezeOrder, rules: tuple[RuleResult, ...]) -> AuditDraft:
    broken = not_passed(rules)
    return order.drafted(
        Action.COMMAND_REFUSED,
        rules,
        verb=str(order.verb),
        rules=[rule.name for rule in broken],
        reason="; ".join(rule.reason for rule in broken)[:2000],
        why=order.reason,
    )

"""Verifies the proofs behind votes again on this machine: `slipway audit verify --votes`.

The app supplies the kept documents, and its own verdict does not count. The provider's keys come from the provider;
keys that it no longer publishes count only if an anchor of the installation names their set.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from slipway.api.audit import PublicKeysAnswer
from slipway.clock import Clock
from slipway.domain.actions import ChangeMeaning, GateMeaning
from slipway.domain.audit import AuditRecord
from slipway.domain.changes_on_record import sign_in_demanded
from slipway.domain.gate import Fresh, Level
from slipway.domain.identity import CannotVerify, TokenReader
from slipway.domain.kept_proofs import KeysFrom, NotProvedError, ProofEvidence, ProofVerifier
from slipway.domain.model import Record, Timestamp, sha256
from slipway.domain.proposing import ChangePlan

from .errors import CliError, Exit

TOKEN_LIVES: Final = timedelta(hours=24)
"""A proof is a credential while its token may be valid, so the app shows it to nobody for this long."""
NAMED: Final = 20
"""The most votes that are listed because they do not hold, or cannot be verified yet."""
_FRESH: Final[TypeAdapter[timedelta | None]] = TypeAdapter(Fresh)
_PROVED: Final = frozenset({GateMeaning.ROLLBACK_ORDERED, GateMeaning.WAIVED})

type Documents = Callable[[str], bytes]
type Anchored = Callable[[str], Mapping[str, datetime]]
"""By application: the sets of the provider's keys that anchors name, each with the time of the first such anchor."""


class VoteNote(Record):
    """A vote that does not hold, or cannot be verified yet, and the reason."""

    sequence: int
    reason: str


class KeySetVerdict(Record):
    """One set of the provider's keys that verified at least one proof."""

    keys: str
    """Its hash, as proofs and anchors name it."""
    source: str
    """`provider` if it publishes the set; `archive` if it no longer does, or did not answer."""
    anchored_since: Timestamp | None
    """The time of the first of the compared anchors that names the set; None if none does."""
    proofs: int


class VotesVerdict(Record):
    """The verdict on the proofs that a chain names."""

    proofs: int = 0
    """The number of valid proofs: of votes, rollbacks, waivers and changes of the catalogue."""
    said: int = 0
    """Votes without a proof, at gates that accept them."""
    keys: tuple[KeySetVerdict, ...] = ()
    faults: tuple[VoteNote, ...] = ()
    waiting: tuple[VoteNote, ...] = ()


class Voters:
    """Verifies the proofs of one chain, in the order of its records."""

    def __init__(
        self,
        application: str,
        *,
        tokens: TokenReader,
        trust: PublicKeysAnswer,
        documents: Documents,
        anchored: Anchored,
        clock: Clock,
    ) -> None:
        self._documents, self._clock, self._application = documents, clock, application
        self._anchored = {**anchored(application), **anchored("_installation")}
        self._verifier = ProofVerifier(
            tokens=tokens,
            installation=trust.installation,
            documents=self._document,
            anchored=lambda _, keys: keys in self._anchored,
        )
        self._asked: dict[tuple[str | None, str | None], Mapping[str, Any]] = {}
        """What each gate required when it was last opened."""
        self._plans: dict[str, ChangePlan | None] = {}
        self._keys = Counter[tuple[str, KeysFrom]]()
        self._said = 0
        self._faults: list[VoteNote] = []
        self._waiting: list[VoteNote] = []

    def feed(self, record: AuditRecord) -> None:
        """The next verified record."""
        action = record.known_action
        if action is None:
            return
        if action.of_gate is GateMeaning.OPENED:
            self._asked[record.release, record.environment] = record.details
        elif action.of_gate is GateMeaning.APPROVED:
            self._vote(record)
        elif action.of_gate in _PROVED and record.proof is not None:
            self._verify(record, None)
        elif action.of_change is not ChangeMeaning.NOTHING:
            self._verify_change(record)

    def verdict(self) -> VotesVerdict:
        return VotesVerdict(
            proofs=self._keys.total(),
            said=self._said,
            keys=tuple(
                KeySetVerdict(
                    keys=keys, source=source.name.casefold(), anchored_since=self._anchored.get(keys), proofs=count
                )
                for (keys, source), count in sorted(self._keys.items(), key=lambda item: item[0][0])
            ),
            faults=tuple(self._faults),
            waiting=tuple(self._waiting),
        )

    def _vote(self, record: AuditRecord) -> None:
        gate = self._asked.get((record.release, record.environment), {})
        if record.proof is not None:
            try:
                self._verify(record, _FRESH.validate_python(gate.get("fresh", "none")))
            except ValidationError:
                self._note(self._faults, record, "the record of its gate does not say how old a sign-in might be")
        elif gate.get("level") == Level.SIGNED:
            self._note(self._faults, record, "its gate asked for a proof, and the record names none")
        else:
            self._said += 1

    def _verify_change(self, record: AuditRecord) -> None:
        demanded = sign_in_demanded(record, self._plan(str(record.details.get("plan", ""))))
        if demanded is None:
            return
        if record.proof is None:
            self._note(self._faults, record, "it counts by a proof alone, and the record names none")
        else:
            self._verify(record, demanded.fresh)

    def _plan(self, digest: str) -> ChangePlan | None:
        if digest not in self._plans:
            try:
                content = self._document(digest) if digest else None
                self._plans[digest] = ChangePlan.model_validate_json(content) if content else None
            except ValueError:
                self._plans[digest] = None
        return self._plans[digest]

    def _verify(self, record: AuditRecord, fresh: timedelta | None) -> None:
        try:
            outcome: ProofEvidence | CannotVerify = self._verifier.keys_of(record, fresh=fresh)
        except NotProvedError as fault:
            young = record.received_at is not None and self._clock() < record.received_at + TOKEN_LIVES
            if fault.missing and young:
                why = "its proof is not there, or is shown only once its token has expired"
                self._note(self._waiting, record, why)
            else:
                self._note(self._faults, record, str(fault))
            return
        if isinstance(outcome, CannotVerify):
            self._note(self._waiting, record, f"{outcome.why}; no anchor that was compared names its set of keys")
        else:
            self._keys[outcome.keys, outcome.source] += 1

    def _note(self, notes: list[VoteNote], record: AuditRecord, reason: str) -> None:
        if len(notes) < NAMED:
            notes.append(
                VoteNote(sequence=record.sequence, reason=f"{record.action} of {record.actor}: {reason}"[:500])
            )

    def _document(self, digest: str) -> bytes | None:
        try:
            content = self._documents(digest)
        except CliError as error:
            if error.exit_code is Exit.NOT_FOUND:
                return None
            raise
        if sha256(content) != digest:
            raise ValueError(digest)
        return content

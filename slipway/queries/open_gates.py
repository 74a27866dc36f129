"""The releases that wait for approval, for API and CLI. Approval tokens are never listed; they are only sent."""

from collections.abc import Iterator, Mapping
from itertools import chain

from ..catalogue.entries import Entry
from ..domain.decide.conditions import plan_rule
from ..domain.decide.quorum import counted_approvals, voters_left
from ..domain.gate import ApprovalGate
from ..domain.people import OID, IdentityMap, SignedIn
from ..domain.release import Lane, Phase, Release
from ..domain.reports import OpenGate
from ..ledger.table import ReadOfEach, gathered
from .reading import Reader


def open_gates(reader: Reader) -> ReadOfEach[OpenGate]:
    """The open gates of every application, oldest release first. Raises `LedgerUnavailable`."""
    each = gathered(reader.read_each_application(lambda entry: list(_open_gates_of(reader, entry))))
    return ReadOfEach(read=tuple(chain.from_iterable(each.read)), not_shown=each.not_shown)


def _open_gates_of(reader: Reader, entry: Entry) -> Iterator[OpenGate]:
    name = entry.application.application
    rows = reader.ledger.application_rows(name)
    for number in sorted(rows.head.active if rows.head else ()):
        release = reader.ledger.release(name, number)
        if release is not None and (gate := _open_gate_of(reader, release, entry, rows.lanes)):
            yield gate


def name_at_gate(reader: Reader, release: Release, environment: str, person: str) -> str:
    """The person as the gate's policy knows them, such as by their address; otherwise as given (`oid:…`)."""
    gate = reader.gate_of(release, environment)
    return gate.identities.person(person).name if isinstance(gate, ApprovalGate) else person


def may_decide(gate: ApprovalGate, who: SignedIn) -> bool:
    """Whether the gate's policy names this person, by what their sign-in says. Whether a vote counts is decided when it
    is cast, by its own proof."""
    return gate.lists(gate.identities.names(f"{OID}{who.object_id}", signed_in=who), who)


def may_say(reader: Reader, release: Release, environment: str, who: SignedIn) -> bool:
    """Whether this person's statement about the gate could stop anything: the gate names them, or a vote is counted in
    their name. Other people's votes would be refused, and only lengthen the trail."""
    gate = reader.gate_of(release, environment)
    if gate is not None and may_decide(gate, who):
        return True
    identities = gate.identities if gate is not None else IdentityMap()
    names = identities.names(f"{OID}{who.object_id}", signed_in=who)
    rollout, votes = release.rollout_in(environment), release.gate.votes if release.gate else ()
    counted = (*(vote.voter for vote in votes), *(rollout.approvers if rollout else ()))
    return any(not names.isdisjoint(identities.names(voter)) for voter in counted)


def _open_gate_of(reader: Reader, release: Release, entry: Entry, lanes: Mapping[str, Lane]) -> OpenGate | None:
    """The gate at which the release waits; None if it waits at none."""
    environment = release.environment or ""
    gate = reader.gate_of(release, environment)
    if release.phase is not Phase.AWAITING_APPROVAL or release.gate is None or not isinstance(gate, ApprovalGate):
        return None
    lane = lanes.get(environment)
    current = plan_rule(release, lane.live if lane else None, entry.fingerprint)
    return OpenGate(
        release=release.id,
        application=release.application,
        environment=environment,
        tag=release.tag,
        digest=release.digest,
        plan_hash=release.gate.plan_hash,
        opened_at=release.gate.opened_at,
        deadline=release.gate.closes_at,
        approvals=len(counted_approvals(release, gate)),
        required=gate.required,
        votes=release.gate.votes,
        waits_for=voters_left(release, gate),
        outdated="" if current.passed else current.reason,
    )

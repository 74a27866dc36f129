"""Who is who in the stories: each person with all their names. People are told apart without the code under test."""

from slipway.domain.audit import AuditRecord
from slipway.domain.gate import ApprovalGate, Share
from slipway.domain.people import KnownPerson, SignedIn
from slipway.domain.release import Release
from slipway.domain.runs import Trust
from tests.unit.domain.samples import ADA, BEN, CLEO, MALLORY

ADA_OID = "a0000000-0000-4000-8000-00000000000a"
ADA_PRIVATE = "ada@home.example.org"
BEN_OID = "b0000000-0000-4000-8000-00000000000b"
GUEST_OID = "90000000-0000-4000-8000-000000000009"
GUEST = "guest@example.com"
RELEASERS_OID = "f0000000-0000-4000-8000-00000000000f"
"""A group in Entra. The guest is a member, and no gate lists the guest by name."""

PEOPLE = {
    ADA: "ada",
    f"oid:{ADA_OID}": "ada",
    ADA_PRIVATE: "ada",
    BEN: "ben",
    f"oid:{BEN_OID}": "ben",
    CLEO: "cleo",
    MALLORY: "mallory",
    GUEST: "guest",
}
KNOWN = {ADA_OID: KnownPerson(mail=ADA, also=(ADA_PRIVATE,)), BEN_OID: KnownPerson(mail=BEN)}
SIGN_INS = {
    ADA: SignedIn(object_id=ADA_OID),
    BEN: SignedIn(object_id=BEN_OID),
    GUEST: SignedIn(object_id=GUEST_OID, groups=(RELEASERS_OID,)),
}
MANAGERS = Share(of=(f"oid:{ADA_OID}", CLEO))
RELEASERS = Share(of=(f"group:{RELEASERS_OID}",))
MEMBERS = {MANAGERS: {"ada", "cleo"}, RELEASERS: {"guest"}}


def person(name: str) -> str:
    return PEOPLE[name.casefold()]


class CountedVotes:
    """The approvals that stand, from the audit trail alone: the people who approved, by release and plan hash."""

    def __init__(self) -> None:
        self._standing: dict[tuple[str, str], list[str]] = {}

    def feed(self, record: AuditRecord) -> None:
        if not record.action.startswith("vote."):
            return
        assert record.release is not None
        people = self._standing.setdefault((record.release, record.details["plan_hash"]), [])
        match record.action:
            case "vote.approved":
                assert person(record.actor) not in people, "one person, one vote"
                people.append(person(record.actor))
            case "vote.withdrawn":
                people.remove(person(record.actor))
            case "vote.voided":
                for voter in record.details["voters"]:
                    people.remove(person(voter))

    def approvals(self, release: Release) -> list[str]:
        return self._standing.get((release.id, release.plan_hash or ""), [])


def barred(gate: ApprovalGate, release: Release) -> set[str]:
    """The people who may not approve the release because it is their own work."""
    if release.run is None:
        return set()
    return set() if gate.own_change else {person(involved.mail) for involved in release.run.people}


def assert_demands_met(gate: ApprovalGate, release: Release, approved: list[str]) -> None:
    """Assert that the approvals meet all that the gate demands. Does not use the product's own rules."""
    assert len(set(approved)) == len(approved) >= gate.required
    for share in gate.each:
        assert len(MEMBERS[share].intersection(approved)) >= share.required
    assert not barred(gate, release).intersection(approved)
    run = release.run
    if gate.require_known:
        assert run is not None
        change_is_known = run.behind.trust is Trust.PROVED
        assert change_is_known or gate.own_change
    listed = {person(name) for name in gate.approvers}
    listed |= {member for share in gate.each for member in MEMBERS[share]}
    assert set(approved) <= listed

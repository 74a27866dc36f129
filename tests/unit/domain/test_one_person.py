"""One person is one person, whichever of their accounts and addresses they use: at a gate, and for their own work."""

import pytest

from slipway.domain.gate import ApprovalGate
from slipway.domain.people import KnownPerson, SignedIn
from slipway.domain.phases import Phase
from slipway.domain.release import VoteDecision
from slipway.domain.steps import StepKind
from slipway.domain.strictness import weaker_beside
from tests.unit.domain.crowd import ADA_OID, BEN_OID
from tests.unit.domain.gates import at_the_gate, built, gated, refusals, voters
from tests.unit.domain.samples import ADA, application, approval, production, staging
from tests.unit.domain.test_strictness import guarded
from tests.unit.domain.world import World

ADMIN_OID = "ad000000-0000-4000-8000-0000000000ad"
"""Ada's second account."""
ACCOUNTS = {ADA_OID: KnownPerson(mail=ADA, also=(f"oid:{ADMIN_OID}",))}
ROLE = "role:shop-approvers"


def signed_in(oid: str, *roles: str) -> SignedIn:
    return SignedIn(object_id=oid, roles=roles or ("shop-approvers",))


def asking_two(**fields: object) -> World:
    return at_the_gate(gated(ROLE, required=2, people=ACCOUNTS, **fields))


@pytest.mark.parametrize("accounts", [(ADA_OID, ADMIN_OID), (ADMIN_OID, ADA_OID)])
def test_two_accounts_of_one_person_have_one_vote(accounts: tuple[str, str]) -> None:
    world = asking_two()
    first, second = (world.vote(1, f"oid:{oid}", signed_in=signed_in(oid)) for oid in accounts)
    assert refusals(first) == ["quorum-reached"]
    assert refusals(second) == ["one-vote-each"]
    assert world.phase(1) is Phase.AWAITING_APPROVAL
    world.vote(1, f"oid:{BEN_OID}", signed_in=signed_in(BEN_OID))
    assert world.phase(1) is not Phase.AWAITING_APPROVAL


def test_nobody_approves_by_their_second_account_what_they_pushed_by_their_first() -> None:
    world = at_the_gate(gated(ROLE, people=ACCOUNTS), run=built(committed_by=ADA))
    decision = world.vote(1, f"oid:{ADMIN_OID}", signed_in=signed_in(ADMIN_OID))
    assert refusals(decision) == ["approver-is-not-committer"]


def test_a_second_account_has_the_rights_of_its_own_roles_alone() -> None:
    """The person who applies the application says whose account it is: nobody can thereby vote in the place of
    another."""
    world = at_the_gate(gated(f"oid:{ADA_OID}", "role:security", people=ACCOUNTS))
    decision = world.vote(1, f"oid:{ADMIN_OID}", signed_in=signed_in(ADMIN_OID, "reader"))
    assert refusals(decision) == ["approver-is-listed"]
    assert not refusals(world.vote(1, f"oid:{ADMIN_OID}", signed_in=signed_in(ADMIN_OID, "security")))


def test_a_second_account_does_not_count_as_a_required_voter_whom_the_gate_names_by_the_first() -> None:
    world = at_the_gate(gated(ROLE, each=({"of": f"oid:{ADA_OID}"},), people=ACCOUNTS))
    world.vote(1, f"oid:{ADMIN_OID}", signed_in=signed_in(ADMIN_OID))
    assert world.phase(1) is Phase.AWAITING_APPROVAL
    assert "listed_as" not in world.last("vote.approved").details


def test_a_gate_does_not_ask_a_second_account_by_name() -> None:
    with pytest.raises(ValueError, match="is listed only to recognize own work"):
        ApprovalGate(approvers=(f"oid:{ADMIN_OID}",), people=ACCOUNTS)


@pytest.mark.parametrize("oid", [ADMIN_OID, ADMIN_OID.upper()])
def test_an_account_cannot_be_listed_for_two_people(oid: str) -> None:
    with pytest.raises(ValueError, match="is listed for two people"):
        ApprovalGate(approvers=(ROLE,), people=ACCOUNTS | {BEN_OID: KnownPerson(also=(f"oid:{oid}",))})
    with pytest.raises(ValueError, match="is listed for two people"):
        ApprovalGate(approvers=(ROLE,), people=ACCOUNTS | {oid: KnownPerson()})


def test_a_person_who_approves_and_rejects_under_two_names_has_one_vote_at_the_gate() -> None:
    gate = approval(ADA, people=ACCOUNTS)
    world = World(application(staging(), production(registry=None, gate=gate)))
    world.push("v1")
    world.settle()
    world.effects.lose(StepKind.DEPLOY, "production")
    world.vote(1, ADA)
    world.settle()
    decision = world.vote(
        1, f"oid:{ADA_OID}", VoteDecision.REJECT, reason="the prices are wrong", signed_in=signed_in(ADA_OID)
    )
    assert refusals(decision) == []
    world.wait(world.releases[1].due - world.now)  # type: ignore[operator]
    world.reconcile()
    world.settle()
    assert world.phase(1) is Phase.REJECTED
    assert voters(world) == [f"oid:{ADA_OID}"]


@pytest.mark.parametrize(
    "gate",
    [
        ApprovalGate(approvers=(ROLE,), required=2, people=ACCOUNTS),
        ApprovalGate(approvers=(ROLE,), each=({"of": ADA},), people=ACCOUNTS),  # type: ignore[arg-type]
    ],
    ids=["accounts of one person", "an address among those of whom some have to approve"],
)
def test_another_application_that_names_people_differently_at_a_guarded_place_is_weaker(gate: ApprovalGate) -> None:
    eve_as_ada = {"ee000000-0000-4000-8000-0000000000ee": KnownPerson(mail=ADA)}
    guarding = guarded(gate)
    (place,) = {(environment.cluster, environment.namespace) for environment in guarding.environments}
    for people in ({}, eve_as_ada):
        beside = guarded(gate.evolve(people=people)).evolve(application="store")
        assert [
            weakening.text.partition("gate: ")[2].partition(":")[0]
            for weakening in weaker_beside(guarding, beside, [place])
        ]
    assert weaker_beside(guarding, guarded(gate).evolve(application="store"), [place]) == ()

"""The audit trail verifies as written, and every kind of tampering is found and named."""

import pytest

from slipway.domain.actions import Action
from slipway.domain.audit import GENESIS, AuditDraft, AuditRecord, ChainCheck, ChainFault
from slipway.testing.chains import PUBLIC_KEYS, signed_anew, signed_chain
from tests.unit.domain.samples import ADA, MORNING, application
from tests.unit.domain.world import World


def world_with_a_trail() -> World:
    world = World(application())
    world.push("v1")
    world.settle()
    world.vote(1, ADA)
    world.settle()
    return world


def check(records: list[AuditRecord], world: World, *, application: str = "shop") -> ChainFault | None:
    chain = ChainCheck(application, keys=PUBLIC_KEYS)
    for record in records:
        fault = chain.feed(record)
        if fault is not None:
            return fault
    return chain.finish(sequence=world.head.sequence, head_hash=world.head.hash)


def first_fault(records: list[AuditRecord], world: World) -> tuple[int, str]:
    fault = check(records, world)
    assert fault is not None
    return fault.sequence, fault.reason


def test_a_trail_as_it_was_written_verifies() -> None:
    world = world_with_a_trail()
    assert len(world.audit) == world.head.sequence > 10
    assert world.audit[0].previous == GENESIS
    assert check(world.audit, world) is None


def test_an_empty_trail_verifies() -> None:
    assert check([], World(application())) is None


def test_a_trail_that_went_through_json_verifies() -> None:
    world = world_with_a_trail()
    assert check([AuditRecord.model_validate_json(r.model_dump_json()) for r in world.audit], world) is None


@pytest.mark.parametrize(
    "change",
    [
        {"actor": "nobody@example.com"},
        {"action": "vote.rejected"},
        {"details": {}},
        {"time": MORNING.replace(year=2025)},
        {"digest": None},
        {"release": "shop-2"},
        {"environment": "staging"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_changed_record_is_named(change: dict[str, object]) -> None:
    world = world_with_a_trail()
    position = next(i for i, record in enumerate(world.audit) if record.action == "vote.approved")
    changed = [*world.audit]
    changed[position] = changed[position].evolve(**change)
    sequence = position + 1
    assert first_fault(changed, world) == (
        sequence,
        "its content does not match its hash: it was changed after it was written",
    )


def test_a_changed_record_with_a_fitting_hash_breaks_the_link_of_the_next() -> None:
    world = world_with_a_trail()
    forged = world.audit[4].evolve(actor="nobody@example.com")
    forged = signed_anew(forged)
    assert first_fault([*world.audit[:4], forged, *world.audit[5:]], world) == (
        6,
        "it does not name the hash of the record before it",
    )


def test_a_removed_record_is_named() -> None:
    world = world_with_a_trail()
    assert first_fault([*world.audit[:4], *world.audit[5:]], world) == (
        5,
        "expected sequence 5, found 6: a record is missing",
    )


def test_a_removed_first_record_is_named() -> None:
    world = world_with_a_trail()
    assert first_fault(world.audit[1:], world)[0] == 1


def test_reordered_records_are_named() -> None:
    world = world_with_a_trail()
    swapped = [*world.audit[:3], world.audit[4], world.audit[3], *world.audit[5:]]
    assert first_fault(swapped, world)[0] == 4


def test_reordered_records_that_were_numbered_again_are_named() -> None:
    world = world_with_a_trail()
    third, fourth = world.audit[2].evolve(sequence=4), world.audit[3].evolve(sequence=3)
    assert first_fault([*world.audit[:2], fourth, third, *world.audit[4:]], world) == (
        3,
        "it does not name the hash of the record before it",
    )


def test_an_added_record_at_the_end_does_not_agree_with_the_head() -> None:
    world = world_with_a_trail()
    extra = signed_chain(
        [AuditDraft(action=Action.VOTE_APPROVED, actor=ADA)],
        application="shop",
        time=world.now,
        sequence=world.head.sequence,
        previous=world.head.hash,
    )
    count = len(world.audit)
    assert first_fault([*world.audit, *extra], world) == (
        count + 2,
        f"the head names {count} records, {count + 1} were found",
    )


def test_a_truncated_trail_does_not_agree_with_the_head() -> None:
    world = world_with_a_trail()
    count = len(world.audit)
    assert first_fault(world.audit[:-2], world) == (
        count - 1,
        f"the head names {count} records, {count - 2} were found",
    )


def test_a_trail_that_was_written_again_does_not_agree_with_the_head() -> None:
    world = world_with_a_trail()
    last = world.audit[-1].evolve(actor="nobody@example.com")
    last = signed_anew(last)
    assert first_fault([*world.audit[:-1], last], world) == (
        len(world.audit),
        "its hash is not the one that the head names",
    )


def test_a_record_of_another_application_is_named() -> None:
    world = world_with_a_trail()
    fault = check(world.audit, world, application="cart")
    assert fault is not None
    assert fault.reason == "it belongs to the chain of 'shop'"

"""Replaying a trail names a release that went live without its gate, even if all records are properly signed."""

from collections.abc import Sequence
from typing import Any

import pytest

from slipway.domain.audit import AuditDraft
from slipway.domain.replaying import Replay
from slipway.testing.chains import signed_chain
from tests.unit.domain.samples import MORNING

PLAN, OTHER = "sha256:" + "a" * 64, "sha256:" + "b" * 64
ASKED: dict[str, Any] = {"opening": 1, "plan_hash": PLAN, "required": 2}


def draft(
    action: str,
    *,
    actor: str = "slipway",
    release: int | None = 1,
    environment: str | None = "production",
    **details: Any,
) -> Any:
    fields = {"action": action, "actor": actor, "release": release, "environment": environment, "details": details}
    return AuditDraft.model_validate(fields)


def live_release(release: int = 1) -> list[AuditDraft]:
    """The records of a release that went live with two approvals."""
    return [
        draft("release.created", release=release, environment=None),
        draft("plan.requested", release=release),
        draft("plan.made", release=release, plan_hash=PLAN),
        draft("gate.opened", release=release, **ASKED),
        draft("vote.approved", release=release, actor="oid:ada", plan_hash=PLAN),
        draft("vote.approved", release=release, actor="oid:ben", plan_hash=PLAN),
        draft("gate.passed", release=release, plan_hash=PLAN),
        draft("rollout.done", release=release),
        draft("release.live", release=release, plan_hash=PLAN),
    ]


def fault_of(drafts: Sequence[AuditDraft]) -> tuple[int, str] | None:
    replay = Replay()
    for record in signed_chain(drafts, application="shop", time=MORNING):
        replay.feed(record)
    return replay.fault


def test_a_release_that_passed_its_gate_is_not_a_fault() -> None:
    assert fault_of(live_release()) is None


def live_release_without(*actions: str) -> list[AuditDraft]:
    return [record for record in live_release() if record.action not in actions]


@pytest.mark.parametrize(
    ("drafts", "expected"),
    [
        (
            [record for record in live_release() if record.actor != "oid:ben"],
            "1 of 2 approvals of its plan are on record",
        ),
        (live_release_without("gate.passed"), "no record says that it passed for its plan"),
        (live_release_without("plan.made"), "no record has its plan"),
        (live_release_without("rollout.done"), "no record says that it was rolled out"),
        ([*live_release()[:-1], draft("release.live", plan_hash=OTHER)], "no record has its plan"),
        (
            [*live_release()[:6], draft("vote.withdrawn", actor="oid:ben", voter="oid:ben"), *live_release()[6:]],
            "1 of 2 approvals of its plan are on record",
        ),
        (
            [*live_release()[:6], draft("vote.voided", voters=["oid:ada", "oid:ben"]), *live_release()[6:]],
            "0 of 2 approvals of its plan are on record",
        ),
        (
            [*live_release()[:7], draft("vote.rejected", actor="oid:eve"), *live_release()[7:]],
            "0 of 2 approvals of its plan are on record",
        ),
        (
            [*live_release()[:7], draft("ledger.reset", environment=None), *live_release()[7:]],
            "0 of 2 approvals of its plan are on record",
        ),
        (
            [*live_release()[:6], draft("gate.opened", **ASKED | {"opening": 2}), *live_release()[6:]],
            "0 of 2 approvals",
        ),
    ],
    ids=[
        "one vote too few",
        "never passed",
        "no plan",
        "not rolled out",
        "another plan",
        "withdrawn",
        "voided",
        "rejected after it passed",
        "a new epoch",
        "opened anew",
    ],
)
def test_a_release_that_went_live_without_its_gate_is_named(drafts: list[AuditDraft], expected: str) -> None:
    fault = fault_of(drafts)
    assert fault is not None
    sequence, reason = fault
    assert sequence == len(drafts)
    assert reason.startswith("shop-1 went live in production without its gate: ")
    assert expected in reason


def test_the_first_release_without_its_gate_is_named() -> None:
    bare = ("gate.opened", "vote.approved", "gate.passed")
    drafts = [
        *live_release(1),
        *(record for number in (2, 3) for record in live_release(number) if record.action not in bare),
    ]
    fault = fault_of(drafts)
    assert fault is not None
    assert (fault[0], fault[1].split(" ")[0]) == (14, "shop-2")
    assert "nobody was asked about its plan" in fault[1]


def test_a_gate_that_was_taken_away_by_a_change_of_the_rules_is_not_a_fault() -> None:
    applied = draft("application.applied", environment=None)
    later = [
        record
        for record in live_release(2)
        if record.action in ("release.created", "plan.requested", "plan.made", "rollout.done", "release.live")
    ]
    assert fault_of([*live_release(1), applied.evolve(release=None), *later]) is None


@pytest.mark.parametrize("proof", ["sha256:" + "c" * 64, None])
def test_a_rollback_needs_a_proof_and_no_gate(proof: str | None) -> None:
    order = draft("rollback.ordered", actor="oid:olga", to="shop-1").evolve(proof=proof)
    drafts = [draft("release.created", environment=None), order, draft("plan.requested"), *live_release()[-2:]]
    assert (fault_of(drafts) is None) is (proof is not None)


def test_a_part_of_a_trail_says_nothing_of_releases_that_began_before_it() -> None:
    assert fault_of(live_release()[5:]) is None


def test_a_rollout_that_had_begun_before_a_reset_is_finished_by_the_votes_that_it_had() -> None:
    reset = draft("ledger.reset", release=None, environment=None)
    after_begin = [*live_release()[:7], draft("rollout.requested", plan_hash=PLAN), reset, *live_release()[7:]]
    assert fault_of(after_begin) is None
    before_begin = [*live_release()[:7], reset, *live_release()[7:]]
    assert fault_of(before_begin) == (
        10,
        "shop-1 went live in production without its gate: 0 of 2 approvals of its plan are on record",
    )


def with_a_required_group(**vote_details: Any) -> list[AuditDraft]:
    """Two approved, and one had to be of `security`; `vote_details` are added to the record of the second vote."""
    details = ASKED | {"each": [{"of": ["role:security", "cleo@example.com"], "required": 1}]}
    return [
        record.evolve(details=details)
        if record.action == "gate.opened"
        else record.evolve(details={**record.details, **vote_details})
        if record.actor == "oid:ben"
        else record
        for record in live_release()
    ]


@pytest.mark.parametrize("by", [{"roles": ["security"]}, {"listed_as": ["cleo@example.com"]}])
def test_a_release_that_its_required_group_approved_is_not_a_fault(by: dict[str, Any]) -> None:
    assert fault_of(with_a_required_group(**by)) is None


@pytest.mark.parametrize("by", [{}, {"roles": ["shop-approvers"]}, {"listed_as": ["ben@example.com"]}])
def test_a_release_without_the_approval_of_its_required_group_is_named(by: dict[str, Any]) -> None:
    fault = fault_of(with_a_required_group(**by))
    assert fault is not None
    assert "0 of 1 approvals from role:security or cleo@example.com are on record" in fault[1]


@pytest.mark.parametrize("by", [{"signed_in": "ada"}, {"listed_as": ["oid:ada"]}])
def test_one_person_under_two_names_counts_as_one_approval(by: dict[str, Any]) -> None:
    fault = fault_of(
        [
            record.evolve(details={**record.details, **by}) if record.actor == "oid:ben" else record
            for record in live_release()
        ]
    )
    assert fault is not None
    assert "1 of 2 approvals of its plan are on record" in fault[1]


@pytest.mark.parametrize("stage", ["copy.requested", "before.requested", "rollout.requested"])
def test_a_release_that_went_on_without_its_gate_is_named_before_it_is_live(stage: str) -> None:
    drafts = [*live_release()[:5], draft(stage, plan_hash=PLAN), *live_release()[5:]]
    assert fault_of(drafts) == (
        6,
        "shop-1 went on in production without its gate: 1 of 2 approvals of its plan are on record",
    )


@pytest.mark.parametrize("stop", ["gate.unproved", "ledger.rewound", "fence.touched"])
def test_a_step_without_its_gate_that_the_worker_stopped_before_it_was_done_is_not_a_fault(stop: str) -> None:
    copy_requested = [*live_release()[:5], draft("copy.requested", plan_hash=PLAN)]
    assert fault_of([*copy_requested, draft("vote.approved", actor="oid:ben", plan_hash=PLAN), draft(stop)]) is None
    assert fault_of([*copy_requested, draft("copy.done"), draft(stop)]) is not None


@pytest.mark.parametrize(
    ("drafts", "expected"),
    [
        (
            [*live_release()[:1], draft("rollout.requested"), *live_release()[1:]],
            "was joining, and no step leads from there to deploying",
        ),
        ([*live_release()[:3], draft("release.completed", environment=None)], "no step leads from there to completed"),
        (
            [*live_release()[:4], draft("verification.requested")],
            "was awaiting approval, and no step leads from there to verifying",
        ),
        (
            [*live_release()[:4], draft("release.expired"), draft("rollout.requested")],
            "was expired, and no step leads from there",
        ),
    ],
)
def test_a_release_whose_records_no_declared_step_leads_to_is_named(drafts: list[AuditDraft], expected: str) -> None:
    fault = fault_of(drafts)
    assert fault is not None
    assert expected in fault[1]

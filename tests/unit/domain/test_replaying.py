"""A trail is replayed: a release that went live without its gate is named, however well its records are signed."""

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
    action: str, *, who: str = "slipway", release: int | None = 1, where: str | None = "production", **details: Any
) -> Any:
    fields = {"action": action, "actor": who, "release": release, "environment": where, "details": details}
    return AuditDraft.model_validate(fields)


def way(release: int = 1) -> list[AuditDraft]:
    """A release that went live by the votes of two."""
    return [
        draft("release.created", release=release, where=None),
        draft("plan.requested", release=release),
        draft("plan.made", release=release, plan_hash=PLAN),
        draft("gate.opened", release=release, **ASKED),
        draft("vote.approved", release=release, who="oid:ada", plan_hash=PLAN),
        draft("vote.approved", release=release, who="oid:ben", plan_hash=PLAN),
        draft("gate.passed", release=release, plan_hash=PLAN),
        draft("rollout.done", release=release),
        draft("release.live", release=release, plan_hash=PLAN),
    ]


def replayed(drafts: Sequence[AuditDraft]) -> tuple[int, str] | None:
    replay = Replay()
    for record in signed_chain(drafts, application="shop", time=MORNING):
        replay.feed(record)
    return replay.fault


def test_a_release_that_passed_its_gate_is_not_a_fault() -> None:
    assert replayed(way()) is None


def without(*actions: str) -> list[AuditDraft]:
    return [each for each in way() if each.action not in actions]


@pytest.mark.parametrize(
    ("drafts", "why"),
    [
        ([each for each in way() if each.actor != "oid:ben"], "1 of 2 approvals of its plan are on record"),
        (without("gate.passed"), "no record says that it passed for its plan"),
        (without("plan.made"), "no record has its plan"),
        (without("rollout.done"), "no record says that it was rolled out"),
        ([*way()[:-1], draft("release.live", plan_hash=OTHER)], "no record has its plan"),
        (
            [*way()[:6], draft("vote.withdrawn", who="oid:ben", voter="oid:ben"), *way()[6:]],
            "1 of 2 approvals of its plan are on record",
        ),
        (
            [*way()[:6], draft("vote.voided", voters=["oid:ada", "oid:ben"]), *way()[6:]],
            "0 of 2 approvals of its plan are on record",
        ),
        ([*way()[:7], draft("vote.rejected", who="oid:eve"), *way()[7:]], "0 of 2 approvals of its plan are on record"),
        ([*way()[:7], draft("ledger.reset", where=None), *way()[7:]], "0 of 2 approvals of its plan are on record"),
        ([*way()[:6], draft("gate.opened", **ASKED | {"opening": 2}), *way()[6:]], "0 of 2 approvals"),
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
def test_what_went_live_without_its_gate_is_named(drafts: list[AuditDraft], why: str) -> None:
    fault = replayed(drafts)
    assert fault is not None
    sequence, reason = fault
    assert sequence == len(drafts)
    assert reason.startswith("shop-1 went live in production without its gate: ")
    assert why in reason


def test_the_first_one_is_named() -> None:
    bare = ("gate.opened", "vote.approved", "gate.passed")
    drafts = [*way(1), *(each for number in (2, 3) for each in way(number) if each.action not in bare)]
    fault = replayed(drafts)
    assert fault is not None
    assert (fault[0], fault[1].split(" ")[0]) == (14, "shop-2")
    assert "nobody was asked about its plan" in fault[1]


def test_a_gate_that_was_taken_away_by_a_change_of_the_rules_is_not_a_fault() -> None:
    applied = draft("application.applied", where=None)
    later = [
        each
        for each in way(2)
        if each.action in ("release.created", "plan.requested", "plan.made", "rollout.done", "release.live")
    ]
    assert replayed([*way(1), applied.evolve(release=None), *later]) is None


@pytest.mark.parametrize("proof", ["sha256:" + "c" * 64, None])
def test_a_rollback_needs_a_proof_and_no_gate(proof: str | None) -> None:
    ordered = draft("rollback.ordered", who="oid:olga", to="shop-1").evolve(proof=proof)
    drafts = [draft("release.created", where=None), ordered, draft("plan.requested"), *way()[-2:]]
    assert (replayed(drafts) is None) is (proof is not None)


def test_a_part_of_a_trail_says_nothing_of_releases_that_began_before_it() -> None:
    assert replayed(way()[5:]) is None


def test_a_rollout_that_had_begun_before_a_reset_is_finished_by_the_votes_that_it_had() -> None:
    reset = draft("ledger.reset", release=None, where=None)
    began = [*way()[:7], draft("rollout.requested", plan_hash=PLAN), reset, *way()[7:]]
    assert replayed(began) is None
    not_yet = [*way()[:7], reset, *way()[7:]]
    assert replayed(not_yet) == (
        10,
        "shop-1 went live in production without its gate: 0 of 2 approvals of its plan are on record",
    )


def from_both(**by: Any) -> list[AuditDraft]:
    """Two approved, and one of them had to be of `security`; `by` is what the record says of the second voter."""
    asked = ASKED | {"each": [{"of": ["role:security", "cleo@example.com"], "required": 1}]}
    return [
        each.evolve(details=asked)
        if each.action == "gate.opened"
        else each.evolve(details={**each.details, **by})
        if each.actor == "oid:ben"
        else each
        for each in way()
    ]


@pytest.mark.parametrize("by", [{"roles": ["security"]}, {"listed_as": ["cleo@example.com"]}])
def test_enough_of_those_who_had_to_be_among_the_voters_are(by: dict[str, Any]) -> None:
    assert replayed(from_both(**by)) is None


@pytest.mark.parametrize("by", [{}, {"roles": ["shop-approvers"]}, {"listed_as": ["ben@example.com"]}])
def test_too_few_of_those_who_had_to_be_among_the_voters_are_named(by: dict[str, Any]) -> None:
    fault = replayed(from_both(**by))
    assert fault is not None
    assert "0 of 1 approvals from role:security or cleo@example.com are on record" in fault[1]


@pytest.mark.parametrize("by", [{"signed_in": "ada"}, {"listed_as": ["oid:ada"]}])
def test_one_person_under_two_names_is_not_two(by: dict[str, Any]) -> None:
    fault = replayed(
        [each.evolve(details={**each.details, **by}) if each.actor == "oid:ben" else each for each in way()]
    )
    assert fault is not None
    assert "1 of 2 approvals of its plan are on record" in fault[1]


@pytest.mark.parametrize("stage", ["copy.requested", "before.requested", "rollout.requested"])
def test_what_went_on_without_its_gate_is_named_before_it_is_live(stage: str) -> None:
    drafts = [*way()[:5], draft(stage, plan_hash=PLAN), *way()[5:]]
    assert replayed(drafts) == (
        6,
        "shop-1 went on in production without its gate: 1 of 2 approvals of its plan are on record",
    )


@pytest.mark.parametrize("stopped", ["gate.unproved", "ledger.rewound", "fence.touched"])
def test_what_a_changed_row_asked_for_and_the_worker_stopped_before_it_was_done_is_not_a_fault(stopped: str) -> None:
    asked_for = [*way()[:5], draft("copy.requested", plan_hash=PLAN)]
    assert replayed([*asked_for, draft("vote.approved", who="oid:ben", plan_hash=PLAN), draft(stopped)]) is None
    assert replayed([*asked_for, draft("copy.done"), draft(stopped)]) is not None


@pytest.mark.parametrize(
    ("drafts", "why"),
    [
        (
            [*way()[:1], draft("rollout.requested"), *way()[1:]],
            "was joining, and no step leads from there to deploying",
        ),
        ([*way()[:3], draft("release.completed", where=None)], "no step leads from there to completed"),
        (
            [*way()[:4], draft("verification.requested")],
            "was awaiting approval, and no step leads from there to verifying",
        ),
        (
            [*way()[:4], draft("release.expired"), draft("rollout.requested")],
            "was expired, and no step leads from there",
        ),
    ],
)
def test_a_release_that_went_a_way_that_no_release_goes_is_named(drafts: list[AuditDraft], why: str) -> None:
    fault = replayed(drafts)
    assert fault is not None
    assert why in fault[1]

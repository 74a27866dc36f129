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


def test_a_release_that_passed_its_gate_is_no_fault() -> None:
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
            [*way()[:5], draft("vote.withdrawn", who="oid:ben", voter="oid:ben"), *way()[5:]],
            "1 of 2 approvals of its plan are on record",
        ),
        (
            [*way()[:5], draft("vote.voided", voters=["oid:ada", "oid:ben"]), *way()[5:]],
            "0 of 2 approvals of its plan are on record",
        ),
        ([*way()[:6], draft("vote.rejected", who="oid:eve"), *way()[6:]], "0 of 2 approvals of its plan are on record"),
        ([*way()[:6], draft("ledger.reset", where=None), *way()[6:]], "0 of 2 approvals of its plan are on record"),
        ([*way()[:5], draft("gate.opened", **ASKED | {"opening": 2}), *way()[5:]], "0 of 2 approvals"),
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
    assert (fault[0], fault[1].split(" ")[0]) == (12, "shop-2")
    assert "nobody was asked about its plan" in fault[1]


def test_a_gate_that_was_taken_away_by_a_change_of_the_rules_is_no_fault() -> None:
    applied = draft("application.applied", where=None)
    later = [each for each in way(2) if each.action in ("release.created", "plan.made", "rollout.done", "release.live")]
    assert replayed([*way(1), applied.evolve(release=None), *later]) is None


@pytest.mark.parametrize("proof", ["sha256:" + "c" * 64, None])
def test_a_roll_back_needs_a_proof_and_no_gate(proof: str | None) -> None:
    ordered = draft("rollback.ordered", who="oid:olga", to="shop-1").evolve(proof=proof)
    drafts = [draft("release.created", where=None), ordered, *way()[-2:]]
    assert (replayed(drafts) is None) is (proof is not None)


def test_a_part_of_a_trail_says_nothing_of_releases_that_began_before_it() -> None:
    assert replayed(way()[4:]) is None


def test_a_rollout_that_had_begun_before_a_reset_is_finished_by_the_votes_that_it_had() -> None:
    reset = draft("ledger.reset", release=None, where=None)
    began = [*way()[:6], draft("rollout.requested", plan_hash=PLAN), reset, *way()[6:]]
    assert replayed(began) is None
    not_yet = [*way()[:6], reset, *way()[6:]]
    assert replayed(not_yet) == (
        9,
        "shop-1 went live in production without its gate: 0 of 2 approvals of its plan are on record",
    )

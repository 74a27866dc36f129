"""An attacker who may write every row and document, but has no key, forges how far a release has come. A plan of the
attacker's own reaches no cluster, whichever step would carry it out."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from slipway.domain.blocks import LanePass
from slipway.domain.commands import Verb
from slipway.domain.errors import present
from slipway.domain.plan import Plan
from slipway.domain.pruning import Deletion
from slipway.domain.release import Phase, Release
from slipway.domain.steps import StepKind
from slipway.ledger import keys
from slipway.ledger.rows import pack, pack_release
from tests.beginnings import begun
from tests.security.test_rows_of_an_attacker import PRODUCTION, approve, put, waiting
from tests.unit.commands.live import Live


def second_waits(folder: Path) -> Live:
    """Release 1 is live in both environments, and release 2 waits for approval in production."""
    home = begun(waiting, folder)
    approve(home)
    home.settle()
    assert home.phase(1) is Phase.COMPLETED
    home.push("1.1")
    home.settle()
    assert home.phase(2) is Phase.AWAITING_APPROVAL
    return home


@pytest.fixture
def home(tmp_path: Path) -> Live:
    return begun(second_waits, tmp_path)


def forged_plan(home: Live, *, beside: bool = False) -> str:
    """Hash of the attacker's plan, stored with the others: it runs Jobs, and deletes what is live or adds to it."""
    plan = Plan.model_validate_json(present(home.blobs.get(home.release(1).plan_hash or ""), "the plan"))
    live = next(manifest for manifest in plan.manifests if manifest["kind"] == "Deployment")
    kind, name = live["kind"], live["metadata"]["name"]
    (uid,) = (uid_there for key, uid_there in home.production._uids.items() if key[1:] == (kind, name))
    deletion = Deletion(api_version=live["apiVersion"], kind=kind, name=name, uid=uid)
    metadata = {"name": "mallorys", "annotations": {"slipway.dev/job": "mallorys"}}
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata,
        "spec": {"activeDeadlineSeconds": 9, "template": {}},
    }
    manifests = (*plan.manifests, {**live, "metadata": metadata}) if beside else plan.manifests
    forged = plan.evolve(manifests=manifests, verification=job, after=(job,))
    return home.blobs.put(forged.evolve(deletions=(deletion,)).document(), "application/json")


def claim(home: Live, phase: Phase, kind: StepKind, plan: str) -> None:
    """Let the rows claim that release 2 is rolled out by this plan, and that a step of it did not report in time."""
    release, lane = home.release(2), home.lane(PRODUCTION)
    step = f"{release.id}/{PRODUCTION}/{release.attempt}/{kind}"
    fields = {"phase": phase, "step": step, "due": home.now - timedelta(seconds=1), "plan_hash": plan}
    put(home, keys.release(2), pack_release(Release.model_validate(release.model_dump() | fields)))
    live = present(lane.live, "what is live").evolve(plan_hash=plan)
    lane = lane.evolve(in_progress=2, waiting=None, orders=lane.orders + 1, live=live)
    put(home, keys.lane(PRODUCTION), pack(lane))


def cluster_state(home: Live) -> tuple[object, ...]:
    """The objects in the cluster, the Jobs that were started there, and everything made there."""
    cluster = home.production
    return dict(cluster.objects), list(cluster.jobs_started), dict(cluster.made)


@pytest.mark.parametrize(
    ("phase", "kind"),
    [
        (Phase.CHECKING, StepKind.CHECK),
        (Phase.FINISHING, StepKind.AFTER),
        (Phase.VERIFYING, StepKind.VERIFY),
        (Phase.ROLLING_BACK, StepKind.ROLL_BACK),
    ],
)
def test_a_forged_rollout_that_never_began_is_not_continued(home: Live, phase: Phase, kind: StepKind) -> None:
    before = cluster_state(home)
    claim(home, phase, kind, forged_plan(home, beside=kind is StepKind.ROLL_BACK))
    home.reconcile()
    home.settle()
    assert cluster_state(home) == before
    refusal = next(record for record in home.trail() if record.action == "gate.unproved")
    assert (refusal.details["step"], refusal.details["rules"]) == (kind, ["in-force-is-on-record"])
    assert home.phase(2) is Phase.FAILED
    assert home.verify().intact


def test_a_plan_that_is_exchanged_while_it_is_applied_does_not_go_live(
    home: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    approve(home, 2)
    step = home.settle_at(StepKind.DEPLOY, PRODUCTION)
    forged, cluster = forged_plan(home), home.production
    jobs_before, apply = list(cluster.jobs_started), cluster.apply

    def apply_and_exchange(*args: Any, **more: Any) -> Any:
        monkeypatch.undo()
        result = apply(*args, **more)
        put(home, keys.release(2), pack_release(home.release(2).evolve(plan_hash=forged)))
        return result

    monkeypatch.setattr(cluster, "apply", apply_and_exchange)
    home.run_step(step)
    home.settle()
    assert present(home.lane(PRODUCTION).live, "what is live").release == 1
    assert home.phase(2) is Phase.FAILED
    assert cluster.jobs_started == jobs_before


# ---- what lets something through
def under_way_again(home: Live, number: int, kind: StepKind = StepKind.DEPLOY, **row: object) -> None:
    """Let the rows claim that a release which has ended waits for a step that did not report in time."""
    release, lane, head = home.release(number), home.lane(PRODUCTION), home.app.ledger.head("shop")
    step = f"{release.id}/{PRODUCTION}/{release.attempt}/{kind}"
    fields = {"phase": Phase.DEPLOYING, "step": step, "due": home.now - timedelta(seconds=1)} | row
    put(home, keys.release(number), pack_release(Release.model_validate(release.model_dump() | fields)))
    put(home, keys.lane(PRODUCTION), pack(lane.evolve(in_progress=number, orders=lane.orders + 1)))
    put(home, keys.HEAD, pack(head.evolve(active=(number,))))


def test_a_release_that_was_replaced_does_not_come_back_by_the_votes_that_it_once_had(home: Live) -> None:
    approve(home, 2)
    home.settle()
    under_way_again(home, 1)
    before = cluster_state(home)
    home.reconcile()
    home.settle()
    assert cluster_state(home) == before


@pytest.mark.parametrize("to", [1, 2])
def test_a_rollback_that_was_cancelled_is_not_carried_out(home: Live, to: int) -> None:
    """Nor is another one in its place."""
    approve(home, 2)
    home.settle()
    home.command(Verb.ROLLBACK, 1, PRODUCTION)
    step = home.settle_at(StepKind.DEPLOY, PRODUCTION)
    planned = home.release(3)
    home.command(Verb.CANCEL, 3)
    home.run_step(step)
    home.settle()
    assert home.phase(3) is Phase.CANCELLED
    before = cluster_state(home)
    plan = planned.plan_hash if to == 1 else forged_plan(home)
    under_way_again(home, 3, plan_hash=plan, rollback=planned.rollback)
    home.reconcile()
    home.settle()
    assert cluster_state(home) == before


def test_a_forged_override_in_a_releases_row_passes_no_freeze(home: Live) -> None:
    approve(home, 2)
    step = home.settle_at(StepKind.DEPLOY, PRODUCTION)
    home.command(Verb.FREEZE, None, PRODUCTION)
    lane_pass = LanePass(environment=PRODUCTION, by="oid:mallory", reason="x", at=home.now, used_at=home.now)
    put(home, keys.release(2), pack_release(home.release(2).evolve(override=lane_pass)))
    before = cluster_state(home)
    home.run_step(step)
    home.settle()
    assert cluster_state(home) == before


def test_an_untested_image_in_a_releases_row_does_not_replace_the_tested_one(home: Live) -> None:
    """The row names another digest, and that the plan is being made again."""
    release, digest = home.release(2), home.build("9.9")
    attempt, due = release.attempt + 1, home.now - timedelta(seconds=1)
    step = f"{release.id}/{PRODUCTION}/{attempt}/{StepKind.PLAN}"
    fields = {"phase": Phase.PLANNING, "step": step, "attempt": attempt, "due": due, "digest": digest, "gate": None}
    put(home, keys.release(2), pack_release(Release.model_validate(release.model_dump() | fields)))
    home.reconcile()
    home.settle()
    assert home.phase(2) is Phase.FAILED
    assert digest not in [record.digest for record in home.trail() if record.action == "gate.opened"]


@pytest.mark.parametrize("what", ["plan", "digest"])
def test_a_rollback_to_a_release_whose_row_was_forged_changes_nothing(home: Live, what: str) -> None:
    """The release has ended: the signed head no longer names its row, only its records vouch for it."""
    approve(home, 2)
    home.settle()
    before, target = cluster_state(home), home.release(1)
    rollouts = [rollout.evolve(plan_hash=forged_plan(home, beside=True)) for rollout in target.rollouts]
    changed = {"rollouts": rollouts} if what == "plan" else {"digest": home.build("9.9")}
    put(home, keys.release(1), pack_release(target.evolve(**changed)))
    home.command(Verb.ROLLBACK, 1, PRODUCTION)
    home.settle()
    assert cluster_state(home) == before
    assert "no record says that shop-1 was live in production" in home.release(3).reason

"""Right before the first object of a rollout: what came up since the decision to begin stops it, by the signed trail;
from the first object on a rollout is finished or rolled back."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from slipway.catalogue.entries import Catalogue
from slipway.commands.saying import CommandRequest
from slipway.domain.commands import Verb
from slipway.domain.errors import present
from slipway.domain.inbox import InboxKind, InboxRow, Speaker, Via
from slipway.domain.release import Phase, VoteDecision
from slipway.domain.steps import Step, StepKind
from slipway.effects.cluster import ClusterUnreachable
from slipway.engine.freezing import FreezeOrder
from slipway.ledger import keys
from slipway.ledger.rows import pack
from slipway.ledger.table import Act, Write
from slipway.testing import write_application
from tests.beginnings import begun
from tests.confirming import OLGA, proof_of, say_proved
from tests.security.test_kept_proofs import ADA, TEXT, statement
from tests.security.test_rows_of_an_attacker import approve, waiting
from tests.unit.commands.live import Live

PRODUCTION = "production"
LANE = CommandRequest(verb=Verb.FREEZE, application="shop", environment=PRODUCTION, reason="the sale")
EVERYTHING = CommandRequest(verb=Verb.FREEZE, reason="the sale")
ON_CALL = Speaker(oid=OLGA.oid, name="olga@example.com", roles=("operator",), via=Via.CLI)
BOTH = pytest.mark.parametrize("order", [LANE, EVERYTHING], ids=["the lane", "everything"])


@pytest.fixture
def home(tmp_path: Path) -> Live:
    return begun(waiting, tmp_path)


def step_of_the_rollout(home: Live) -> Step:
    """Approve, and go on until the rollout is decided: returns its step, which is in the queue."""
    approve(home)
    step = home.settle_at(StepKind.DEPLOY, PRODUCTION)
    assert home.phase(1) is Phase.DEPLOYING
    return step


def freeze(home: Live, order: CommandRequest) -> None:
    home.app.inbox_writer.command(order, ON_CALL)
    home.hear()


def thaw(home: Live, order: CommandRequest) -> None:
    statement = home.app.inbox_writer.statement(replace(order, verb=Verb.UNFREEZE))
    say_proved(home, proof_of(home, statement))
    home.hear()


def stopped_by(home: Live) -> tuple[str, ...]:
    """The rules that hold the release back; nothing was written to the cluster."""
    assert home.production.applied == 0
    assert not any(name.endswith("-production") for _, name in home.production.leases)
    assert home.phase(1) is Phase.HELD_BACK, home.release(1).reason
    assert home.lane(PRODUCTION).in_progress is None
    return home.release(1).blocked_by


@BOTH
def test_a_freeze_between_the_decision_and_the_first_object_stops_the_rollout(
    home: Live, order: CommandRequest
) -> None:
    step = step_of_the_rollout(home)
    freeze(home, order)
    home.run_step(step)
    assert stopped_by(home) == ("freeze",)
    thaw(home, order)
    home.settle()
    assert home.phase(1) is Phase.COMPLETED
    assert home.actions().count("vote.approved") == 1
    assert home.verify().intact


def test_a_freeze_that_comes_while_the_cluster_is_away_stops_the_rollout_when_it_is_back(home: Live) -> None:
    home.production.errors.append(ClusterUnreachable("the API server does not answer"))
    home.run_step(step_of_the_rollout(home))
    freeze(home, LANE)
    home.settle()
    assert stopped_by(home) == ("freeze",)


def test_a_freeze_of_everything_that_did_not_reach_the_application_stops_the_rollout(home: Live) -> None:
    step = step_of_the_rollout(home)
    interrupted_freezer = replace(home.app.freezer, catalogue=Catalogue({}))  # the worker ends before it tells anybody
    interrupted_freezer.carry_out(
        FreezeOrder(
            verb=Verb.FREEZE,
            actor="olga@example.com",
            reason="the sale",
            channel="cli",
            submission="freeze-of-everything",
            received_at=home.now,
        )
    )
    home.run_step(step)
    assert stopped_by(home) == ("freeze",)
    home.settle()
    assert home.production.applied == 0


def without_the_freeze(home: Live) -> None:
    lane = home.lane(PRODUCTION)
    home.table.transact("shop", [Write(act=Act.PUT, key=keys.lane(PRODUCTION), values=pack(lane.evolve(freeze=None)))])


def with_an_earlier_end_of_the_freeze(home: Live) -> None:
    lane = home.lane(PRODUCTION)
    ended_freeze = present(lane.freeze, "the freeze").evolve(until=home.now)
    home.table.transact(
        "shop", [Write(act=Act.PUT, key=keys.lane(PRODUCTION), values=pack(lane.evolve(freeze=ended_freeze)))]
    )


@pytest.mark.parametrize("tamper", [without_the_freeze, with_an_earlier_end_of_the_freeze])
def test_a_removed_freeze_fails_the_release_at_its_first_object_as_a_changed_one_does(
    home: Live, tamper: Callable[[Live], None]
) -> None:
    step = step_of_the_rollout(home)
    freeze(home, LANE)
    tamper(home)
    home.run_step(step)
    assert home.production.applied == 0
    assert home.phase(1) is Phase.FAILED
    assert home.trail()[-2].details["rules"] == ["in-force-is-on-record"]


def test_a_freeze_after_the_first_object_lets_the_rollout_complete(home: Live) -> None:
    step = step_of_the_rollout(home)
    home.production.refuses["Service/shop"] = ClusterUnreachable("the API server does not answer")
    home.run_step(step)  # the Deployment is there, the Service is not
    freeze(home, LANE)
    home.settle()
    assert home.phase(1) is Phase.COMPLETED
    assert {kind for _, kind, _ in home.production.objects} == {"Deployment", "Service"}


def cancel(home: Live, release: str = "shop-1") -> None:
    """Without a proof: what stops something needs none."""
    order = CommandRequest(verb=Verb.CANCEL, release=release, reason="the wrong branch")
    home.app.inbox_writer.command(order, ON_CALL)
    home.hear()


def ended_before_its_first_object(home: Live) -> None:
    assert home.production.applied == 0
    assert not any(name.endswith("-production") for _, name in home.production.leases)
    assert home.phase(1) is Phase.CANCELLED, home.release(1).reason
    assert (home.lane(PRODUCTION).in_progress, home.lane(PRODUCTION).called_off) == (None, None)
    assert home.verify().intact


def test_a_cancel_between_the_decision_and_the_first_object_ends_the_release(home: Live) -> None:
    step = step_of_the_rollout(home)
    cancel(home)
    assert home.phase(1) is Phase.DEPLOYING
    assert "so it ends before its first object, unless that was written already" in home.explain(1).headline
    home.run_step(step)
    ended_before_its_first_object(home)
    (cancellation,) = (record for record in home.trail() if record.action == "release.cancelled")
    assert (cancellation.actor, cancellation.details["reason"]) == ("olga@example.com", "the wrong branch")


def reject(home: Live) -> None:
    """Ada, who approved it, rejects it after all; a rejection needs no proof."""
    rejection = statement(home, 1).evolve(decision=VoteDecision.REJECT, reason="the prices are wrong")
    speaker = Speaker(oid=ADA.oid, name="ada@example.com", roles=ADA.roles, via=Via.PAGE)
    home.app.inbox_writer.say("shop", InboxRow(kind=InboxKind.VOTE, said=rejection, speaker=speaker))
    home.hear()


def test_a_rejection_between_the_decision_and_the_first_object_ends_the_release(home: Live) -> None:
    step = step_of_the_rollout(home)
    reject(home)
    assert home.phase(1) is Phase.DEPLOYING
    assert "rejected shop-1" in home.explain(1).headline
    home.run_step(step)
    assert home.production.applied == 0
    assert home.phase(1) is Phase.REJECTED, home.release(1).reason
    assert home.lane(PRODUCTION).called_off is None
    home.settle()
    assert home.verify().intact
    assert home.actions().count("rollout.called-off") == 1


def test_a_rejection_after_the_order_was_taken_is_recorded_as_too_late(home: Live) -> None:
    step = step_of_the_rollout(home)
    home.production.refuses["Deployment/shop"] = ClusterUnreachable("the API server does not answer")
    home.run_step(step)  # the Lease is ours, and no object is there
    reject(home)
    home.settle()
    assert home.phase(1) is Phase.COMPLETED
    assert home.actions().count("rollout.went-on") == 1
    assert home.verify().intact


def test_a_cancel_that_comes_while_the_cluster_is_away_ends_the_release_when_it_is_back(home: Live) -> None:
    home.production.errors.append(ClusterUnreachable("the API server does not answer"))
    home.run_step(step_of_the_rollout(home))
    cancel(home)
    home.settle()
    ended_before_its_first_object(home)


def test_a_cancel_that_comes_after_the_order_was_taken_is_recorded_as_too_late(home: Live) -> None:
    step = step_of_the_rollout(home)
    home.production.refuses["Deployment/shop"] = ClusterUnreachable("the API server does not answer")
    home.run_step(step)  # the Lease is ours, and no object is there
    cancel(home)
    home.settle()
    assert home.phase(1) is Phase.COMPLETED
    assert home.actions().count("rollout.went-on") == 1
    assert home.lane(PRODUCTION).called_off is None
    assert home.verify().intact


def test_a_cancel_that_was_taken_out_of_the_table_lets_nothing_through(home: Live) -> None:
    step = step_of_the_rollout(home)
    cancel(home)
    lane = home.lane(PRODUCTION).evolve(called_off=None)
    home.table.transact("shop", [Write(act=Act.PUT, key=keys.lane(PRODUCTION), values=pack(lane))])
    home.run_step(step)
    assert home.production.applied == 0
    assert home.phase(1) is Phase.FAILED
    assert home.trail()[-2].details["rules"] == ["in-force-is-on-record"]


def test_a_release_that_was_cancelled_at_its_first_object_is_sent_out_again_by_new_votes(home: Live) -> None:
    step = step_of_the_rollout(home)
    cancel(home)
    home.run_step(step)
    request = CommandRequest(verb=Verb.RETRY, release="shop-1", reason="it was the right one")
    say_proved(home, proof_of(home, home.app.inbox_writer.statement(request)))
    home.hear()
    home.settle()
    assert home.phase(1) is Phase.AWAITING_APPROVAL
    assert home.production.applied == 0


def test_a_rollback_that_is_ordered_between_the_decision_and_the_first_object_goes_first(home: Live) -> None:
    approve(home)
    home.settle()
    home.push("2.0")
    home.settle()
    approve(home, 2)
    home.settle()
    assert home.phase(2) is Phase.COMPLETED
    home.push("3.0")
    home.settle()
    approve(home, 3)
    step = home.settle_at(StepKind.DEPLOY, PRODUCTION)
    applied_before = home.production.applied
    request = CommandRequest(verb=Verb.ROLLBACK, release="shop-1", environment=PRODUCTION, reason="wrong totals")
    say_proved(home, proof_of(home, home.app.inbox_writer.statement(request)))
    home.hear()
    home.run_step(step)
    assert home.production.applied == applied_before
    home.settle()
    live = present(home.lane(PRODUCTION).live, "what is live")
    assert live.digest == home.release(1).digest
    assert home.phase(3) is not Phase.COMPLETED


def test_an_application_that_fell_out_of_its_project_writes_no_first_object(home: Live) -> None:
    step = step_of_the_rollout(home)
    home.edit_project(lambda value: value.update(repositories=["other/*"]))
    home.apply(app="team")
    home.run_step(step)
    home.settle()
    assert home.production.applied == 0
    assert home.phase(1) is Phase.AWAITING_APPROVAL, home.release(1).reason  # its plan is another one now
    assert home.app.catalogue.entries["shop"].problems


def test_a_kind_that_the_project_no_longer_allows_is_not_applied(tmp_path: Path) -> None:
    write_application(tmp_path, text=TEXT)
    rollout = "apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: { name: more }\nspec: { replicas: 1 }\n"
    (tmp_path / "shop/manifests/more.yaml").write_text(rollout)
    home = Live(tmp_path)
    home.edit_project(lambda value: value.update(kinds={"also": ["argoproj.io/Rollout"]}))
    home.apply()
    home.push("1.0")
    home.settle()
    step = step_of_the_rollout(home)
    home.edit_project(lambda value: value.pop("kinds"))
    home.apply(app="team")
    home.run_step(step)
    assert home.production.applied == 0
    assert home.phase(1) is Phase.PLANNING  # for what is allowed now
    home.settle()
    release = home.release(1)
    assert release.phase is Phase.FAILED
    assert release.reason.startswith("within-project: Rollout/more: kind: expected one of Kubernetes' own")


def test_an_image_that_the_project_no_longer_allows_is_not_applied(home: Live) -> None:
    step = step_of_the_rollout(home)
    home.edit_project(lambda value: value.pop("foreign_images"))
    home.apply(app="team")
    home.run_step(step)
    assert home.production.applied == 0
    assert home.phase(1) is Phase.PLANNING  # for what is allowed now
    home.settle()
    assert home.phase(1) is Phase.FAILED
    assert "expected an image of the project team (team/*), or one of its foreign_images" in home.release(1).reason


def test_a_container_that_may_no_longer_be_added_makes_the_plan_be_voted_on_again(tmp_path: Path) -> None:
    write_application(tmp_path, text=TEXT)
    home = Live(tmp_path)
    home.edit_project(lambda value: value.update(injected=[{"container": "istio-proxy", "image": "mcr.example/*"}]))
    home.apply()
    home.push("1.0")
    home.settle()
    step = step_of_the_rollout(home)
    voted_plan = home.release(1).plan_hash
    home.edit_project(lambda value: value.pop("injected"))
    home.apply(app="team")
    home.run_step(step)
    assert home.production.applied == 0
    home.settle()
    assert home.phase(1) is Phase.AWAITING_APPROVAL
    assert home.release(1).plan_hash != voted_plan


def test_a_release_that_was_let_past_a_freeze_writes_its_first_object(home: Live) -> None:
    freeze(home, LANE)
    approve(home)
    home.settle()
    assert stopped_by(home) == ("freeze",)
    request = CommandRequest(
        verb=Verb.OVERRIDE, application="shop", release="shop-1", environment=PRODUCTION, reason="incident 4711"
    )
    say_proved(home, proof_of(home, home.app.inbox_writer.statement(request)))
    home.hear()
    home.settle()
    assert home.phase(1) is Phase.COMPLETED
    assert home.release(1).override is None

"""Drift is notified once, recorded as it changes, blocks new releases where the environment says so, and is undone by a
person."""

import re
from datetime import timedelta

import pytest
from pydantic import ValidationError

from slipway.domain.answers import answer_to
from slipway.domain.commands import Verb
from slipway.domain.drift import Drifted, DriftFindings, DriftKind, IgnoredDrift, OnDrift, is_due
from slipway.domain.events import CommandGiven, DriftLooked
from slipway.domain.gate import AutoGate
from slipway.domain.release import Phase
from slipway.domain.rules import Rule, Unknown
from slipway.domain.snapshot import lookups
from slipway.domain.steps import Notice
from tests.unit.domain.samples import MORNING, application, production, staging
from tests.unit.domain.world import World

MINUTE = timedelta(minutes=1)
EDITED = Drifted(what=DriftKind.CHANGED, kind="Deployment", name="web", fields=("spec.replicas",), by="kubectl-edit")
GONE = Drifted(what=DriftKind.MISSING, kind="ConfigMap", name="settings")
FOUND = DriftFindings.of((EDITED,), None)
AWAY = DriftFindings(unknown="production could not be reached")


def live(on_drift: OnDrift = OnDrift.REPORT, *tags: str) -> World:
    drifting = production(gate=AutoGate()).evolve(drift=on_drift)
    world = World(application(staging(), drifting).evolve(notify=("inbox",)))
    for tag in tags or ("v1",):
        world.push(tag)
        world.settle()
        world.wait(MINUTE)
    return world


def look(world: World, findings: DriftFindings, *, release: int | None = None) -> None:
    world.wait(4 * MINUTE)
    lane = world.lanes["production"]
    assert lane.live is not None
    event = DriftLooked(
        received_at=world.now,
        application="shop",
        environment="production",
        release=release or lane.live.release,
        plan_hash=lane.live.plan_hash,
        seen=findings,
    )
    world.take(event)
    world.settle()


def drift_actions(world: World) -> list[str]:
    return [action for action in world.actions() if action.startswith("drift.")]


def test_drift_is_recorded_and_notified_once_however_often_it_is_seen() -> None:
    world = live()
    for _ in range(3):
        look(world, FOUND)
    assert drift_actions(world) == ["drift.found"]
    [notice] = world.notices(Notice.DRIFT)
    assert (notice.environment, notice.why) == ("production", FOUND.summary)
    assert "Deployment/web was changed by kubectl-edit (spec.replicas)" in world.last("drift.found").details["reason"]
    drift = world.lanes["production"].drift
    assert drift is not None
    assert drift.seen == FOUND


def test_further_drift_is_recorded_and_not_notified_again() -> None:
    world = live()
    look(world, FOUND)
    look(world, DriftFindings.of((EDITED, GONE), None))
    assert drift_actions(world) == ["drift.found", "drift.found"]
    assert len(world.notices(Notice.DRIFT)) == 1


def test_the_end_of_drift_is_recorded_and_new_drift_is_reported_again() -> None:
    world = live()
    for findings in (FOUND, DriftFindings(), FOUND):
        look(world, findings)
    assert drift_actions(world) == ["drift.found", "drift.gone", "drift.found"]
    first, second = world.notices(Notice.DRIFT)
    assert first.id != second.id


def test_a_clean_look_writes_nothing() -> None:
    world = live()
    actions_before = len(world.actions())
    look(world, DriftFindings())
    assert len(world.actions()) == actions_before


def test_unknown_drift_is_recorded_once_and_keeps_what_was_found_before() -> None:
    world = live()
    look(world, FOUND)
    for _ in range(2):
        look(world, AWAY)
    assert drift_actions(world) == ["drift.found", "drift.unknown"]
    drift = world.lanes["production"].drift
    assert drift is not None
    assert (drift.seen.unknown, drift.seen.objects) == (AWAY.unknown, (EDITED,))
    look(world, FOUND)
    assert len(world.notices(Notice.DRIFT)) == 1


def test_a_look_at_a_release_that_is_no_longer_live_records_nothing() -> None:
    world = live(OnDrift.REPORT, "v1", "v2")
    look(world, FOUND, release=1)
    assert drift_actions(world) == []


def test_a_release_that_goes_live_ends_the_drift() -> None:
    world = live()
    look(world, FOUND)
    world.push("v2")
    world.settle()
    assert world.live("production") == 2
    assert world.lanes["production"].drift is None
    assert world.last("drift.gone").details["reason"] == "shop-2 went live"


@pytest.mark.parametrize("findings", [FOUND, AWAY], ids=["found", "unknown"])
def test_a_release_waits_where_drift_holds_and_goes_on_once_it_is_over(findings: DriftFindings) -> None:
    world = live(OnDrift.HOLD)
    look(world, findings)
    world.push("v2")
    world.settle()
    assert (world.phase(2), world.releases[2].blocked_by) == (Phase.HELD_BACK, (Rule.NO_DRIFT,))
    condition = "a look finds no drift, or somebody brings back what is live or lets this release past it"
    assert world.explain(2).next == f"It continues automatically once {condition}."
    look(world, DriftFindings())
    assert (world.phase(2), world.live("production")) == (Phase.COMPLETED, 2)


def test_unknown_drift_is_explained_as_unknown() -> None:
    world = live(OnDrift.HOLD)
    look(world, AWAY)
    world.push("v2")
    world.settle()
    rules = [rule for part in world.explain(2).rules for rule in part.rules if rule.rule is Rule.NO_DRIFT]
    assert [type(rule) for rule in rules] == [Unknown]
    assert "it is unknown whether" in world.explain(2).headline


def test_an_override_lets_a_release_past_drift() -> None:
    world = live(OnDrift.HOLD)
    look(world, FOUND)
    world.push("v2")
    world.settle()
    world.command(Verb.OVERRIDE, 2, reason="the edit is in v2")
    world.settle()
    assert world.phase(2) is Phase.COMPLETED
    assert world.last("override.used").details["reason"] == "the edit is in v2"


def test_a_rollback_that_undoes_drift_brings_back_the_live_release_and_holds_nothing() -> None:
    world = live(OnDrift.HOLD)
    look(world, FOUND)
    world.command(Verb.ROLLBACK, 1, reason="nobody edits production")
    world.settle()
    brought_back = world.releases[2]
    assert (brought_back.phase, brought_back.digest) == (Phase.COMPLETED, world.releases[1].digest)
    lane = world.lanes["production"]
    assert (lane.hold, lane.drift) == (None, None)
    assert world.last("drift.rollback-ordered").details["to"] == "shop-1"
    assert "rollback.ordered" not in world.actions()
    world.push("v2")
    world.settle()
    assert world.phase(3) is Phase.COMPLETED


def test_a_rollback_that_undoes_drift_is_answered_with_its_release() -> None:
    world = live(OnDrift.HOLD)
    look(world, FOUND)
    decision = world.command(Verb.ROLLBACK, 1, reason="nobody edits production")
    event = world.taken[-1][1]
    assert isinstance(event, CommandGiven)
    snapshot = world.snapshot(lookups(world.application, event))
    reply = answer_to(event.evolve(inbox="1767348000000-0123456789abcdef"), decision, snapshot)
    assert reply is not None
    assert (reply.refused, reply.release) == (False, "shop-2")


def test_a_rollback_to_a_live_release_without_drift_is_refused() -> None:
    world = live()
    world.command(Verb.ROLLBACK, 1, reason="why not")
    assert "is-not-live-now" in world.last("command.refused").details["rules"]


@pytest.mark.parametrize(("minute", "every", "due"), [(0, 4, True), (3, 4, False), (8, 4, True), (0, 0, False)])
def test_a_look_is_due_every_few_minutes_and_never_with_zero(minute: int, every: int, due: bool) -> None:
    start = MORNING.replace(hour=0, minute=0, second=0, microsecond=0)
    assert is_due(start + minute * MINUTE, every) is due


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"kind": "Deployment"}, "expected fields, by, or both"),
        ({"kind": "deployments", "fields": ["spec.replicas"]}, "kind"),
        ({"kind": "Deployment", "fields": ["spec.template.spec.containers[].image"]}, "holds an image"),
        ({"kind": "Deployment", "fields": ["spec.template.spec.initContainers[init]"]}, "holds an image"),
        ({"kind": "Deployment", "fields": ["spec.template.spec.containers"]}, "holds an image"),
        ({"kind": "Deployment", "fields": ["/spec/replicas"]}, "fields"),
        ({"kind": "Deployment", "fields": ["spec.replicas"], "jsonPointers": ["/spec"]}, "jsonPointers"),
    ],
)
def test_a_rule_that_may_not_ignore_drift_is_refused_by_name(fields: dict[str, object], says: str) -> None:
    with pytest.raises(ValidationError, match=re.escape(says)):
        IgnoredDrift.model_validate(fields)


def test_drift_of_a_removed_field_cannot_be_excused_by_its_writer() -> None:
    steps = ["data", "data.greeting"]
    by = IgnoredDrift(kind="ConfigMap", by=("reloader",))
    assert by.covers(steps, {"reloader"})
    assert not by.covers(steps, {"reloader", "kubectl-edit"})
    assert not by.covers(steps, set())
    assert IgnoredDrift(kind="ConfigMap", fields=("data",)).covers(steps, set())


def test_a_key_with_a_dot_is_not_taken_for_a_field_below_another() -> None:
    rule = IgnoredDrift(kind="ConfigMap", fields=("data.app",))
    assert not rule.covers(["data", "data.app.properties"], {"reloader"})
    assert rule.covers(["spec", "data.app", "data.app.properties"], {"reloader"})

"""Deploy, check and roll back: what was voted on goes to the cluster, and what runs is what was voted on."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from slipway.domain.commands import Verb
from slipway.domain.release import Phase
from slipway.domain.steps import EarlierFindings, Step, StepKind
from slipway.effects.cluster import AccessDenied, ClusterError, ClusterUnreachable, ObjectRefused
from slipway.effects.cluster.running import ComparedPods
from slipway.engine.outcome import REASON_LIMIT, Finished, Outcome, Requeue, Retry
from slipway.engine.run_step import LEASE, Work
from slipway.engine.steps.roll_back import roll_back
from slipway.engine.steps.rollout import SLOW_PAUSE, check_rollout, deploy, pause_before
from slipway.testing import Installation, MemoryBlobs

WITHIN = timedelta(minutes=5)
TAKEN = {"cluster": "staging", "namespace": "shop", "order": {"epoch": 0, "number": 1}}
DEPLOYMENT = ("shop", "Deployment", "shop")


def work(installation: Installation, step: Step) -> Work:
    nearby = installation.app.ledger.nearby("shop", step.release)
    release, entry = installation.release(step.release), installation.app.catalogue.entries["shop"]
    return Work(step=step, release=release, entry=entry, renew=lambda: True, nearby=nearby)


def work_at(installation: Installation, kind: StepKind) -> Work:
    """The given step of the first release in staging."""
    installation.push("1.0")
    return work(installation, installation.settle_at(kind, "staging"))


def set_image(installation: Installation, image: str, container: int = 0) -> None:
    """Somebody changes the live workload by hand."""
    installation.staging.objects[DEPLOYMENT]["spec"]["template"]["spec"]["containers"][container]["image"] = image


def damage_plan(installation: Installation, plan_hash: str | None, content: bytes | None) -> None:
    assert isinstance(installation.blobs, MemoryBlobs)
    assert plan_hash is not None
    if content is None:
        del installation.blobs.documents[plan_hash]
    else:
        installation.blobs.documents[plan_hash] = content


def test_the_manifests_of_the_plan_are_applied_and_named(installation: Installation) -> None:
    outcome = deploy(installation.app.clients, work_at(installation, StepKind.DEPLOY))
    assert isinstance(outcome, Finished)
    assert outcome.passed
    assert outcome.result["objects"] == ["Deployment/shop", "Service/shop"]
    assert outcome.result["images"] == [f"nonprod.test/team/shop@{installation.release(1).digest}"]
    assert installation.staging.digest("shop") == installation.release(1).digest


def test_a_rollout_that_takes_its_time_is_looked_at_again_with_growing_pauses(installation: Installation) -> None:
    ready = work_at(installation, StepKind.CHECK)
    installation.staging.slow.add(installation.release(1).digest or "")
    outcome = check_rollout(installation.app.clients, installation.clock, ready)
    assert outcome == Requeue(after=timedelta(milliseconds=300), reason="0 of 1 pods are ready", seen=EarlierFindings())
    pauses = [pause_before(poll) for poll in range(6)]
    assert pauses == sorted(pauses)
    assert pauses[-1] == SLOW_PAUSE == pause_before(10**6)


def test_a_rollout_that_is_up_passes_with_its_reason(installation: Installation) -> None:
    ready = work_at(installation, StepKind.CHECK)
    check_rollout(installation.app.clients, installation.clock, ready)
    outcome = check_rollout(installation.app.clients, installation.clock, ready)
    assert isinstance(outcome, Finished)
    assert (outcome.passed, outcome.reason) == (True, "1 of 1 pods are ready")


def test_a_rollout_that_is_not_up_in_time_fails(installation: Installation) -> None:
    ready = work_at(installation, StepKind.CHECK)
    installation.staging.slow.add(installation.release(1).digest or "")
    installation.wait(WITHIN)
    assert isinstance(check_rollout(installation.app.clients, installation.clock, ready), Requeue)
    installation.wait(timedelta(seconds=1))
    outcome = check_rollout(
        installation.app.clients, installation.clock, replace(ready, step=ready.step.evolve(poll=1))
    )
    assert isinstance(outcome, Finished)
    assert (outcome.passed, outcome.reason) == (False, "not up within 0:05:00: 0 of 1 pods are ready")


def test_a_first_poll_after_the_time_is_over_is_followed_by_another(installation: Installation) -> None:
    ready = work_at(installation, StepKind.CHECK)
    installation.staging.slow.add(installation.release(1).digest or "")
    installation.wait(2 * WITHIN)
    assert isinstance(check_rollout(installation.app.clients, installation.clock, ready), Requeue)


def test_a_rollout_that_is_found_up_after_its_time_passes(installation: Installation) -> None:
    ready = work_at(installation, StepKind.CHECK)
    check_rollout(installation.app.clients, installation.clock, ready)
    installation.wait(WITHIN * 2)
    outcome = check_rollout(installation.app.clients, installation.clock, ready)
    assert isinstance(outcome, Finished)
    assert outcome.passed


def test_pods_that_crash_fail_the_rollout_at_once(installation: Installation) -> None:
    ready = work_at(installation, StepKind.CHECK)
    installation.staging.broken.add(installation.release(1).digest or "")
    outcome = check_rollout(installation.app.clients, installation.clock, ready)
    assert isinstance(outcome, Finished)
    assert (outcome.passed, outcome.reason) == (False, "the pods crash")


def test_why_a_rollout_failed_is_in_the_reason_on_the_page_in_explain_and_in_the_message(
    installation: Installation,
) -> None:
    installation.push("1.0")
    installation.settle()
    installation.staging.broken.add(installation.build("2.0"))
    installation.staging.last_lines = "no route to db:5432"
    installation.push("2.0")
    installation.settle()
    release = installation.release(2)
    assert release.reason == "the pods crash; it said: no route to db:5432"
    assert any(message.headline.endswith("no route to db:5432") for message in installation.inbox.messages)
    assert "no route to db:5432" in str(installation.explain(2).model_dump())
    [failure] = release.failures
    assert (failure.name, failure.environment, failure.passed) == ("rollout", "staging", False)
    assert failure.log is not None
    assert b"== log of shop-1/shop" in installation.app.reader.evidence(failure.log)
    assert release.evidence == ()


def test_a_rollout_that_succeeds_when_it_is_tried_again_forgets_why_it_failed_before(
    installation: Installation,
) -> None:
    digest = installation.build("1.0")
    installation.staging.broken.add(digest)
    installation.push("1.0")
    installation.settle()
    assert installation.release(1).failures
    installation.staging.broken.clear()
    installation.command(Verb.RETRY, 1)
    installation.settle()
    assert installation.release(1).failures == ()


def test_the_reason_of_a_failed_rollout_keeps_to_its_limit_and_ends_with_the_log(installation: Installation) -> None:
    ready = work_at(installation, StepKind.CHECK)
    installation.staging.broken.add(installation.release(1).digest or "")
    installation.staging.last_lines = "x" * 400
    outcome = check_rollout(installation.app.clients, installation.clock, ready)
    assert isinstance(outcome, Finished)
    assert outcome.reason.endswith("x" * 400)
    assert len(outcome.reason) <= REASON_LIMIT


def second_check(installation: Installation) -> Outcome:
    """The outcome of the second poll, by which rollouts of the memory cluster are done."""
    ready = work_at(installation, StepKind.CHECK)
    check_rollout(installation.app.clients, installation.clock, ready)
    return check_rollout(installation.app.clients, installation.clock, ready)


@pytest.mark.parametrize("container", [0, 1], ids=["its own", "the one beside it"])
@pytest.mark.parametrize("image", ["nonprod.test/team/shop@sha256:" + "1" * 64, "team/shop", "other.test/x:1"])
def test_another_image_than_the_plans_fails_the_rollout(installation: Installation, image: str, container: int) -> None:
    ready = work_at(installation, StepKind.CHECK)
    check_rollout(installation.app.clients, installation.clock, ready)
    set_image(installation, image, container)
    outcome = check_rollout(installation.app.clients, installation.clock, ready)
    assert isinstance(outcome, Finished)
    name = ("shop", "proxy")[container]
    assert (outcome.passed, outcome.reason) == (
        False,
        f"runs-as-planned: Deployment/shop: container {name} differs in image",
    )


DEBUG = {"name": "debug", "image": "evil.example/debug:1"}
NOT_IN_THE_PLAN = "Deployment/shop: it has a container debug (evil.example/debug:1), which the plan does not have"


def add_debug_container(installation: Installation) -> None:
    """Give the application's pods one more container from now on."""
    spec = installation.staging.objects[DEPLOYMENT]["spec"]["template"]["spec"]
    installation.staging.pods["shop"] = {"containers": [*spec["containers"], DEBUG]}


def test_a_container_that_nobody_voted_on_fails_the_release_by_name_with_its_record(installation: Installation) -> None:
    installation.push("1.0")
    step = installation.settle_at(StepKind.CHECK, "staging")
    add_debug_container(installation)
    installation.run_step(step)
    installation.settle()
    assert installation.phase(1) is Phase.FAILED
    assert f"runs-as-planned: {NOT_IN_THE_PLAN}" in installation.release(1).reason
    record = next(record for record in installation.trail() if record.action == "rollout.failed")
    assert (record.details["rules"], record.details["others"]) == (["runs-as-planned"], [NOT_IN_THE_PLAN])


def test_a_container_that_the_project_names_is_part_of_the_plan_that_people_vote_on(deliveries: Path) -> None:
    project = deliveries / "project.yaml"
    injected = "injected: [{ container: debug, image: evil.example/* }]"
    project.write_text(f"{project.read_text()}{injected}\n")
    installation = Installation(deliveries)
    installation.push("1.0")
    step = installation.settle_at(StepKind.CHECK, "staging")
    add_debug_container(installation)
    installation.run_step(step)
    installation.settle()
    release = installation.release(1)
    assert [record.action for record in installation.trail()].count("release.live") == 1
    [permitted] = installation.app.reader.plan(release.plan_hash or "").injected
    assert (permitted.container, permitted.image) == ("debug", "evil.example/*")


def test_pods_that_could_not_be_compared_are_named_in_the_record(installation: Installation) -> None:
    installation.staging.compares = ComparedPods(unread=("ReplicaSet/old: nobody waits for its pods",))
    outcome = second_check(installation)
    assert isinstance(outcome, Finished)
    assert outcome.passed
    assert outcome.reason.endswith("(not compared with the plan: ReplicaSet/old: nobody waits for its pods)")
    assert outcome.result["unread"] == ["ReplicaSet/old: nobody waits for its pods"]


def test_pods_that_are_not_visible_are_waited_for_and_are_never_a_pass(installation: Installation) -> None:
    missing = "Deployment/shop: 1 of 2 of its pods are visible"
    installation.staging.compares = ComparedPods(too_few=missing)
    ready = work_at(installation, StepKind.CHECK)
    check_rollout(installation.app.clients, installation.clock, ready)
    outcome = check_rollout(installation.app.clients, installation.clock, ready)
    assert isinstance(outcome, Requeue)
    assert outcome.reason == missing
    installation.wait(WITHIN + timedelta(seconds=1))
    outcome = check_rollout(
        installation.app.clients, installation.clock, replace(ready, step=ready.step.evolve(poll=1))
    )
    assert isinstance(outcome, Finished)
    assert (outcome.passed, outcome.reason) == (False, f"not up within 0:05:00: {missing}")


def test_pods_that_may_not_be_read_are_tried_again(installation: Installation) -> None:
    ready = work_at(installation, StepKind.CHECK)
    check_rollout(installation.app.clients, installation.clock, ready)
    installation.staging.unreadable = AccessDenied("pods: 403")
    assert check_rollout(installation.app.clients, installation.clock, ready) == Retry(reason="pods: 403")


@pytest.mark.parametrize("kind", [StepKind.DEPLOY, StepKind.CHECK, StepKind.VERIFY])
@pytest.mark.parametrize("content", [None, b"{}", b'{"changed": true}'], ids=["gone", "emptied", "changed"])
def test_a_plan_that_is_gone_or_was_changed_fails_the_release_at_once(
    installation: Installation, kind: StepKind, content: bytes | None
) -> None:
    ready = work_at(installation, kind)
    damage_plan(installation, ready.release.plan_hash, content)
    installation.run_step(ready.step)
    assert installation.phase(1) is Phase.FAILED
    assert ready.release.plan_hash is not None
    assert f"the plan {ready.release.plan_hash} " in installation.release(1).reason


@pytest.mark.parametrize(
    ("kind", "error", "outcome"),
    [
        (StepKind.DEPLOY, ClusterUnreachable("no answer"), Retry(reason="no answer")),
        (StepKind.CHECK, ClusterUnreachable("no answer"), Retry(reason="no answer")),
        (StepKind.DEPLOY, AccessDenied("403"), Retry(reason="403", briefly=True)),
        (StepKind.CHECK, AccessDenied("403"), Retry(reason="403")),
        (StepKind.DEPLOY, ObjectRefused("422"), Finished(passed=False, reason="422", result={"taken": TAKEN})),
        (StepKind.CHECK, ObjectRefused("422"), Finished(passed=False, reason="422")),
    ],
)
def test_an_unreachable_or_denying_cluster_is_retried_and_a_refused_object_fails_the_step(
    installation: Installation, kind: StepKind, error: ClusterError, outcome: Outcome
) -> None:
    ready = work_at(installation, kind)
    installation.staging.errors.append(error)
    clients = installation.app.clients
    assert outcome == (
        deploy(clients, ready) if kind is StepKind.DEPLOY else check_rollout(clients, installation.clock, ready)
    )


# ---- rolling back


@pytest.fixture
def rollback_work(installation: Installation) -> Work:
    """The second release is broken in staging; the step that rolls back to the first."""
    installation.push("1.0")
    installation.settle()
    installation.staging.broken.add(installation.build("2.0"))
    installation.push("2.0")
    step = installation.settle_at(StepKind.ROLL_BACK, "staging")
    assert installation.staging.digest("shop") == installation.release(2).digest
    return work(installation, step)


def test_rolling_back_applies_what_was_live_and_looks_until_it_is_up(
    installation: Installation, rollback_work: Work
) -> None:
    assert isinstance(roll_back(installation.app.clients, installation.clock, rollback_work), Requeue)
    assert installation.staging.digest("shop") == installation.release(1).digest
    installation.run_step(rollback_work.step)
    installation.settle()
    assert installation.phase(2) is Phase.ROLLED_BACK
    lane = installation.lane("staging")
    assert lane.live is not None
    assert lane.live.release == 1


def test_a_rollback_says_what_runs_beside_what_is_back(installation: Installation, rollback_work: Work) -> None:
    installation.run_step(rollback_work.step)
    add_debug_container(installation)
    installation.settle()
    assert installation.phase(2) is Phase.ROLLED_BACK
    assert f"running beside it without a vote: {NOT_IN_THE_PLAN}" in installation.release(2).reason


def test_a_rollback_whose_worker_died_before_applying_anything_is_finished_by_another(
    installation: Installation, rollback_work: Work
) -> None:
    assert installation.app.leases.take("shop", rollback_work.step.id, owner="dead", now=installation.now, length=LEASE)
    installation.run_step(rollback_work.step)
    assert installation.staging.digest("shop") == installation.release(2).digest
    installation.settle()
    assert installation.phase(2) is Phase.ROLLED_BACK
    assert installation.staging.digest("shop") == installation.release(1).digest


def test_later_looks_apply_nothing_unless_a_look_went_wrong(installation: Installation, rollback_work: Work) -> None:
    outcome = roll_back(installation.app.clients, installation.clock, rollback_work)
    assert isinstance(outcome, Requeue)
    assert outcome.seen == EarlierFindings(applied_at=installation.now)
    applied = installation.staging.applied
    later = rollback_work.step.evolve(poll=1, seen=outcome.seen)
    roll_back(installation.app.clients, installation.clock, work(installation, later))
    assert installation.staging.applied == applied
    roll_back(installation.app.clients, installation.clock, work(installation, later.evolve(poll=2, tries=1)))
    assert installation.staging.applied == applied + 1


@pytest.mark.parametrize("outage", [timedelta(minutes=3), timedelta(hours=5)])
def test_a_rollback_stays_open_until_the_cluster_is_back_and_its_pods_have_their_time_then(
    installation: Installation, rollback_work: Work, outage: timedelta
) -> None:
    """AKS stops and starts API servers, and one that is starting refuses what it permits a moment later."""
    back_at = installation.now + outage
    installation.staging.errors = [ClusterUnreachable("no answer")]
    installation.run_step(rollback_work.step)
    while installation.now < back_at:
        is_starting = installation.now >= back_at - timedelta(minutes=1)
        installation.staging.errors = [AccessDenied("403") if is_starting else ClusterUnreachable("no answer")]
        message = installation.next_step()
        if message is None:
            installation.wait(timedelta(minutes=1))
            installation.reconcile()
        else:
            installation.now = max(installation.now, message.not_before or installation.now)
            installation.handle(message)
        assert installation.phase(2) is Phase.ROLLING_BACK
        assert installation.lane("staging").in_progress == 2
    installation.staging.errors = []
    installation.settle()
    assert installation.phase(2) is Phase.ROLLED_BACK
    assert installation.staging.digest("shop") == installation.release(1).digest


def test_a_plan_to_go_back_to_that_is_gone_fails_the_rollback_and_says_so(
    installation: Installation, rollback_work: Work
) -> None:
    lane = installation.lane("staging")
    assert lane.live is not None
    damage_plan(installation, lane.live.plan_hash, None)
    installation.run_step(rollback_work.step)
    assert installation.phase(2) is Phase.FAILED
    assert "and the rollback failed: the plan sha256:" in installation.release(2).reason

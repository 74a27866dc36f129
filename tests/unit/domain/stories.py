"""Stories of the pure domain that together take every declared transition, each with and without Jobs around its
rollouts."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial

from slipway.domain.application import Application, Start
from slipway.domain.around import NO_JOBS
from slipway.domain.commands import Verb
from slipway.domain.environment import Soak
from slipway.domain.gate import AutoGate
from slipway.domain.release import Phase, VoteDecision
from slipway.domain.rules import Rule
from slipway.domain.steps import StepKind
from tests.unit.domain.copies import (
    cancelled_before_the_first_object,
    cancelled_meanwhile,
    changed_meanwhile,
    frozen_behind_a_newer_one,
    frozen_meanwhile,
    outside_its_project_at_the_first_object,
    rejected_before_the_first_object,
    stopped_at_the_first_object,
)
from tests.unit.domain.effects import Effects
from tests.unit.domain.samples import (
    ADA,
    BEN,
    JOBS,
    MORNING,
    PROBED,
    application,
    approval,
    ci_run,
    digest,
    production,
    staging,
)
from tests.unit.domain.world import World

MINUTE = timedelta(minutes=1)
SOAK = Soak(time=timedelta(hours=1))
UNVERIFIED = PROBED.evolve(http=())


def planned_while_an_older_one_is_let_through() -> World:
    world = World(application(staging(), production(gate=approval(ADA))))
    world.push("v1")
    world.settle()
    world.wait(MINUTE)
    world.effects.lose(StepKind.PLAN, "production")
    world.push("v2")
    world.settle()
    world.vote(1, ADA)
    world.settle()
    return world


def two_stages(*, probed: bool = True, start: Start = Start.PUSH) -> Application:
    verify = PROBED if probed else UNVERIFIED
    return application(staging(verification=verify), production(verification=verify, gate=None), start=start)


def pushed(world: World, *tags: str) -> World:
    """The images are pushed, one a minute, and everything settles after each."""
    for tag in tags:
        world.push(tag)
        world.settle()
        world.wait(MINUTE)
    return world


def joined_and_resolved() -> World:
    world = World(two_stages(start=Start.RUN))
    world.effects.registry["1"] = digest("1")
    world.run(ci_run("1"))
    world.settle()
    world.run(ci_run("2"))
    world.settle()
    world.effects.registry["3"] = digest("1")
    world.run(ci_run("3"))
    world.settle()
    return world


def resolved_behind_a_rollout() -> World:
    world = World(two_stages(start=Start.RUN))
    world.effects.lose(StepKind.CHECK, "staging")
    for number in ("1", "2"):
        world.effects.registry[number] = digest(number)
        world.run(ci_run(number, at=world.now))
        world.settle()
        world.wait(MINUTE)
    return world


def environment_gone_while_resolving() -> World:
    world = World(two_stages(start=Start.RUN))
    world.run(ci_run("1"))
    world.change(application(production()))
    world.settle()
    return world


def joining_ends() -> World:
    world = World(two_stages(start=Start.BOTH))
    world.push("latest", "first")
    world.push("other")
    world.run(ci_run("other", result="failed"))
    world.wait(MINUTE)
    world.push("latest", "second")
    world.run(ci_run("2", at=world.now), tag="latest")
    world.push("forgotten")
    world.settle()
    world.wait(timedelta(hours=2))
    world.settle()
    return world


def queued_and_overtaken() -> World:
    world = World(two_stages())
    world.effects.lose(StepKind.CHECK, "staging")
    pushed(world, "v1", "v2", "v3")
    world.wait(timedelta(hours=1))
    world.reconcile()
    world.settle()
    return world


def overtaken_while_planning() -> World:
    world = World(two_stages())
    for tag in ("v1", "v2"):
        world.push(tag)
        world.wait(MINUTE)
    return world


def environment_gone_while_planning() -> World:
    world = World(two_stages())
    world.push("v1")
    world.change(application(production()))
    world.settle()
    return world


def plan_outdated() -> World:
    world = World(two_stages())
    world.effects.answer(StepKind.PLAN, plan_hash=digest("plan"), base=None, definition=world.delivery)
    world.push("v1")
    world.change()
    world.settle()
    return world


def gate_with_votes() -> World:
    """Releases at gates: approved with and without a copy, rejected, expired, overtaken and planned again."""
    world = World(application(staging(gate=approval(ADA)), production(gate=approval(ADA))))
    pushed(world, "v1", "v2")
    for _ in range(2):
        world.vote(2, ADA)
        world.settle()
    pushed(world, "v3")
    world.change()
    world.vote(3, ADA)
    world.settle()
    world.reject(3, ADA)
    pushed(world, "v4")
    world.wait(timedelta(hours=24))
    world.settle()
    return world


def soaked(*, registry: str | None) -> World:
    """A release soaks and rolls out; others are overtaken, planned again or cancelled while they soak."""
    world = World(application(staging(), production(gate=AutoGate(), soak=SOAK, registry=registry)))
    pushed(world, "v1")
    world.wait(timedelta(hours=1))
    world.settle()
    pushed(world, "v2", "v3")
    world.change()
    world.wait(timedelta(hours=1))
    world.settle()
    pushed(world, "v4")
    world.change(world.application.evolve(environments=world.application.environments[:1]))
    world.wait(timedelta(hours=1))
    world.settle()
    return world


def planned_too_often() -> World:
    world = World(application(staging(gate=approval(ADA))))
    pushed(world, "v1")
    while world.head.active:
        world.change()
        world.vote(1, ADA)
        world.settle()
    return world


def busy_next_environment(*, probed: bool) -> World:
    world = World(two_stages(probed=probed))
    world.effects.lose(StepKind.CHECK, "production")
    return pushed(world, "v1", "v2")


def environment_put_before_one_that_has_a_newer_release(*, probed: bool) -> World:
    both_stages = two_stages(probed=probed)
    world = World(both_stages.evolve(environments=both_stages.environments[1:]))
    pushed(world, "v2")
    world.change(both_stages)
    world.push("v1", at=MORNING - MINUTE)
    world.settle()
    return world


KINDS_IN_ORDER = (
    *(StepKind.PLAN, StepKind.COPY, StepKind.BEFORE, StepKind.DEPLOY, StepKind.CHECK, StepKind.AFTER),
    StepKind.VERIFY,
)


def each_step_fails(*, tags_before: tuple[str, ...]) -> World:
    """Each kind of step fails once, with the releases of `tags_before` live before it."""
    world = World(application(staging(registry="staging")))
    pushed(world, *tags_before)
    for kind in KINDS_IN_ORDER:
        world.effects.fail(kind)
        pushed(world, f"breaks-{kind}")
    if tags_before:
        world.effects.fail(StepKind.CHECK)
        world.effects.fail(StepKind.ROLL_BACK)
        pushed(world, "breaks-twice")
    return world


def overtaken_in_the_cluster(kind: StepKind) -> World:
    """The step finds in the cluster that a newer rollout has taken the order."""
    world = pushed(World(two_stages()), "v1")
    world.effects.jobs = JOBS if kind is StepKind.BEFORE else NO_JOBS
    if kind is StepKind.ROLL_BACK:
        world.effects.fail(StepKind.CHECK)
    world.effects.refuse(kind, Rule.NO_NEWER_ROLLOUT.fails("order 0.9 was taken"))
    return pushed(world, "v2")


def frozen(*, registry: str | None) -> World:
    """Releases that a freeze holds back: one continues, others are planned again, superseded or cancelled."""
    world = World(application(staging(), production(gate=None, registry=registry)))
    world.command(Verb.FREEZE)
    pushed(world, "v1", "v2")
    world.command(Verb.UNFREEZE)
    world.settle()
    world.command(Verb.FREEZE)
    pushed(world, "v3")
    world.change()
    world.reconcile()
    world.settle()
    world.command(Verb.CANCEL, 3)
    for gate, soak in ((AutoGate(), SOAK), (approval(ADA), None)):
        world.change(application(staging(), production(gate=gate, soak=soak, registry=registry)))
        pushed(world, f"gate-{gate.kind}")
        world.wait(timedelta(hours=1))
        world.vote(max(world.releases), ADA)
        world.settle()
    return world


def cancelled(*, while_: Phase) -> World:
    world = World(two_stages(start=Start.RUN if while_ is Phase.RESOLVING else Start.PUSH))
    if while_ is Phase.RESOLVING:
        world.run(ci_run("1"))
    elif while_ is Phase.QUEUED:
        world.effects.lose(StepKind.CHECK, "staging")
        pushed(world, "v1", "v2")
    else:
        world.push("v1")
    world.command(Verb.CANCEL, max(world.releases))
    return world


def tried_again(kind: StepKind, *, behind_a_rollback: bool) -> World:
    """A release fails and is tried again: at once, or behind a rollback that is under way."""
    world = pushed(World(two_stages()), "v0", "v1")
    world.effects.fail(kind, "production")
    pushed(world, "v2")
    if behind_a_rollback:
        world.effects.lose(StepKind.CHECK, "production")
        world.command(Verb.ROLLBACK, 1)
        world.settle()
    world.command(Verb.RETRY, 3)
    world.settle()
    return world


def sent_out_again(how: Phase, *, behind_a_rollback: bool) -> World:
    """A release ends at its gate and is sent out again: at once, or behind a rollback that is under way."""
    world = World(application(staging(), production(gate=approval(ADA, BEN))))
    for number in (1, 2):
        pushed(world, f"v{number}")
        world.vote(number, ADA)
        world.settle()
    pushed(world, "v3")
    match how:
        case Phase.REJECTED:
            world.reject(3, ADA)
        case Phase.EXPIRED:
            world.wait(timedelta(days=2))
            world.settle()
        case Phase.CANCELLED:
            world.command(Verb.CANCEL, 3)
        case _:
            pushed(world, "v4")
            world.reject(4, ADA)
    if behind_a_rollback:
        world.effects.lose(StepKind.CHECK, "production")
        world.command(Verb.ROLLBACK, 1)
        world.settle()
    world.command(Verb.RETRY, 3)
    return world


def disowned(*, while_: Phase) -> World:
    """A person objects to a vote in their name that they did not cast."""
    world = World(application(staging(), production(gate=approval(ADA, BEN, required=2))))
    pushed(world, "v1")
    world.vote(1, ADA)
    if while_ is Phase.PLANNING:
        world.change()
    if while_ is Phase.HELD_BACK:
        world.command(Verb.FREEZE)
    world.vote(1, BEN)
    assert world.phase(1) is while_
    world.vote(1, ADA, VoteDecision.OBJECT)
    return world


SENT_OUT_AGAIN = (Phase.REJECTED, Phase.EXPIRED, Phase.CANCELLED, Phase.SUPERSEDED)


def resolved_again() -> World:
    world = World(two_stages(start=Start.RUN))
    world.run(ci_run("1"))
    world.settle()
    world.effects.registry["1"] = digest("1")
    world.command(Verb.RETRY, 1)
    world.settle()
    return world


STORIES: dict[str, Callable[[], World]] = {
    "verified in two stages": lambda: pushed(World(two_stages()), "v1"),
    "not verified in two stages": lambda: pushed(World(two_stages(probed=False)), "v1"),
    "joined and resolved": joined_and_resolved,
    "resolved behind a rollout": resolved_behind_a_rollout,
    "environment gone while resolving": environment_gone_while_resolving,
    "joining ends": joining_ends,
    "queued and overtaken": queued_and_overtaken,
    "overtaken while planning": overtaken_while_planning,
    "planned while an older one is let through": planned_while_an_older_one_is_let_through,
    "environment gone while planning": environment_gone_while_planning,
    "plan outdated": plan_outdated,
    "gate with votes": gate_with_votes,
    "soaked, then copied": lambda: soaked(registry="prod"),
    "soaked, then deployed": lambda: soaked(registry=None),
    "planned too often": planned_too_often,
    "verified before a busy environment": lambda: busy_next_environment(probed=True),
    "not verified before a busy environment": lambda: busy_next_environment(probed=False),
    "verified, then overtaken": lambda: environment_put_before_one_that_has_a_newer_release(probed=True),
    "not verified, then overtaken": lambda: environment_put_before_one_that_has_a_newer_release(probed=False),
    "frozen, then copied": lambda: frozen(registry="prod"),
    "frozen, then deployed": lambda: frozen(registry=None),
    "cancelled while resolving": lambda: cancelled(while_=Phase.RESOLVING),
    "cancelled while queued": lambda: cancelled(while_=Phase.QUEUED),
    "cancelled while planning": lambda: cancelled(while_=Phase.PLANNING),
    **{
        f"a vote disowned while {phase}": partial(disowned, while_=phase)
        for phase in (Phase.PLANNING, Phase.HELD_BACK, Phase.COPYING)
    },
    "tried again after a rollback": lambda: tried_again(StepKind.CHECK, behind_a_rollback=False),
    "tried again behind a rollout": lambda: tried_again(StepKind.CHECK, behind_a_rollback=True),
    "tried again after a failure": lambda: tried_again(StepKind.PLAN, behind_a_rollback=False),
    "tried again after a failure, behind a rollout": lambda: tried_again(StepKind.PLAN, behind_a_rollback=True),
    "resolved again": resolved_again,
    **{
        f"sent out again after {phase}{', behind a rollout' if behind else ''}": partial(
            sent_out_again, phase, behind_a_rollback=behind
        )
        for phase in SENT_OUT_AGAIN
        for behind in (False, True)
    },
    "frozen while copied": frozen_meanwhile,
    "cancelled while copied": cancelled_meanwhile,
    "changed while copied": changed_meanwhile,
    "frozen while copied, and a newer one waits": frozen_behind_a_newer_one,
    "stopped before its Jobs": lambda: stopped_at_the_first_object(StepKind.BEFORE),
    "stopped before it was deployed": lambda: stopped_at_the_first_object(StepKind.DEPLOY),
    "cancelled before its Jobs": lambda: cancelled_before_the_first_object(StepKind.BEFORE),
    "cancelled before its first object": lambda: cancelled_before_the_first_object(StepKind.DEPLOY),
    "rejected before its Jobs": lambda: rejected_before_the_first_object(StepKind.BEFORE),
    "rejected before its first object": lambda: rejected_before_the_first_object(StepKind.DEPLOY),
    "outside its project before its Jobs": lambda: outside_its_project_at_the_first_object(StepKind.BEFORE),
    "outside its project before it was deployed": lambda: outside_its_project_at_the_first_object(StepKind.DEPLOY),
    "overtaken while its Jobs run": lambda: overtaken_in_the_cluster(StepKind.BEFORE),
    "overtaken while deploying": lambda: overtaken_in_the_cluster(StepKind.DEPLOY),
    "overtaken while rolling back": lambda: overtaken_in_the_cluster(StepKind.ROLL_BACK),
    "each step fails the first time": lambda: each_step_fails(tags_before=()),
    "each step fails after a good release": lambda: each_step_fails(tags_before=("v1",)),
}


def with_jobs(story: Callable[[], World]) -> World:
    """Play the story in a world where Jobs run around every rollout."""
    Effects.usual_jobs = JOBS
    try:
        return story()
    finally:
        Effects.usual_jobs = NO_JOBS


STORIES |= {f"{name}, with Jobs around it": partial(with_jobs, story) for name, story in STORIES.items()}

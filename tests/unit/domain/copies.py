"""Stories in which something happens while a release is copied into production's registry, or right before its first
object is written."""

from collections.abc import Callable
from datetime import timedelta

from slipway.domain.commands import Verb
from slipway.domain.phases import Phase
from slipway.domain.rules import Rule, WaitsFor
from slipway.domain.steps import StepKind
from tests.unit.domain.samples import ADA, BEN, application, approval, production, staging
from tests.unit.domain.world import World


def copying() -> World:
    """shop-1 was approved, and its copy is under way."""
    world = World(application(staging(), production(gate=approval(ADA))))
    world.push("v1")
    world.settle()
    world.vote(1, ADA)
    assert world.phase(1) is Phase.COPYING
    return world


def frozen_meanwhile() -> World:
    world = copying()
    world.command(Verb.FREEZE, reason="the sale")
    world.settle()
    return world


def cancelled_meanwhile() -> World:
    world = copying()
    world.command(Verb.CANCEL, 1, reason="wrong one")
    world.settle()
    return world


def changed_meanwhile() -> World:
    world = copying()
    world.change(application(staging(), production(gate=approval(ADA, BEN))))
    world.settle()
    return world


def frozen_behind_a_newer_one() -> World:
    world = copying()
    copy = list(world.outbox)
    world.outbox.clear()
    world.wait(timedelta(minutes=10))
    world.push("v2")
    world.settle()
    assert world.phase(2) is Phase.QUEUED
    world.command(Verb.FREEZE, reason="the sale")
    world.outbox.extend(copy)
    world.settle()
    return world


def stopped_at_the_first_object(kind: StepKind) -> World:
    """Right before the first object is written, the worker sees a freeze that had not been reported."""
    world = World(application(staging(), production(registry=None, gate=approval(ADA))))
    world.push("v1")
    world.settle()
    world.effects.refuse(kind, Rule.FREEZE.not_yet("everything is frozen", WaitsFor.PERSON), "production")
    world.vote(1, ADA)
    world.settle()
    return world


def cancelled_before_the_first_object(kind: StepKind) -> World:
    return stopped_before_the_first_object(kind, lambda world: world.command(Verb.CANCEL, 1, reason="wrong one"))


def rejected_before_the_first_object(kind: StepKind) -> World:
    """A person who approved the release rejects it after all."""
    return stopped_before_the_first_object(kind, lambda world: world.reject(1, ADA, "the prices are wrong"))


def stopped_before_the_first_object(kind: StepKind, stop: Callable[[World], object]) -> World:
    """The message of the step that writes the first object is lost; somebody stops the release, and then the step is
    sent again."""
    world = World(application(staging(), production(registry=None, gate=approval(ADA))))
    world.push("v1")
    world.settle()
    world.effects.lose(kind, "production")
    world.vote(1, ADA)
    world.settle()
    stop(world)
    world.wait(timedelta(hours=1))
    world.reconcile()
    world.settle()
    return world


def outside_its_project_at_the_first_object(kind: StepKind) -> World:
    """The project became narrower between the decision and the first object."""
    world = World(application(staging(), production(registry=None, gate=approval(ADA))))
    world.push("v1")
    world.settle()
    world.effects.refuse(kind, Rule.WITHIN_PROJECT.fails("a Rollout is none of its kinds"), "production")
    world.vote(1, ADA)
    world.change(application(staging(), production(registry=None, gate=approval(ADA, BEN))))
    world.settle()
    return world

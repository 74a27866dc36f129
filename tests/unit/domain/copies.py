"""Stories in which something comes up while a release is copied into production's registry."""

from datetime import timedelta

from slipway.domain.commands import Verb
from slipway.domain.phases import Phase
from tests.unit.domain.samples import ADA, BEN, application, approval, production, staging
from tests.unit.domain.world import World


def copying() -> World:
    """shop-1 was approved, and is being copied."""
    world = World(application(staging(), production(gate=approval(ADA))))
    world.push("v1")
    world.settle()
    world.vote(1, ADA)
    assert world.phase(1) is Phase.PROMOTING
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

"""A proof does not cover freezes and holds that were set after it: a person who sends an old proof again, or was
slower than somebody else, does not end what was set since."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from slipway.domain.commands import OF_A_LANE, OF_A_RELEASE, Verb
from slipway.domain.errors import present
from slipway.domain.release import Phase
from slipway.testing.commands import proved_command
from tests.unit.domain.samples import ADA
from tests.unit.domain.test_freezes import at_a_gate
from tests.unit.domain.world import OPERATOR, World

LONG_AGO, JUST_NOW = timedelta(minutes=7), timedelta(minutes=6)


def freeze(world: World) -> None:
    world.command(Verb.FREEZE)


def hold_by_a_rollback(world: World) -> None:
    world.vote(1, ADA)
    world.settle()
    assert world.phase(1) is Phase.COMPLETED
    world.push("v2")
    world.settle()
    world.vote(2, ADA)
    world.settle()
    world.command(Verb.ROLLBACK, 1)
    world.settle()


BLOCKS = pytest.mark.parametrize(
    ("verb", "block", "action"),
    [
        (Verb.UNFREEZE, freeze, "lane.unfrozen"),
        (Verb.OVERRIDE, freeze, "override.given"),
        (Verb.RESUME, hold_by_a_rollback, "hold.ended"),
    ],
)


def send_command(world: World, verb: Verb, ago: timedelta) -> None:
    """Send a command now whose token was issued `ago`."""
    event = proved_command(
        received_at=world.now,
        verb=verb,
        application="shop",
        release=1 if verb in OF_A_RELEASE else None,
        environment="production" if verb in OF_A_LANE else None,
        actor=OPERATOR,
        reason="because",
        channel="cli",
        submission=f"{verb} again",
    )
    proved = present(event.proved, "the proof")
    world.take(event.evolve(proved=proved.evolve(issued_at=world.now - ago)))


@BLOCKS
def test_a_proof_does_not_end_a_freeze_or_hold_that_was_set_after_it(
    verb: Verb, block: Callable[[World], None], action: str
) -> None:
    world = at_a_gate()
    block(world)
    send_command(world, verb, LONG_AGO)
    refusal = world.last("command.refused").details
    assert "proof-is-in-time" in refusal["rules"]
    assert "the sign-in is older than the freeze or hold that it would end" in refusal["reason"]


@BLOCKS
def test_a_provider_may_date_its_tokens_five_minutes_back(
    verb: Verb, block: Callable[[World], None], action: str
) -> None:
    world = at_a_gate()
    block(world)
    send_command(world, verb, JUST_NOW)
    assert action in world.actions()

"""Operators at work while processes die, services are away, and messages come twice and in any order.

A lane is frozen for an hour and a release approved ahead; it is rolled back by hand; a release that fails is tried
again behind the hold, and goes on when somebody resumes. The end is the same whatever goes wrong on the way.
"""

from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from slipway.domain.commands import Verb
from slipway.testing.commands import proved_command
from slipway.testing.installation import OLGA
from tests.faults.harness import Faults, Run
from tests.faults.mortal import is_service

NO_FAULTS = Faults()
SHARES = 25
"""The points are divided into this many shares. All shares together try a tenth of those at which the process may die,
and a fortieth of those at which a service may fail."""


def command(run: Run, verb: Verb, release: int | None = None, *, hours: int = 0, lane: bool = True) -> None:
    """Put the command into the queue, as an event like any other."""
    event = proved_command(
        received_at=run.installation.now,
        verb=verb,
        application="shop",
        release=release,
        environment="production" if lane else None,
        until=run.installation.now + timedelta(hours=hours) if hours else None,
        actor=f"oid:{OLGA.oid}",
        reason="because",
        channel="cli",
        submission=f"the-{verb}-of-{release or 'lane'}",
    )
    event = run.installation.with_proof(event)
    run._enqueue("work", event.model_dump_json().encode(), event.mark)


def play(folder: Path, faults: Faults = NO_FAULTS) -> Run:
    run = Run.new(folder, faults)
    run.push("1.0")
    run.until_quiet()
    command(run, Verb.FREEZE, hours=1)
    run.until_quiet()
    run.push("2.0")
    run.until_quiet()
    command(run, Verb.ROLLBACK, 1)
    run.until_quiet()
    command(run, Verb.RESUME)
    run.until_quiet()
    broken = run.installation.build("3.0")
    run.installation.production.broken.add(broken)
    run.push("3.0")
    run.until_quiet()
    run.installation.production.broken.clear()
    command(run, Verb.RETRY, 4, lane=False)
    run.until_quiet()
    run.late_messages()
    return run


@cache
def expected(folder: Path) -> dict[str, Any]:
    return outcome(play(folder))


def outcome(run: Run) -> dict[str, Any]:
    result = run.outcome()
    lane = run.installation.lane("production")
    # How often a step is looked at again, and with it some of what is notified, depends on when messages arrive.
    result["actions"] = {name: result["actions"][name] for name in ACTIONS}
    return result | {"live release": lane.live.release if lane.live else None, "hold": lane.hold}


ACTIONS = ("lane.frozen", "rollback.ordered", "hold.set", "hold.ended", "release.retried", "release.completed")


def differences(folder: Path, faults: Faults) -> dict[str, Any]:
    actual, baseline = outcome(play(folder, faults)), expected(folder)
    return {name: (baseline[name], actual[name]) for name in baseline if baseline[name] != actual[name]}


@cache
def points(folder: Path) -> tuple[str, ...]:
    return tuple(play(folder).life.points)


def test_without_faults_all_releases_complete_and_the_last_is_live(deliveries: Path) -> None:
    run = play(deliveries)
    phases = {release.number: str(release.phase) for release in run.installation.app.ledger.releases("shop", limit=9)}
    assert phases == {1: "completed", 2: "completed", 3: "completed", 4: "completed"}
    assert outcome(run)["live release"] == 4
    assert "release.held-back" in run.installation.actions()


@pytest.mark.sweep(keep=1)
@pytest.mark.parametrize("share", range(SHARES))
def test_the_process_may_die_while_operators_work(deliveries: Path, share: int) -> None:
    deaths = [number for number, point in enumerate(points(deliveries)) if " after " not in point]
    for number in deaths[share :: SHARES * 10]:
        differing = differences(deliveries, Faults(crash_at=frozenset({number})))
        assert not differing, f"died at point {number}, {points(deliveries)[number]}"


@pytest.mark.sweep(keep=1)
@pytest.mark.parametrize("share", range(SHARES))
def test_a_service_may_be_away_while_operators_work(deliveries: Path, share: int) -> None:
    away = [number for number, point in enumerate(points(deliveries)) if is_service(point)]
    for number in away[share :: SHARES * 40]:
        differing = differences(deliveries, Faults(fail_at=frozenset({number})))
        assert not differing, f"away at point {number}, {points(deliveries)[number]}"


@pytest.mark.sweep(keep=1)
@pytest.mark.parametrize("seed", range(8))
def test_messages_may_come_twice_and_in_any_order_while_operators_work(deliveries: Path, seed: int) -> None:
    assert not differences(deliveries, Faults(seed=seed))

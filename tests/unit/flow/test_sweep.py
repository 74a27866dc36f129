"""The sweep finds what was left over, once, and trouble with one application does not stop the others."""

from datetime import timedelta
from pathlib import Path

import pytest

from slipway.domain.release import Phase
from slipway.effects.registry import NotFound, Unreachable, Where
from slipway.flow.sweep import PUSH_WINDOW, SETTLED, Swept
from slipway.ledger import keys
from slipway.ledger.table import Act, Write
from tests.unit.effects.registry.artifacts import image
from tests.unit.flow.deliveries import write_delivery
from tests.unit.flow.house import House


@pytest.fixture
def several(tmp_path: Path) -> House:
    for name in ("alpha", "shop", "till"):
        write_delivery(tmp_path / "several", name)
    return House(tmp_path / "several")


def waiting(house: House) -> None:
    """A release that waits for approval."""
    house.push("1.0")
    house.settle()
    assert house.phase(1) is Phase.AWAITING_APPROVAL


def test_a_quiet_installation_needs_nothing(house: House) -> None:
    assert house.sweep.run() == Swept()


def test_an_overdue_gate_expires(house: House) -> None:
    waiting(house)
    house.time.wait(timedelta(hours=24) - timedelta(minutes=5))
    assert house.sweep.run(look_for_pushes=False).deadlines == 0
    assert house.phase(1) is Phase.AWAITING_APPROVAL
    house.time.wait(timedelta(minutes=10))
    assert house.sweep.run(look_for_pushes=False).deadlines == 1
    assert house.phase(1) is Phase.EXPIRED
    assert house.sweep.run(look_for_pushes=False).deadlines == 0
    assert house.actions().count("release.expired") == 1


def test_a_step_that_nobody_heard_of_is_sent_again(house: House) -> None:
    house.push("1.0")
    house.bus.sent.clear()
    house.time.wait(timedelta(minutes=10))
    assert house.sweep.run(look_for_pushes=False).deadlines == 1
    assert [step.resent for step in house.steps()] == [1]
    house.settle()
    assert house.phase(1) is Phase.AWAITING_APPROVAL


def test_a_missed_push_is_found_once(house: House) -> None:
    house.build("1.0")
    house.time.wait(SETTLED)
    assert house.sweep.run().missed_pushes == 1
    assert house.sweep.run().missed_pushes == 0
    release = house.release(1)
    assert (release.tag, release.digest) == ("1.0", house.nonprod.held.tags["team/shop", "1.0"])
    assert house.actions().count("release.created") == 1


def test_a_push_whose_event_came_is_not_found_again_nor_the_other_way_round(house: House) -> None:
    event = house.pushed("1.0")
    house.time.wait(SETTLED)
    assert house.sweep.run().missed_pushes == 1
    house.intake.take(event)
    house.time.wait(timedelta(minutes=5))
    assert house.sweep.run().missed_pushes == 0
    assert house.actions().count("release.created") == 1


def test_a_push_that_is_too_young_is_left_to_its_event_and_an_old_one_is_left_alone(house: House) -> None:
    house.build("1.0")
    house.time.wait(SETTLED - timedelta(seconds=1))
    assert house.sweep.run().missed_pushes == 0
    house.time.wait(PUSH_WINDOW + timedelta(seconds=1) - SETTLED)
    assert house.sweep.run().missed_pushes == 1


def test_history_is_not_delivered(house: House) -> None:
    for number in range(5):
        house.build(f"1.{number}")
    house.time.wait(PUSH_WINDOW + timedelta(seconds=1))
    assert house.sweep.run().missed_pushes == 0
    assert list(house.ledger.releases("shop", limit=10)) == []


def test_of_several_missed_pushes_the_newest_is_delivered(house: House) -> None:
    for number in range(3):
        house.build(f"1.{number}")
        house.time.wait(timedelta(minutes=1))
    assert house.sweep.run().missed_pushes == 3
    phases = {release.tag: release.phase for release in house.ledger.releases("shop", limit=10)}
    assert phases == {"1.0": Phase.SUPERSEDED, "1.1": Phase.SUPERSEDED, "1.2": Phase.PLANNING}


def test_signatures_and_sboms_are_no_missed_pushes(house: House) -> None:
    digest = house.nonprod.held.seed("team/shop", image(b"signature"), "sha256-" + "0" * 64 + ".sig")
    house.nonprod.pushed["team/shop", "sha256-" + "0" * 64 + ".sig"] = house.time()
    house.time.wait(timedelta(hours=1))
    assert house.sweep.run().missed_pushes == 0
    assert house.ledger.release_of("shop", digest) is None


def test_registries_are_asked_only_when_that_is_wanted(house: House) -> None:
    house.sweep.run(look_for_pushes=False)
    assert house.nonprod.lists == 0
    house.sweep.run()
    assert house.nonprod.lists == 1


def test_a_registry_that_is_away_is_a_problem_and_the_rest_goes_on(several: House) -> None:
    waiting(several)
    several.time.wait(timedelta(hours=24))
    several.nonprod.errors.append(Unreachable(Where("nonprod.test"), "no answer"))
    swept = several.sweep.run()
    assert swept.deadlines == 1
    assert len(swept.problems) == 1
    assert swept.problems[0].startswith("alpha: nonprod.test: no answer")


def test_a_repository_that_nothing_was_pushed_to_yet_is_no_problem(house: House) -> None:
    house.nonprod.errors.append(NotFound(Where("nonprod.test", "team/shop"), "there is no such repository"))
    assert house.sweep.run().problems == ()


@pytest.mark.parametrize("key", [keys.HEAD, keys.lane("staging"), keys.release(1)])
def test_trouble_with_one_application_does_not_stop_the_others(several: House, key: str) -> None:
    for app in ("alpha", "shop", "till"):
        several.push("1.0", app=app)
    several.bus.sent.clear()
    several.table.transact("alpha", [Write(act=Act.PUT, key=key, values={"Data": "garbage"})])
    several.time.wait(timedelta(minutes=10))
    swept = several.sweep.run(look_for_pushes=False)
    assert swept.deadlines == 2
    assert len(swept.problems) == 1
    assert swept.problems[0].startswith("alpha: unexpected ValidationError")
    assert sorted(step.application for step in several.steps()) == ["shop", "till"]


def test_unsent_messages_of_every_application_are_sent(several: House) -> None:
    several.bus.broken = True
    for app in ("alpha", "shop", "till"):
        several.push("1.0", app=app)
    several.bus.broken = False
    several.time.wait(SETTLED)
    assert several.sweep.run(look_for_pushes=False).sent == 3
    assert sorted(step.application for step in several.steps()) == ["alpha", "shop", "till"]


def test_old_marks_are_forgotten_within_the_hours_that_follow(house: House) -> None:
    house.push("1.0")
    house.settle()
    marks = len(list(house.table.rows("shop", *keys.span(keys.SEEN))))
    house.time.wait(timedelta(days=31))
    forgotten = 0
    for _ in range(256):
        forgotten += house.sweep.run(look_for_pushes=False).marks_forgotten
        house.time.wait(timedelta(minutes=1))
    left = list(house.table.rows("shop", *keys.span(keys.SEEN)))
    assert forgotten == marks
    assert [row.values["Kind"] for row in left] == ["deadline-reached"]

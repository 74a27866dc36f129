"""The reconcile timer finds what was left over, once, and trouble with one application does not stop the others."""

from datetime import timedelta
from pathlib import Path

import pytest

from slipway.domain.release import Phase
from slipway.effects.registry import ErrorSubject, NotInRegistry, Unreachable
from slipway.ledger import keys
from slipway.ledger.due import SETTLED
from slipway.ledger.table import Act, Write
from slipway.maintenance.reconcile import PUSH_WINDOW, Reconciled
from slipway.testing import Installation, write_application
from slipway.testing.artifacts import image


@pytest.fixture
def several(tmp_path: Path) -> Installation:
    for name in ("alpha", "shop", "till"):
        write_application(tmp_path / "several", name)
    return Installation(tmp_path / "several")


def waiting(installation: Installation) -> None:
    """A release that waits for approval."""
    installation.push("1.0")
    installation.settle()
    assert installation.phase(1) is Phase.AWAITING_APPROVAL


def test_a_quiet_installation_needs_nothing(installation: Installation) -> None:
    assert installation.reconcile(look_for_pushes=True) == Reconciled()


def test_an_overdue_gate_expires(installation: Installation) -> None:
    waiting(installation)
    installation.wait(timedelta(hours=24) - timedelta(minutes=5))
    assert installation.reconcile().deadlines == 0
    assert installation.phase(1) is Phase.AWAITING_APPROVAL
    installation.wait(timedelta(minutes=10))
    assert installation.reconcile().deadlines == 1
    assert installation.phase(1) is Phase.EXPIRED
    assert installation.reconcile().deadlines == 0
    assert installation.actions().count("release.expired") == 1


def test_a_step_whose_message_was_lost_is_sent_again(installation: Installation) -> None:
    installation.push("1.0")
    installation.bus.sent.clear()
    installation.wait(timedelta(minutes=15))
    assert installation.reconcile().deadlines == 1
    assert installation.reconcile() == Reconciled(), "a late run of the timer may be followed by another at once"
    assert [step.resent for step in installation.steps()] == [1]
    installation.settle()
    assert installation.phase(1) is Phase.AWAITING_APPROVAL


def test_a_missed_push_is_found_once(installation: Installation) -> None:
    installation.build("1.0")
    installation.wait(SETTLED)
    assert installation.reconcile(look_for_pushes=True).missed_pushes == 1
    assert installation.reconcile(look_for_pushes=True).missed_pushes == 0
    release = installation.release(1)
    assert (release.tag, release.digest) == ("1.0", installation.nonprod.held.tags["team/shop", "1.0"])
    assert installation.actions().count("release.created") == 1


def test_a_push_that_the_timer_found_and_whose_event_came_later_starts_one_release(installation: Installation) -> None:
    event = installation.pushed("1.0")
    installation.wait(SETTLED)
    assert installation.reconcile(look_for_pushes=True).missed_pushes == 1
    installation.app.handler.handle(event)
    installation.wait(timedelta(minutes=5))
    assert installation.reconcile(look_for_pushes=True).missed_pushes == 0
    assert installation.actions().count("release.created") == 1


def test_a_push_that_is_too_young_is_left_to_its_event_and_an_old_one_is_left_alone(installation: Installation) -> None:
    installation.build("1.0")
    installation.wait(SETTLED - timedelta(seconds=1))
    assert installation.reconcile(look_for_pushes=True).missed_pushes == 0
    installation.wait(PUSH_WINDOW + timedelta(seconds=1) - SETTLED)
    assert installation.reconcile(look_for_pushes=True).missed_pushes == 1


def test_pushes_from_before_the_window_are_not_delivered(installation: Installation) -> None:
    for number in range(5):
        installation.build(f"1.{number}")
    installation.wait(PUSH_WINDOW + timedelta(seconds=1))
    assert installation.reconcile(look_for_pushes=True).missed_pushes == 0
    assert list(installation.app.ledger.releases("shop", limit=10)) == []


def test_only_the_newest_of_several_missed_pushes_is_delivered(installation: Installation) -> None:
    for number in range(3):
        installation.build(f"1.{number}")
        installation.wait(timedelta(minutes=1))
    assert installation.reconcile(look_for_pushes=True).missed_pushes == 3
    phases = {release.tag: release.phase for release in installation.app.ledger.releases("shop", limit=10)}
    assert phases == {"1.0": Phase.SUPERSEDED, "1.1": Phase.SUPERSEDED, "1.2": Phase.PLANNING}


def test_signatures_and_sboms_are_not_missed_pushes(installation: Installation) -> None:
    digest = installation.nonprod.held.seed("team/shop", image(b"signature"), "sha256-" + "0" * 64 + ".sig")
    installation.nonprod.pushed["team/shop", "sha256-" + "0" * 64 + ".sig"] = installation.now
    installation.wait(timedelta(hours=1))
    assert installation.reconcile(look_for_pushes=True).missed_pushes == 0
    assert installation.app.ledger.release_of("shop", digest) is None


def test_registries_are_asked_only_when_that_is_wanted(installation: Installation) -> None:
    installation.reconcile()
    assert installation.nonprod.lists == 0
    installation.reconcile(look_for_pushes=True)
    assert installation.nonprod.lists == 1


def test_a_registry_that_is_away_is_a_problem_and_the_rest_goes_on(several: Installation) -> None:
    waiting(several)
    several.wait(timedelta(hours=24))
    several.nonprod.errors.append(Unreachable(ErrorSubject("nonprod.test"), "no answer"))
    reconciled = several.reconcile(look_for_pushes=True)
    assert reconciled.deadlines == 1
    assert len(reconciled.problems) == 1
    assert reconciled.problems[0].startswith("alpha: nonprod.test: no answer")


def test_a_repository_that_nothing_was_pushed_to_yet_is_not_a_problem(installation: Installation) -> None:
    installation.nonprod.errors.append(
        NotInRegistry(ErrorSubject("nonprod.test", "team/shop"), "there is no such repository")
    )
    assert installation.reconcile(look_for_pushes=True).problems == ()


@pytest.mark.parametrize("key", [keys.HEAD, keys.lane("staging"), keys.release(1)])
def test_trouble_with_one_application_does_not_stop_the_others(several: Installation, key: str) -> None:
    for app in ("alpha", "shop", "till"):
        several.push("1.0", app=app)
    several.bus.sent.clear()
    several.app.table.transact("alpha", [Write(act=Act.PUT, key=key, values={"Data": "garbage"})])
    several.wait(timedelta(minutes=15))
    reconciled = several.reconcile()
    assert reconciled.deadlines == 2
    assert len(reconciled.problems) == 1
    assert reconciled.problems[0].startswith(f"alpha: the row {key} of the partition alpha cannot be read: ")
    assert sorted(step.application for step in several.steps()) == ["shop", "till"]


def test_unsent_messages_of_every_application_are_sent(several: Installation) -> None:
    several.bus.broken = True
    for app in ("alpha", "shop", "till"):
        several.push("1.0", app=app)
    several.bus.broken = False
    several.wait(SETTLED)
    assert several.reconcile().sent == 3
    assert sorted(step.application for step in several.steps()) == ["alpha", "shop", "till"]


def test_old_marks_are_forgotten_within_the_hours_that_follow(installation: Installation) -> None:
    installation.push("1.0")
    installation.settle()
    marks = len(list(installation.app.table.rows("shop", *keys.range_of(keys.SEEN))))
    installation.wait(timedelta(days=31))
    forgotten = 0
    for _ in range(256):
        forgotten += installation.reconcile().marks_forgotten
        installation.wait(timedelta(minutes=1))
    remaining = list(installation.app.table.rows("shop", *keys.range_of(keys.SEEN)))
    assert forgotten == marks
    assert [row.values["Kind"] for row in remaining] == ["deadline-reached"]

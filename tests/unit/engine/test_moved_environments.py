"""An environment gets another namespace: what is live stays where it was, and the plan warns people."""

from pathlib import Path

import pytest

from slipway.domain.release import Phase
from slipway.testing import write_application
from tests.unit.commands.live import Live


@pytest.fixture
def moved(tmp_path: Path) -> Live:
    """An installation whose staging got another namespace after its first release."""
    write_application(tmp_path)
    live = Live(tmp_path)
    live.apply()
    live.push("1.0")
    live.settle()
    live.edit_environment("staging", namespace="store")
    live.apply()
    return live


def objects_in(live: Live, namespace: str) -> set[str]:
    return {f"{kind}/{name}" for place, kind, name in live.staging.objects if place == namespace}


def plan_warnings(live: Live, release: int) -> list[str]:
    """The warnings in staging's plan of the release."""
    key = ("plan.made", f"shop-{release}", "staging")
    [details] = [
        record.details for record in live.trail() if (record.action, record.release, record.environment) == key
    ]
    return list(details.get("warnings") or ())


def test_objects_of_a_failed_release_in_the_new_place_are_gone_after_its_rollback(moved: Live) -> None:
    push_event = moved.pushed("1.1")
    moved.staging.broken.add(push_event.digest)
    objects_before = objects_in(moved, "shop")
    moved.push("1.1")
    moved.settle()
    assert moved.phase(2) is Phase.ROLLED_BACK
    assert objects_in(moved, "store") == set()
    assert objects_in(moved, "shop") == objects_before


def test_the_plan_says_what_stays_in_the_old_place(moved: Live) -> None:
    moved.push("1.1")
    moved.settle()
    assert [
        warning
        for warning in plan_warnings(moved, 2)
        if warning.startswith("the live release is in staging/shop, and this release goes to")
    ]
    moved.push("1.2")
    moved.settle()
    assert plan_warnings(moved, 3) == [], "shop-2 is already in the new place"

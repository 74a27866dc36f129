"""An environment that gets another namespace: what is live stays where it was, and people are told."""

from pathlib import Path

import pytest

from slipway.domain.release import Phase
from slipway.testing import write_application
from tests.unit.commands.live import Live


@pytest.fixture
def moved(tmp_path: Path) -> Live:
    """One whose staging has got another namespace since its first release."""
    write_application(tmp_path)
    live = Live(tmp_path)
    live.apply()
    live.push("1.0")
    live.settle()
    live.edit_environment("staging", namespace="store")
    live.apply()
    return live


def there(live: Live, namespace: str) -> set[str]:
    return {f"{kind}/{name}" for place, kind, name in live.staging.objects if place == namespace}


def planned(live: Live, release: int) -> list[str]:
    """What staging's plan of the release warns of."""
    about = ("plan.made", f"shop-{release}", "staging")
    [told] = [each.details for each in live.trail() if (each.action, each.release, each.environment) == about]
    return list(told.get("warnings") or ())


def test_what_a_failed_release_made_in_the_new_place_is_gone_after_its_rollback(moved: Live) -> None:
    pushed = moved.pushed("1.1")
    moved.staging.broken.add(pushed.digest)
    before = there(moved, "shop")
    moved.push("1.1")
    moved.settle()
    assert moved.phase(2) is Phase.ROLLED_BACK
    assert there(moved, "store") == set()
    assert there(moved, "shop") == before


def test_the_plan_says_what_stays_in_the_old_place(moved: Live) -> None:
    moved.push("1.1")
    moved.settle()
    assert [
        w for w in planned(moved, 2) if w.startswith("the live release is in staging/shop, and this release goes to")
    ]
    moved.push("1.2")
    moved.settle()
    assert planned(moved, 3) == [], "it is in the new place by now"

"""`slipway drift`: the differences and who wrote them; an old or unknown state is never shown as clean."""

import json
from datetime import timedelta

import pytest

from slipway.cli.commands import drift as command
from slipway.domain.blocks import Freeze
from slipway.domain.drift import Drift, Drifted, DriftFindings, DriftKind
from tests.unit.cli.conftest import Command
from tests.unit.cli.served import Served
from tests.unit.domain.samples import MORNING
from tests.unit.domain.world import World

LOOKED = MORNING + timedelta(hours=1)
EDITED = Drifted(what=DriftKind.CHANGED, kind="Deployment", name="web", fields=("spec.replicas",), by="kubectl-edit")
DOCUMENT = "sha256:" + "a" * 64


@pytest.fixture
def app_after_look(app: Served, monkeypatch: pytest.MonkeyPatch) -> Served:
    monkeypatch.setattr(command, "clock", lambda: LOOKED + timedelta(minutes=3))
    app.drift = {"looked_at": LOOKED.isoformat(), "next_at": (LOOKED + timedelta(minutes=4)).isoformat()}
    return app


def drifted(shop: World, findings: DriftFindings) -> None:
    lane = shop.lanes["production"]
    shop.lanes["production"] = lane.evolve(drift=Drift(since=MORNING, release=1, seen=findings))


def test_environments_without_drift_are_shown_as_they_went_live(app_after_look: Served, slipway: Command) -> None:
    result = slipway("drift", "shop")
    assert result.exit_code == 0, result.output
    assert result.stdout.count("as it went live") == 2
    assert "looked at" in result.stderr


def test_a_release_that_is_newer_than_the_last_drift_look_is_shown_as_such(
    app_after_look: Served, slipway: Command
) -> None:
    app_after_look.drift = {"looked_at": (MORNING - timedelta(hours=1)).isoformat(), "next_at": LOOKED.isoformat()}
    assert slipway("drift", "shop").stdout.count("went live since the last look") == 2


def test_a_drifted_object_is_named_with_its_writer_and_the_command_that_restores_it(
    app_after_look: Served, slipway: Command, shop: World
) -> None:
    drifted(shop, DriftFindings.of((EDITED,), DOCUMENT))
    result = slipway("drift")
    assert result.exit_code == 1
    assert "shop-1 in production: Deployment/web was changed by kubectl-edit (spec.replicas)" in result.stdout
    assert f"slipway evidence {DOCUMENT}" in result.stdout
    assert "slipway rollback shop-1 production" in result.stdout
    output = json.loads(slipway("drift", "--json").stdout)
    assert (output["clean"], output["unknown"]) == (False, "")
    production = next(
        environment for environment in output["environments"] if environment["environment"] == "production"
    )
    assert production["drift"]["objects"][0]["by"] == "kubectl-edit"


def test_an_environment_whose_drift_is_unknown_is_not_clean(
    app_after_look: Served, slipway: Command, shop: World
) -> None:
    drifted(shop, DriftFindings(unknown="production could not be reached"))
    result = slipway("drift")
    assert result.exit_code == 1
    assert "shop-1 in production: unknown: production could not be reached" in result.stdout


def test_an_old_drift_look_is_reported_as_such_and_shows_nothing_as_clean(
    app_after_look: Served, slipway: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "clock", lambda: LOOKED + timedelta(minutes=10))
    result = slipway("drift")
    assert (result.exit_code, "as it went live" in result.stdout) == (1, False)
    assert "the last look is 10 minutes old" in result.stderr
    app_after_look.drift = None
    assert "nobody has looked yet" in slipway("drift").stderr


def test_an_application_without_a_live_release_has_no_drift_and_no_table(
    app_after_look: Served, slipway: Command, shop: World
) -> None:
    shop.lanes.clear()
    app_after_look.drift = None
    result = slipway("drift", "shop")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "no release is live\n")
    assert json.loads(slipway("drift", "shop", "--json").stdout)["clean"] is True


def test_an_unknown_application_is_not_found(app_after_look: Served, slipway: Command) -> None:
    assert slipway("drift", "till").exit_code == 3


# ---- slipway applications
def test_the_list_of_applications_shows_which_environment_drifted_or_is_not_known(
    app_after_look: Served, slipway: Command, shop: World
) -> None:
    assert "drifted" not in slipway("applications").stdout
    drifted(shop, DriftFindings.of((EDITED,), DOCUMENT))
    assert state_in(slipway, "production") == "drifted"
    drifted(shop, DriftFindings(unknown="production could not be reached"))
    assert state_in(slipway, "production") == "not known"
    app_after_look.drift = None
    assert "nobody has looked yet" in slipway("applications").stderr


def test_the_list_of_applications_shows_which_environment_is_frozen(
    app_after_look: Served, slipway: Command, shop: World
) -> None:
    lane = shop.lanes["production"]
    freeze = Freeze(id="freeze-1", owner="olga", reason="the sale", at=MORNING)
    shop.lanes["production"] = lane.evolve(freeze=freeze)
    assert state_in(slipway, "production") == "frozen"


def state_in(slipway: Command, environment: str) -> str:
    head, *rows = slipway("applications").stdout.splitlines()
    row = next(row for row in rows if environment in row)
    return row[head.index("STATE") : head.index("TAG")].strip()

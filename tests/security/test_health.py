"""Anybody may ask for the app's health as often as they like: not every request reads the ledger."""

from datetime import timedelta
from typing import Any

import azure.functions as func
import pytest

from slipway.ledger import LedgerUnavailable
from slipway.queries.health import LOOKED_AT_EVERY
from slipway.testing import BASE
from tests.security.test_headers import DOORS, MODULES
from tests.unit.web.installation import ScriptedInstallation
from tests.unit.web.samples import awaiting_approval

(HEALTH,) = (door.values[1] for door in DOORS if str(door.id).startswith("health-"))


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> ScriptedInstallation:
    home, _ = awaiting_approval()
    for module in MODULES:
        if hasattr(module, "parts"):
            monkeypatch.setattr(module, "parts", lambda: home.app)
    return home


def status() -> int:
    response: Any = HEALTH(func.HttpRequest("GET", BASE, headers={}, params={}, route_params={}, body=b""))  # type: ignore[operator]
    return int(response.status_code)


def test_many_requests_for_health_read_the_ledger_once(
    home: ScriptedInstallation, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[str] = []
    original_head = type(home.app.ledger).head

    def counting_head(self: Any, name: str) -> Any:
        reads.append(name)
        return original_head(self, name)

    monkeypatch.setattr(type(home.app.ledger), "head", counting_head)
    assert [status() for _ in range(50)] == [200] * 50
    assert len(reads) == 1
    home.now += LOOKED_AT_EVERY
    assert (status(), len(reads)) == (200, 2)


def test_a_ledger_that_goes_away_and_comes_back_is_reported_within_seconds(
    home: ScriptedInstallation, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert status() == 200

    def away(self: Any, name: str) -> Any:
        raise LedgerUnavailable("storage does not answer")

    with monkeypatch.context() as outage:
        outage.setattr(type(home.app.ledger), "head", away)
        home.now += timedelta(seconds=5)
        assert status() == 503
    home.now += timedelta(seconds=5)
    assert status() == 200

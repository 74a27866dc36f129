"""The guard of the API: who may call what, and what a refusal says."""

import hashlib
import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import azure.functions as func
import pytest

from functions import api, guard
from slipway.domain.audit import AuditRecord
from slipway.engine.parking import Parking
from slipway.ledger.keys import INSTALLATION
from slipway.testing import BASE
from slipway.testing.sign_in import bearer, person
from tests.unit.api.in_process import shared_parts, use
from tests.unit.web.installation import ScriptedInstallation

AUDITOR = "an auditor's key"
OLGA = person(7, "Olga", "operator")


@pytest.fixture
def home() -> ScriptedInstallation:
    """An installation with a key of the auditors, and with one parked input."""
    keys = {
        "auditors": {"sha256": hashlib.sha256(AUDITOR.encode()).hexdigest()},
    }
    home = ScriptedInstallation(
        settings={"api_access": "roles", "api_keys": keys, "public_url": f"{BASE}/"},
    )
    home.app.parking.park(source="runs", reason="a test", body=b"{}", id="p-1")
    return home


@pytest.fixture
def replay_log(home: ScriptedInstallation, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[tuple[str, str]]]:
    """What has been replayed so far, and by whom."""
    replays: list[tuple[str, str]] = []

    def replay(_: Parking, id: str, *, actor: str, inbox: str = "") -> Any:
        assert inbox
        replays.append((id, actor))
        return SimpleNamespace(id=id, source="runs")

    monkeypatch.setattr(Parking, "replay", replay)
    use(monkeypatch, home, api, guard)

    def by_now() -> list[tuple[str, str]]:
        home.hear()
        return replays

    return by_now


def call(handler: Any, method: str = "GET", **headers: str) -> tuple[func.HttpResponse, dict[str, Any]]:
    request_headers = {name.replace("_", "-"): value for name, value in headers.items()}
    response = handler(func.HttpRequest(method, BASE, headers=request_headers, route_params={"id": "p-1"}, body=b""))
    return response, json.loads(response.get_body())


@pytest.mark.usefixtures("replay_log")
def test_a_stranger_gets_a_problem_that_says_how_to_become_known() -> None:
    response, problem = call(api.list_applications)
    assert (response.status_code, response.mimetype) == (401, "application/problem+json")
    assert problem["permission"] == "read"
    assert response.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.usefixtures("replay_log")
def test_a_malformed_token_is_a_401_and_not_an_error() -> None:
    response, problem = call(api.list_applications, Authorization="Bearer nonsense")
    assert response.status_code == 401
    assert "nonsense" not in problem["detail"]


def test_a_reader_reads_and_is_refused_by_the_name_of_the_permission(
    replay_log: Callable[[], list[tuple[str, str]]],
) -> None:
    assert call(api.list_applications, x_functions_key=AUDITOR)[0].status_code == 200
    response, problem = call(api.replay_parked, "POST", x_functions_key=AUDITOR)
    assert (response.status_code, problem["permission"], problem["roles"]) == (403, "replay", ["reader"])
    assert "operator or platform" in problem["detail"]
    assert replay_log() == []


def test_a_denial_is_recorded_once_with_caller_and_permission_and_a_stranger_as_nobody(
    replay_log: Callable[[], list[tuple[str, str]]],
) -> None:
    for _ in range(3):
        assert call(api.replay_parked, "POST", x_functions_key=AUDITOR)[0].status_code == 403
        assert call(api.replay_parked, "POST")[0].status_code == 401
    assert replay_log() == []
    trail = shared_parts(guard).ledger.audit(INSTALLATION)
    denied = [record for record in trail if isinstance(record, AuditRecord) and record.action == "access.denied"]
    assert [(record.details["caller"], record.details["permission"], record.details["times"]) for record in denied] == [
        ("key:auditors", "replay", 1),
        ("nobody", "replay", 1),
    ]


def test_a_caller_without_the_permission_is_denied_also_while_the_queue_is_away(
    home: ScriptedInstallation, replay_log: Callable[[], list[tuple[str, str]]]
) -> None:
    home.bus.broken = True
    assert call(api.replay_parked, "POST", x_functions_key=AUDITOR)[0].status_code == 403
    assert call(api.replay_parked, "POST")[0].status_code == 401
    home.bus.broken = False
    assert replay_log() == []


def test_a_replay_carries_the_name_of_the_operator_who_ordered_it(
    replay_log: Callable[[], list[tuple[str, str]]],
) -> None:
    assert call(api.replay_parked, "POST", **bearer(shared_parts(guard), OLGA))[0].status_code == 202
    assert replay_log() == [("p-1", f"oid:{OLGA.oid}")]


def test_a_request_from_another_site_changes_nothing(
    replay_log: Callable[[], list[tuple[str, str]]],
) -> None:
    response, _ = call(api.replay_parked, "POST", Sec_Fetch_Site="cross-site", **bearer(shared_parts(guard), OLGA))
    assert response.status_code == 403
    assert replay_log() == []

"""What is in force, by the JSON API: with its version, and with what has become wrong with it since it was applied."""

import json
from pathlib import Path
from typing import Any

import pytest

from slipway.domain.roles import Role
from slipway.domain.versions import Subject, SubjectKind
from slipway.testing import write_application
from tests.unit.api.in_process import Served, serve
from tests.unit.commands.live import Live

SHOP, TEAM = (
    Subject(kind=kind, name=name) for kind, name in ((SubjectKind.APPLICATION, "shop"), (SubjectKind.PROJECT, "team"))
)


@pytest.fixture
def live(tmp_path: Path) -> Live:
    folder = tmp_path / "team"
    write_application(folder)
    live = Live(folder)
    live.apply()
    return live


@pytest.fixture
def served(live: Live, monkeypatch: pytest.MonkeyPatch) -> Served:
    return serve(monkeypatch, live, Role.READER)


def items_of(served: Served) -> dict[str, dict[str, Any]]:
    response = served.get("/api/v1/catalogue")
    assert response.status_code == 200, response.get_body()
    return {item["subject"]: item for item in json.loads(response.get_body())["items"]}


def test_everything_in_force_is_listed_with_its_version(served: Served, live: Live) -> None:
    versions = live.app.versions
    assert items_of(served) == {
        "project:team": {
            "subject": "project:team",
            "project": None,
            "document": versions.current(TEAM).document,
            "problems": [],
        },
        "application:shop": {
            "subject": "application:shop",
            "project": "team",
            "document": versions.current(SHOP).document,
            "problems": [],
        },
    }


def test_an_application_whose_channel_has_gone_is_listed_with_its_problem_and_its_version(
    served: Served, live: Live
) -> None:
    live.without("channels", "inbox")
    items = items_of(served)
    shop = items["application:shop"]
    assert shop["document"] == live.app.versions.current(SHOP).document
    (problem,) = shop["problems"]
    assert "notify[0]: expected a channel of this installation" in problem
    assert items["project:team"]["problems"] == []

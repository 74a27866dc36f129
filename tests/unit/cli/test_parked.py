"""`slipway parked`: what could not be handled, seen and replayed."""

import json
from typing import Any

import pytest

from slipway.domain.reports import Parked
from tests.unit.cli.conftest import Command
from tests.unit.cli.served import Served
from tests.unit.domain.samples import MORNING

ID = "3f0c9d0be1a24c7788aa01d2"


@pytest.fixture
def parked(app: Served) -> dict[str, Any]:
    item = Parked(
        id=ID,
        source="runs",
        reason="tag: expected a tag, got 'a b'",
        body='{"tag":\n\t"a b"}',
        parked_at=MORNING,
        message_id="m-1",
    )
    app.parked = [item.model_dump(mode="json")]
    return app.parked[0]


def test_the_list_shows_id_source_and_reason(slipway: Command, parked: dict[str, Any]) -> None:
    heading, line = slipway("parked", "list").stdout.splitlines()
    assert heading.split() == ["ID", "PARKED", "SOURCE", "REPLAYED", "REASON"]
    assert line.split(maxsplit=4) == [ID, "2026-11-23T08:00:00Z", "runs", "-", parked["reason"]]


def test_the_list_as_json_is_what_the_app_answers(slipway: Command, parked: dict[str, Any]) -> None:
    assert json.loads(slipway("parked", "list", "--json").stdout) == {
        "v": 1,
        "parked": [parked],
        "more": False,
    }


def test_an_incomplete_list_says_that_there_is_more(slipway: Command, app: Served, parked: dict[str, Any]) -> None:
    app.more_parked = True
    assert slipway("parked", "list").stderr == "there is more parked input than this list shows\n"


def test_an_empty_list_of_parked_input_says_so_on_stderr(slipway: Command) -> None:
    result = slipway("parked", "list")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "nothing is parked\n")


def test_parked_input_is_shown_with_its_body_line_by_line(slipway: Command, parked: dict[str, Any]) -> None:
    text = slipway("parked", "show", ID).stdout
    assert parked["reason"] in text
    assert text.endswith('\n\n{"tag":\n        "a b"}\n')


def test_parked_input_as_json_is_the_apps_object(slipway: Command, parked: dict[str, Any]) -> None:
    assert json.loads(slipway("parked", "show", ID, "--json").stdout) == {"v": 1, **parked}


def test_a_replay_is_one_post(slipway: Command, app: Served, parked: dict[str, Any]) -> None:
    result = slipway("parked", "replay", ID)
    assert result.stdout == f"✓ replayed  {ID}\n"
    assert [request.target for request in app.requests if request.method == "POST"] == [f"/api/v1/parked/{ID}/replay"]


def test_a_replay_as_json_is_what_the_app_answers(slipway: Command, parked: dict[str, Any]) -> None:
    output = json.loads(slipway("parked", "replay", ID, "--json").stdout)
    assert (output["state"], output["verb"]) == ("counted", "replay")


@pytest.mark.parametrize("command", ["show", "replay"])
def test_an_unknown_id_of_parked_input_ends_with_3(slipway: Command, command: str) -> None:
    result = slipway("parked", command, "nothing")
    assert result.exit_code == 3
    assert "no parked input has the id 'nothing'" in result.stderr

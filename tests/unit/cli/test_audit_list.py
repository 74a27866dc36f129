"""`slipway audit list` and `show`: the trail for people and for scripts, of any length."""

import json

from slipway.domain.application import Application
from tests.unit.cli.conftest import Command
from tests.unit.cli.served import Reply, Served
from tests.unit.cli.test_audit_verify import long_trail
from tests.unit.domain.samples import application
from tests.unit.domain.world import World


def till() -> World:
    """Another application."""
    return World(Application.model_validate(application().model_dump() | {"application": "till"}))


def test_the_application_may_be_left_out_where_there_is_one(slipway: Command, shop: World) -> None:
    lines = slipway("audit", "list").stdout.splitlines()
    assert lines[0].split() == ["SEQUENCE", "TIME", "ACTION", "RELEASE", "ENVIRONMENT", "ACTOR", "DETAILS"]
    assert [line.split()[2] for line in lines[1:]] == [record.action for record in shop.audit]


def test_the_application_must_be_named_where_there_are_more(slipway: Command, app: Served) -> None:
    app.worlds["till"] = till()
    result = slipway("audit", "list")
    assert result.exit_code == 2
    assert "expected --application, one of shop, till" in result.stderr


def test_a_release_names_its_application(slipway: Command, app: Served, shop: World) -> None:
    app.worlds["till"] = till()
    lines = slipway("audit", "list", "--release", "shop-2").stdout.splitlines()[1:]
    assert len(lines) == sum(record.release == "shop-2" for record in shop.audit)
    assert all("shop-2" in line for line in lines)


def test_json_is_one_object_as_the_app_gives_it(slipway: Command, app: Served) -> None:
    trail = app.trails["shop"]
    found = json.loads(slipway("audit", "list", "--after", "3", "--limit", "2", "--json").stdout)
    assert found == {
        "application": "shop",
        "head": {"sequence": trail.sequence, "hash": trail.hash},
        "records": trail.records[3:5],
        "next": 5,
    }


def test_a_limit_above_a_page_is_several_requests_and_still_one_object(slipway: Command, app: Served) -> None:
    app.trails["shop"] = long_trail(1203)
    found = json.loads(slipway("audit", "list", "--limit", "1100", "--json").stdout)
    assert [record["sequence"] for record in found["records"]] == list(range(1, 1101))
    assert found["next"] == 1100
    assert sum("/audit/" in asked.target for asked in app.asked) == 3


def test_json_lines_are_one_record_each(slipway: Command, app: Served) -> None:
    app.trails["shop"] = long_trail(1203)
    result = slipway("audit", "list", "--limit", "5000", "--jsonl")
    assert [json.loads(line) for line in result.stdout.splitlines()] == app.trails["shop"].records
    assert result.stderr == ""


def test_more_records_are_pointed_to_on_stderr(slipway: Command, app: Served) -> None:
    app.trails["shop"] = long_trail(12)
    assert slipway("audit", "list", "--limit", "10").stderr == "more may follow: --after 10\n"
    assert slipway("audit", "list", "--limit", "12").stderr == ""
    assert slipway("audit", "list", "--limit", "10", "--json").stderr == ""


def test_nothing_to_show_is_said_on_stderr(slipway: Command, app: Served) -> None:
    result = slipway("audit", "list", "--after", "1000")
    assert result.stdout == ""
    assert result.stderr == f"no records; the trail has {app.trails['shop'].sequence}\n"


def test_an_app_that_turns_in_a_circle_is_left(slipway: Command, app: Served) -> None:
    page = {"application": "shop", "head": {"sequence": 9, "hash": ""}, "records": [], "next": 0}
    app.replies["audit/shop"] = Reply(body=json.dumps(page).encode())
    assert slipway("audit", "list", "--limit", "5000").exit_code == 0


def test_a_damaged_row_is_shown_as_damaged(slipway: Command, app: Served) -> None:
    app.trails["shop"].records[1] = {"application": "shop", "sequence": 2, "damaged": "its row is broken"}
    line = slipway("audit", "list").stdout.splitlines()[2]
    assert line.split()[:3] == ["2", "-", "DAMAGED"]
    assert line.endswith("its row is broken")
    assert "its row is broken" in slipway("audit", "show", "shop", "2").stdout


def test_one_record_is_shown_whole(slipway: Command, shop: World) -> None:
    record = next(record for record in shop.audit if record.action == "plan.made")
    text = slipway("audit", "show", "shop", str(record.sequence)).stdout
    for value in (record.hash, record.previous, record.digest, record.details["plan_hash"], record.action):
        assert str(value) in text


def test_one_record_as_json_is_the_record(slipway: Command, app: Served) -> None:
    found = json.loads(slipway("audit", "show", "shop", "4", "--json").stdout)
    assert found == app.trails["shop"].records[3]


def test_a_record_that_is_not_there_ends_with_1(slipway: Command, app: Served) -> None:
    result = slipway("audit", "show", "shop", "4000")
    assert result.exit_code == 1
    assert f"the trail of shop has no record 4000; its head names {app.trails['shop'].sequence}" in result.stderr

"""`slipway audit list`, `show`, `live` and `reindex`: queries of the trail, for people and for scripts."""

import csv
import io
import json

import pytest

from slipway.cli.commands.audit_list import TimeType
from slipway.cli.console import CliConsole, TextCell, tone_style
from slipway.cli.trail import record_fields
from slipway.domain.actions import Action
from slipway.domain.audit import AuditRecord
from slipway.domain.export import COLUMNS
from slipway.domain.tones import Tone
from slipway.web.timeline import timeline
from tests.unit.cli.conftest import Command
from tests.unit.cli.served import Reply, Served
from tests.unit.cli.test_audit_verify import long_trail
from tests.unit.domain.records import record
from tests.unit.domain.world import World


def audit_queries(app: Served) -> list[str]:
    return [request.target.partition("?")[2] for request in app.requests if request.target.startswith("/api/v1/audit?")]


def test_records_are_listed_newest_first_and_each_is_named(slipway: Command, shop: World) -> None:
    lines = slipway("audit", "list", "--limit", "200").stdout.splitlines()
    assert lines[0].split() == ["RECORD", "TIME", "ACTION", "RELEASE", "ENVIRONMENT", "ACTOR", "DETAILS"]
    assert [line.split()[:2] for line in lines[1:]] == [["shop", str(r.sequence)] for r in reversed(shop.audit)]


def test_every_filter_is_passed_on_under_its_name(slipway: Command, app: Served) -> None:
    filters = {
        "--application": "shop",
        "--environment": "production",
        "--actor": "ada@example.com",
        "--action": "change",
        "--digest": "sha256:abcdef",
        "--release": "shop-1",
        "--from": "2026-11-01",
        "--to": "2026-11-30",
    }
    assert slipway("audit", "list", *(word for pair in filters.items() for word in pair)).exit_code == 0
    assert audit_queries(app) == [
        "from=2026-11-01&to=2026-11-30&application=shop&environment=production&actor=ada%40example.com&action=change"
        "&digest=sha256%3Aabcdef&release=shop-1&limit=50"
    ]


def test_records_of_a_release_are_listed_newest_first(slipway: Command, shop: World) -> None:
    lines = slipway("audit", "list", "--release", "shop-2").stdout.splitlines()[1:]
    assert len(lines) == sum(record.release == "shop-2" for record in shop.audit)
    turned = slipway("audit", "list", "--release", "shop-2", "--oldest-first").stdout.splitlines()[1:]
    assert turned == lines[::-1]


def test_json_is_one_object_and_says_how_to_go_on(slipway: Command, app: Served) -> None:
    records = app.trails["shop"].records[::-1]
    first = json.loads(slipway("audit", "list", "--limit", "2", "--json").stdout)
    assert first == {"v": 1, "records": records[:2], "next": "at-2"}
    second = json.loads(slipway("audit", "list", "--limit", "2", "--after", first["next"], "--json").stdout)
    assert second["records"] == records[2:4]


def test_a_limit_above_a_page_is_several_requests(slipway: Command, app: Served) -> None:
    app.trails["shop"] = long_trail(603)
    result = slipway("audit", "list", "--limit", "5000", "--jsonl")
    assert [json.loads(line) for line in result.stdout.splitlines()] == app.trails["shop"].records[::-1]
    assert (len(audit_queries(app)), result.stderr) == (4, "")


def test_more_records_are_pointed_to_on_stderr(slipway: Command, app: Served) -> None:
    app.trails["shop"] = long_trail(12)
    assert slipway("audit", "list", "--limit", "10").stderr == "there may be more: --after at-10\n"
    assert slipway("audit", "list", "--limit", "12").stderr == ""
    assert slipway("audit", "list", "--limit", "10", "--json").stderr == ""
    stderr = slipway("audit", "list", "--limit", "10", "--from", "2026-01-01").stderr
    assert stderr == "there may be more: --from 2026-01-01 --after at-10\n"


def test_csv_has_a_line_for_each_record_and_nothing_that_a_spreadsheet_would_run(slipway: Command, app: Served) -> None:
    app.trails["shop"].records[-1]["actor"] = "=cmd()"
    rows = list(csv.DictReader(io.StringIO(slipway("audit", "list", "--limit", "200", "--csv").stdout)))
    assert tuple(rows[0]) == COLUMNS
    assert rows[0]["actor"] == "'=cmd()"
    assert [int(row["sequence"]) for row in rows] == [r["sequence"] for r in reversed(app.trails["shop"].records)]
    assert json.loads(rows[5]["details"]) == app.trails["shop"].records[-6]["details"]


def test_a_misspelt_application_is_answered_with_the_name_that_was_meant(slipway: Command) -> None:
    result = slipway("audit", "show", "shp", "1")
    assert (result.exit_code, "there is no trail of 'shp'; did you mean 'shop'?" in result.stderr) == (3, True)


def test_two_output_formats_at_once_are_a_usage_error(slipway: Command) -> None:
    for command in (("audit", "list"), ("releases",), ("approvals",), ("explain", "shop-1")):
        result = slipway(*command, "--json", "--csv")
        assert result.exit_code == 2
        assert (
            "expected one of --json, --jsonl and --csv, got --json and --csv"
            in json.loads(result.stdout)["error"]["message"]
        )


def test_an_empty_list_of_records_says_so_on_stderr(slipway: Command) -> None:
    result = slipway("audit", "list", "--action", "freeze.set")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "no records\n")


def test_an_unknown_application_ends_with_3(slipway: Command) -> None:
    result = slipway("audit", "list", "--application", "shpo")
    assert (result.exit_code, result.stdout) == (3, "")
    assert "application: expected one of shop, got 'shpo'" in result.stderr


@pytest.mark.parametrize("form", [(), ("--json",), ("--jsonl",), ("--csv",)])
def test_a_record_that_does_not_verify_is_shown_as_such_and_ends_with_7(
    slipway: Command, app: Served, form: tuple[str, ...]
) -> None:
    damaged = {"application": "shop", "sequence": 3, "damaged": "its signature with the key test is wrong"}
    app.replies["audit"] = Reply(body=json.dumps({"records": [damaged], "next": None}).encode())
    result = slipway("audit", "list", *form)
    assert (result.exit_code, "DAMAGED" in result.stdout.upper()) == (7, True)
    assert "`slipway audit verify`" in result.stderr


def test_paging_ends_when_the_app_names_the_same_page_again(slipway: Command, app: Served) -> None:
    app.replies["audit"] = Reply(body=json.dumps({"records": [], "next": "again"}).encode())
    assert slipway("audit", "list", "--limit", "5000").exit_code == 0
    assert len(audit_queries(app)) == 2


@pytest.mark.parametrize("text", ["7d", "12h", "30m", "2w"])
def test_a_relative_time_becomes_a_point_in_time(text: str) -> None:
    assert TimeType().convert(text, None, None).endswith("Z")
    assert TimeType().convert("2026-11-23", None, None) == "2026-11-23"


def test_a_refusal_of_the_app_names_the_parameter(slipway: Command, app: Served) -> None:
    body = {"title": "Invalid parameter", "status": 400, "detail": "from: expected a day", "parameter": "from"}
    app.replies["audit"] = Reply(status=400, body=json.dumps(body).encode())
    result = slipway("audit", "list", "--from", "yesterday")
    assert result.exit_code == 2
    assert "from: expected a day" in result.stderr


def test_one_record_is_shown_whole(slipway: Command, shop: World) -> None:
    record = next(record for record in shop.audit if record.action == "plan.made")
    text = slipway("audit", "show", "shop", str(record.sequence)).stdout
    for value in (record.hash, record.previous, record.digest, record.details["plan_hash"], record.action):
        assert str(value) in text


@pytest.mark.parametrize("action", Action)
def test_an_action_has_the_tone_on_the_terminal_that_it_has_on_the_pages(action: Action) -> None:
    audit_record = record(1, 0, action)
    fields = dict(record_fields(CliConsole(), AuditRecord.model_validate(audit_record.model_dump())))
    assert fields["action"] == TextCell(action.value, tone_style(timeline([audit_record])[0].tone))
    assert fields["meaning"] == timeline([audit_record])[0].words


def test_no_two_tones_look_alike_on_a_terminal() -> None:
    assert len({tone_style(tone) for tone in Tone}) == len(Tone)


def test_an_action_of_a_newer_version_is_listed_and_shown_as_unknown(slipway: Command, app: Served) -> None:
    app.trails["shop"].records[-1]["action"] = "canary.begun"
    newest = slipway("audit", "list", "--limit", "1").stdout.splitlines()[1]
    assert "canary.begun (unknown)" in newest
    text = slipway("audit", "show", "shop", str(len(app.trails["shop"].records))).stdout
    assert "Unknown action 'canary.begun', written by a newer version" in text


def test_a_damaged_record_is_shown_as_damaged(slipway: Command, app: Served) -> None:
    app.trails["shop"].records[1] = {"application": "shop", "sequence": 2, "damaged": "its row is broken"}
    assert "its row is broken" in slipway("audit", "show", "shop", "2").stdout


def test_one_record_as_json_is_the_record(slipway: Command, app: Served) -> None:
    output = json.loads(slipway("audit", "show", "shop", "4", "--json").stdout)
    assert output == app.trails["shop"].records[3]


def test_a_record_that_is_not_there_ends_with_3(slipway: Command, app: Served) -> None:
    result = slipway("audit", "show", "shop", "4000")
    assert result.exit_code == 3
    assert f"the trail of shop has no record 4000; its head names {app.trails['shop'].sequence}" in result.stderr


# ---- what is live
LIVE = {
    "application": "shop",
    "environment": "production",
    "release": "shop-1",
    "tag": "v1",
    "digest": "sha256:" + "a" * 64,
    "plan_hash": "sha256:" + "b" * 64,
    "since": "2026-11-23T08:00:00Z",
    "approvals": [{"actor": "ada@example.com", "at": "2026-11-23T07:59:00Z", "reason": "seen", "sequence": 17}],
    "gate": "gate.passed #18",
    "brought_back": None,
    "overrides": [],
    "evidence": [{"name": "acceptance", "environment": "staging", "passed": True, "summary": "24 passed"}],
    "supply_chain": [],
    "run": "https://dev.azure.com/run/1",
    "commit": "c0ffee",
}


def test_a_live_release_is_shown_with_its_approver_its_gate_and_its_evidence(slipway: Command, app: Served) -> None:
    app.live = [LIVE]
    text = slipway("audit", "live", "production").stdout
    for part in ("shop-1", "ada@example.com", "record 17", "seen", "✓ acceptance: 24 passed", "gate.passed #18"):
        assert part in text
    assert json.loads(slipway("audit", "live", "production", "--jsonl").stdout) == LIVE
    assert json.loads(slipway("audit", "live", "production", "--json").stdout)["live"] == [LIVE]
    assert slipway("audit", "live", "production", "--csv").stdout.splitlines()[0].startswith("application,environment")
    app.live = []
    assert slipway("audit", "live", "staging").stderr == "nothing is live in staging\n"


def test_a_release_that_a_rollback_brought_back_is_shown_with_who_ordered_it_and_why(
    slipway: Command, app: Served
) -> None:
    order = {"actor": "oid:olu", "name": "Olu", "at": "2026-11-23T08:00:00Z", "action": "rollback.ordered"}
    app.live = [
        LIVE | {"approvals": [], "gate": "", "brought_back": order | {"reason": "orders were lost", "sequence": 19}}
    ]
    text = " ".join(slipway("audit", "live", "production").stdout.split())
    for part in ("Olu", "rollback.ordered", "(record 19): orders were lost", "none, as a rollback brought it back"):
        assert part in text


# ---- the index
def test_an_index_that_is_whole_ends_with_0(slipway: Command, app: Served) -> None:
    result = slipway("audit", "reindex")
    assert result.exit_code == 0
    assert result.stdout.count("the index is complete") == 2
    looks = [json.loads(request.body) for request in app.requests if request.method == "POST"]
    assert {(look["kind"], look["subject"]) for look in looks} == {("reindex", "shop"), ("reindex", "_installation")}


def test_differences_end_with_1_and_with_repair_they_are_put_right(slipway: Command, app: Served) -> None:
    app.compared["shop"] = {"records": 40, "missing": 3, "wrong": 1, "lacking": [7, 9], "head": 40}
    result = slipway("audit", "reindex", "shop")
    assert (result.exit_code, result.stdout) == (
        1,
        "✗ shop  3 missing, 1 wrong of records 7, 9: repair with --repair\n",
    )
    mended = slipway("audit", "reindex", "shop", "--repair")
    assert (mended.exit_code, mended.stdout) == (0, "✓ shop  3 missing, 1 wrong of records 7, 9: repaired\n")
    assert [json.loads(request.body)["options"] for request in app.requests if request.method == "POST"] == [
        {"after": "0", "repair": "no"},
        {"after": "0", "repair": "yes"},
    ]
    output = json.loads(slipway("audit", "reindex", "shop", "--json").stdout)
    assert output["applications"][0]["missing"] == 3


def test_damaged_records_of_the_trail_are_reported_and_end_with_7(slipway: Command, app: Served) -> None:
    app.compared["shop"] = {"records": 40, "damaged": 2, "head": 42}
    result = slipway("audit", "reindex", "shop", "--repair")
    assert result.exit_code == 7
    assert "2 records of the trail are damaged" in result.stdout

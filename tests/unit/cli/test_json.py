"""With --json a command prints one object with its version, even if it fails; exit codes come from one table."""

import json
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from slipway.cli.errors import Exit
from slipway.cli.root import root
from tests.unit.cli.conftest import Command
from tests.unit.cli.served import Served, problem
from tests.unit.cli.test_help import ALL

FOR_OTHER_PROGRAMS = {("schema",), ("completion",)}
"""They print a file that another program reads as it is."""
AWAY = "http://127.0.0.1:9"


def error_of(stdout: str) -> dict[str, Any]:
    output = json.loads(stdout)
    assert output["v"] == 1
    assert set(output) == {"v", "error"}
    error: dict[str, Any] = output["error"]
    assert error["code"]
    assert error["message"]
    return error


def test_every_command_has_json_but_those_that_print_another_programs_file() -> None:
    without_json = {
        names for names, command in ALL if not any("--json" in parameter.opts for parameter in command.params)
    }
    assert without_json == FOR_OTHER_PROGRAMS


@pytest.mark.parametrize("names", [names for names, _ in ALL], ids=" ".join)
def test_a_usage_error_of_every_command_is_an_object(names: tuple[str, ...]) -> None:
    result = CliRunner().invoke(root, [*names, "--no-such-option", "--json"], prog_name="slipway")
    error = error_of(result.stdout)
    assert (result.exit_code, error["code"], error["field"]) == (Exit.USAGE, "usage", "--no-such-option")
    assert (error["cure"], result.stderr) == (f"see `slipway {' '.join(names)} --help`", "")


@pytest.mark.parametrize(
    "arguments",
    [
        ("releases",),
        ("release", "shop-1"),
        ("explain", "shop-1"),
        ("approvals",),
        ("approve", "shop-1"),
        ("freezes",),
        ("freeze", "--all", "--reason", "x"),
        ("audit", "list"),
        ("audit", "verify"),
        ("audit", "export", "--output", "x"),
        ("audit", "reindex"),
        ("numbers",),
        ("evidence", f"sha256:{'0' * 64}"),
        ("parked", "list"),
        ("doctor",),
        ("history", "shop"),
        ("export", "shop"),
    ],
    ids=" ".join,
)
def test_an_app_out_of_reach_is_an_object(slipway: Command, arguments: tuple[str, ...]) -> None:
    result = slipway(*arguments, "--json", SLIPWAY_URL=AWAY)
    assert (result.exit_code, error_of(result.stdout)["code"]) == (Exit.UNREACHABLE, "unreachable")


def test_the_apps_answer_about_a_wrong_parameter_is_reported_field_by_field(slipway: Command, app: Served) -> None:
    refused = problem(400, "Invalid parameter", "from: expected a day, got 'x'", "from")
    problem_json = {**json.loads(refused.body), "expected": "a day", "got": "'x'"}
    app.replies["audit"] = type(refused)(400, json.dumps(problem_json).encode(), refused.headers)
    result = slipway("audit", "list", "--from", "x", "--json")
    error = error_of(result.stdout)
    assert (result.exit_code, error["code"]) == (Exit.USAGE, "invalid-parameter")
    assert (error["field"], error["expected"], error["got"]) == ("from", "a day", "'x'")


@pytest.mark.parametrize(
    ("status", "ends"),
    [
        (400, Exit.USAGE),
        (401, Exit.REFUSED),
        (403, Exit.REFUSED),
        (404, Exit.NOT_FOUND),
        (409, Exit.REFUSED),
        (422, Exit.REFUSED),
        (500, Exit.UNREACHABLE),
        (503, Exit.UNREACHABLE),
    ],
)
def test_each_status_of_the_app_has_its_exit_code(slipway: Command, app: Served, status: int, ends: Exit) -> None:
    app.replies["parked/x/replay"] = problem(status, "Some title", "some detail")
    result = slipway("parked", "replay", "x", "--json")
    assert (result.exit_code, error_of(result.stdout)["code"]) == (ends, "some-title")


def test_a_stored_document_is_printed_inside_the_object(slipway: Command, app: Served) -> None:
    stored: dict[bytes, dict[str, Any]] = {
        b'{"a": 1}': {"document": {"a": 1}},
        b"2 passed": {"text": "2 passed"},
        b"\xff": {"base64": "/w=="},
    }
    for content, expected in stored.items():
        digest = app.keep(content)
        output = json.loads(slipway("evidence", digest, "--json").stdout)
        assert output == {"v": 1, "digest": digest, "size": len(content), **expected}


def test_problems_of_files_are_listed_in_one_object(slipway: Command, tmp_path: Path) -> None:
    (tmp_path / "project.yaml").write_text("project: shop\nowner: {}\n")
    result = slipway("check", str(tmp_path), "--json")
    error = error_of(result.stdout)
    assert result.exit_code == Exit.REFUSED
    assert {"file", "line", "field"} <= set(error["problems"][0])
    assert error["field"] == error["problems"][0]["field"]


def test_each_exit_code_has_a_word_and_a_number_of_its_own() -> None:
    assert len({end.word for end in Exit}) == len({int(end) for end in Exit}) == len(Exit)
    assert click.UsageError("").exit_code == Exit.USAGE

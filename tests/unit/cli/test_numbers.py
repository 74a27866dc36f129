"""`slipway numbers`: what the app answers, as a table, as CSV and as it came."""

import csv
import io
import json
from functools import cache

import pytest

from tests.unit.cli.conftest import Command
from tests.unit.cli.served import Reply, Served
from tests.unit.web.fleet import Fleet
from tests.unit.web.history import numbers


@pytest.fixture
def app_with_numbers(app: Served) -> Served:
    app.replies["numbers"] = Reply(body=_numbers())
    return app


@cache
def _numbers() -> bytes:
    return json.dumps(numbers(Fleet(applications=1)).answer(weeks=4).model_dump(mode="json")).encode()


def test_the_table_has_a_line_for_each_environment(slipway: Command, app_with_numbers: Served) -> None:
    heading, staging, production = slipway("numbers").stdout.splitlines()
    assert heading.split()[:3] == ["APPLICATION", "ENVIRONMENT", "LIVE"]
    assert staging.split()[:3] == ["shop", "staging", "0"]
    assert production.split()[:2] == ["shop", "production"]
    assert " min" in production or " h" in production


def test_by_week_the_newest_comes_first(slipway: Command, app_with_numbers: Served) -> None:
    lines = [line.split()[1:3] for line in slipway("numbers", "--by-week").stdout.splitlines()[1:]]
    assert lines[0] == ["staging", "2026-W48"]
    assert lines[-1] == ["production", "2026-W45"]


def test_steps_say_whether_they_wait_or_work(slipway: Command, app_with_numbers: Served) -> None:
    rows = [line.split() for line in slipway("numbers", "--steps").stdout.splitlines()]
    assert ["shop", "production", "approval", "waits"] in [line[:4] for line in rows]
    assert ["shop", "production", "verify", "works"] in [line[:4] for line in rows]


def test_csv_has_a_line_for_each_environment_and_week(slipway: Command, app_with_numbers: Served) -> None:
    rows = list(csv.DictReader(io.StringIO(slipway("numbers", "--csv").stdout)))
    assert [(row["environment"], row["week"]) for row in rows][:2] == [("staging", "2026-W45"), ("staging", "2026-W46")]
    busy = next(row for row in rows if row["deployments"] not in ("", "0"))
    assert float(busy["lead_time_median_seconds"]) > 0
    assert rows[0]["lead_time_median_seconds"] == ""


def test_json_is_the_apps_own_answer(slipway: Command, app_with_numbers: Served) -> None:
    assert json.loads(slipway("numbers", "--json").stdout) == json.loads(app_with_numbers.replies["numbers"].body)


def test_the_options_become_the_query_of_the_request(slipway: Command, app_with_numbers: Served) -> None:
    slipway("numbers", "-a", "shop", "-e", "production", "-w", "26", "--until", "2026-W40")
    assert app_with_numbers.requests[-1].target == (
        "/api/v1/numbers?application=shop&environment=production&weeks=26&until=2026-W40"
    )


@pytest.mark.parametrize("options", [("--json", "--csv"), ("--by-week", "--steps"), ("-w", "0"), ("-w", "many")])
def test_contradictory_or_invalid_options_are_a_usage_error(
    slipway: Command, app_with_numbers: Served, options: tuple[str, ...]
) -> None:
    assert slipway("numbers", *options).exit_code == 2

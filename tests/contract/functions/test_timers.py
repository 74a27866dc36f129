"""Timers as processes: status, past due, start-up runs, retries, and one owner among instances."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from local.functions import limits
from local.functions.launch import HostProcess
from tests.contract.functions.support import JSON, StartHost, ask, until

# Storage is only asked for; the lease and the status are kept in the state folder.
SETTINGS = {"AzureWebJobsStorage": "UseDevelopmentStorage=true", "YEARLY": "0 0 0 1 1 *"}


def notes(folder: Path, name: str) -> list[dict[str, Any]]:
    file = folder / name
    if not file.exists():
        return []
    return [json.loads(line) for line in file.read_text().splitlines(keepends=True) if line.endswith("\n")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("notes")


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state folder in which a yearly timer has missed its time."""
    state = tmp_path_factory.mktemp("state")
    missed = {"Last": "2025-01-01T00:00:00", "Next": "2026-01-01T00:00:00", "LastUpdated": "2025-01-01T00:00:00"}
    (state / "yearly.timer.json").write_text(json.dumps(missed))
    return state


@pytest.fixture(scope="module")
def host(start_host: StartHost, state: Path, folder: Path) -> HostProcess:
    return start_host("timers", "--no-auth", state=state, NOTES=str(folder), **SETTINGS)


def test_a_timer_of_every_second_fires_again_and_again_without_a_status(host: HostProcess, folder: Path) -> None:
    ticks = until(lambda: entries if len(entries := notes(folder, "tick")) >= 2 else [], "two ticks")
    assert all(not tick["past_due"] and not tick["status"] for tick in ticks)


def test_run_on_startup_fires_once_at_the_start(host: HostProcess, folder: Path) -> None:
    fired = until(lambda: notes(folder, "at_start"), "the run at the start")
    assert fired[0]["past_due"] is False
    assert fired[0]["status"]["Next"].endswith("-01-01T00:00:00+00:00")


def test_a_missed_occurrence_is_caught_up_as_past_due(host: HostProcess, folder: Path, state: Path) -> None:
    fired = until(lambda: notes(folder, "yearly"), "the run that was missed")
    assert fired[0]["past_due"] is True
    stored = until(lambda: _renewed(state / "yearly.timer.json"), "the status is renewed")
    assert stored["Next"].endswith("-01-01T00:00:00+00:00")


def _renewed(file: Path) -> dict[str, str]:
    stored: dict[str, str] = json.loads(file.read_text())
    return stored if not stored["Last"].startswith("2025") else {}


def test_a_timer_never_overlaps_itself_and_follows_at_once_where_it_ran_too_long(
    host: HostProcess, folder: Path
) -> None:
    """W-05. TimerListener.InvokeJobFunction (source of October 2024, run live): the next time follows from when the run
    began; if it has passed by the end, the timer fires again at once, once, and not as past due."""
    lines = until(lambda: entries if len(entries := notes(folder, "long_one")) >= 4 else [], "two whole runs")
    assert [line["at"] for line in lines[:4]] == ["start", "end", "start", "end"]
    assert not any(line["past_due"] for line in lines)
    assert lines[2]["time"] - lines[1]["time"] < lines[1]["time"] - lines[0]["time"]


def test_a_failing_timer_is_tried_again_as_its_retry_policy_says(host: HostProcess, folder: Path) -> None:
    runs = until(lambda: entries if len(entries := notes(folder, "retried")) >= 3 else [], "three runs")
    assert [run["retry"] for run in runs] == [0, 1, 2]


def test_the_admin_endpoint_fires_a_timer_now(host: HostProcess, folder: Path) -> None:
    before = len(notes(folder, "at_start"))
    assert ask(f"{host.url}/admin/functions/at_start", "POST", {}, JSON).status == 202
    until(lambda: len(notes(folder, "at_start")) > before, "the run out of turn")


def test_one_instance_owns_a_timer_and_another_takes_over_when_its_lease_has_run_out(
    start_host: StartHost, tmp_path: Path
) -> None:
    """W-07. SingletonOptions of WebJobs SDK 3.0.48 (read): a lease of 60 s, looked at every 60 s; here both are 2 s."""
    assert limits.TIMER_LEASE == 60
    state, folder = tmp_path / "state", tmp_path / "notes"
    folder.mkdir()
    state.mkdir()
    command = ("timers", "--no-auth", "--timer-lease", "2")
    first = start_host(*command, state=state, NOTES=str(folder), **SETTINGS)
    until(lambda: "owns timer 'tick'" in first.log.read_text(), "the first owns the timer")
    second = start_host(*command, state=state, NOTES=str(folder), **SETTINGS)
    assert first.url != second.url
    until(lambda: len(notes(folder, "tick")) >= 2, "two ticks")
    assert len({tick["pid"] for tick in notes(folder, "tick")}) == 1
    first.kill()
    ends = float((state / "tick.timer.lease").read_text())
    until(lambda: len({tick["pid"] for tick in notes(folder, "tick")}) == 2, "the second takes over")
    assert time.time() >= ends


def test_an_instance_that_stops_gives_its_timers_back_at_once(start_host: StartHost, tmp_path: Path) -> None:
    state, folder = tmp_path / "state", tmp_path / "notes"
    folder.mkdir()
    state.mkdir()
    first = start_host("timers", "--no-auth", state=state, NOTES=str(folder), **SETTINGS)
    until(lambda: notes(folder, "tick"), "a tick of the first")
    first.stop()
    start_host("timers", "--no-auth", state=state, NOTES=str(folder), **SETTINGS)
    until(lambda: len({tick["pid"] for tick in notes(folder, "tick")}) == 2, "a tick of the second")


def test_a_timer_without_storage_is_in_error(start_host: StartHost, tmp_path: Path) -> None:
    host = start_host("timers", "--no-auth", NOTES=str(tmp_path), YEARLY="0 0 0 1 1 *")
    assert set(host.errors) == {"tick", "at_start", "yearly", "long_one", "retried"}
    assert "AzureWebJobsStorage" in host.errors["tick"]

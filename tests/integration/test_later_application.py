"""Replays of what was parked, an application that is added later, and what the logs of the whole system hold."""

import json
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.integration.system import LATER, System, until, write_application

pytestmark = pytest.mark.stack


def test_parked_input_whose_reason_is_still_there_comes_back_when_it_is_replayed(system: System) -> None:
    """Two replays that are ordered within a second are two messages; each comes back and is parked by itself."""
    host = "nobodys.azurecr.io"
    system.event(system.push_data("team/doors", f"sha256:{'0' * 64}", "1.0.0", host=host))
    parked = system.parked(source="events", reason=f"got '{host}'")
    assert system.post(f"/api/v1/parked/{parked['id']}/replay").status == 202
    again = system.parked(source="events", reason=f"got '{host}'", but=parked["id"])
    assert system.post(f"/api/v1/parked/{parked['id']}/replay").status == 202

    def both_came_back() -> bool:
        """The orders have to be recorded too, which happens after the message was sent."""
        every = {p["id"]: p for p in system.get("/api/v1/parked")["parked"] if host in p["reason"]}
        return every[parked["id"]]["replayed_at"] is not None and len(every.keys() - {parked["id"], again["id"]}) == 1

    until(both_came_back, "the second order came back too")


def test_an_application_that_is_applied_while_the_system_runs_is_delivered(system: System) -> None:
    team = system.stack.options.apply
    assert team is not None
    write_application(team, LATER, "push")
    system.stack.apply(team)
    application = system.application(LATER)
    application.push("1.0.0")
    application.reached("plan.made", tag="1.0.0")


def test_input_that_is_not_parked_cannot_be_replayed(system: System) -> None:
    response = system.post("/api/v1/parked/0123456789abcdef01234567/replay")
    assert (response.status, response.content["title"]) == (404, "Not found")


def test_the_token_in_a_message_that_is_parked_is_hidden(system: System) -> None:
    """A message needs no token; if somebody sends one all the same, nobody must be shown it."""
    link = system.approval_link(system.application("votes").waiting("1.8.0"))
    token = urlsplit(link).path.rpartition("/")[2]
    system.send("approvals", {"token": token, "decision": "perhaps"})
    parked = system.parked(source="approvals", reason="v: expected a value", body="perhaps")
    assert json.loads(parked["body"]) == {"token": "(token)", "decision": "perhaps"}


def test_nothing_secret_is_in_any_log(system: System) -> None:
    """This reads the logs of all tests that shared the system, and makes sure that a link was sent and opened."""
    link = system.approval_link(system.application("votes").waiting("1.9.0"))
    assert system.stack.http.request("GET", link).status == 200
    links = [link, *(notice["approval_url"] for notice in system.stack.notices() if notice["approval_url"])]
    secret = {urlsplit(link).path.rpartition("/")[2] for link in links}
    secret |= set(system.stack.secrets.model_dump().values())
    logs = sorted((system.stack.folder / "logs").iterdir())
    for host in ("front-0", "worker-0"):
        assert any(host in log.name and log.stat().st_size for log in logs)
    assert [(log.name, len(text)) for log in logs for text in secret if text in _text(log)] == []


def test_no_function_ended_in_an_error(system: System) -> None:
    logs = (system.stack.folder / "logs").glob("functions-*.log")
    lines = [line for log in logs for line in _text(log).splitlines()]
    assert [line for line in lines if " E " in line[:20] or " C " in line[:20] or "(Failed" in line] == []


def _text(log: Path) -> str:
    return log.read_text(errors="replace")

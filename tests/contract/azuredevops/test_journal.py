"""An organization that is restarted still knows its runs, with the ids, commits, records and times that it gave
them."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from local.azuredevops import Organization
from local.azuredevops.journal import Journal

START = datetime(2026, 1, 1, tzinfo=UTC)
STORY = {"author": {"name": "Ada", "mail": "ada@example.com"}, "completer": {"name": "Ben", "mail": "ben@example.com"}}


def post(journal: Journal, path: str, body: object) -> dict[str, object]:
    response = journal.take(path, json.dumps(body).encode())
    assert response.status == 200, response.content
    content: dict[str, object] = json.loads(response.body)
    return content


def organization(start: datetime) -> Organization:
    """An organization whose clock advances by a second with each reading."""
    moments = iter(start + timedelta(seconds=n) for n in range(10_000))
    return Organization(clock=lambda: next(moments))


def runs_of(organization: Organization) -> str:
    """All of its runs, as text."""
    runs = [run for project in organization.contents.values() for run in project.runs.values()]
    return repr([(r.id, r.number, r.commit, r.records, r.attachments, r.status, r.finished) for r in runs])


def test_posted_deliveries_are_there_after_a_restart(tmp_path: Path) -> None:
    file, before = tmp_path / "journal.jsonl", organization(START)
    journal = Journal(before, file)
    delivery = post(journal, "deliveries", {**STORY, "ends": False})
    post(journal, "endings", {"project": "shop", "run": delivery["run"], "publishes": {"v": 1}})
    post(journal, "deliveries", STORY)
    after = organization(START + timedelta(days=1))
    again = Journal(after, file)
    assert runs_of(after) == runs_of(before)
    later = post(again, "deliveries", STORY)
    assert later["run"] == delivery["run"] + 2  # type: ignore[operator]
    assert after.now() > START + timedelta(days=1), "its own clock is back"


def test_a_refused_post_is_not_written_into_the_journal(tmp_path: Path) -> None:
    file = tmp_path / "journal.jsonl"
    response = Journal(organization(START), file).take("endings", b'{"project": "shop", "run": 1}')
    assert (response.status, file.read_text()) == (400, "")


@pytest.mark.parametrize("line", ["{", "{}", '{"at": "2026-01-01T00:00:00+00:00", "path": "endings", "body": {}}'])
def test_a_journal_that_cannot_be_replayed_is_refused(tmp_path: Path, line: str) -> None:
    file = tmp_path / "journal.jsonl"
    file.write_text(line + "\n")
    with pytest.raises(ValueError, match="journal"):
        Journal(organization(START), file)

"""What docs/how-to/upgrade.md says: what an earlier version left is read, and an open gate goes on where it was."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from slipway.domain.events import EVENT
from slipway.domain.release import Phase
from slipway.domain.steps import Step
from slipway.testing import ADA, BEN, KEYS, Installation, ManualClock
from tests.unit.engine.older_rows import APPLICATION, FOLDER, left_behind, put_back

FILES = sorted(FOLDER.glob("*.json"))


@pytest.fixture(params=FILES, ids=lambda path: path.stem)
def left(request: pytest.FixtureRequest) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(request.param.read_text(encoding="utf-8"))
    return found


@pytest.fixture
def upgraded(left: dict[str, Any], tmp_path: Path) -> Installation:
    """An installation of today, with the delivery, rows and documents of then."""
    for name, text in left["files"].items():
        path = tmp_path / APPLICATION / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    installation = Installation(tmp_path, clock=ManualClock(datetime.fromisoformat(left["now"])))
    installation.build("1.0")
    put_back(left, installation)
    return installation


def test_there_are_rows_of_an_earlier_version() -> None:
    assert FILES


def test_the_second_vote_after_an_upgrade_completes_the_release(upgraded: Installation) -> None:
    before = upgraded.release(1)
    assert before.phase is Phase.AWAITING_APPROVAL
    upgraded.vote(1, BEN)
    upgraded.settle()
    assert upgraded.phase(1) is Phase.COMPLETED
    assert upgraded.production.digest(APPLICATION) == before.digest
    passed = next(record for record in upgraded.trail() if record.action == "gate.passed")
    assert passed.environment == "production"
    assert {record.actor for record in upgraded.trail() if record.action == "vote.approved"} == {ADA, BEN}
    assert "vote.voided" not in upgraded.actions()


def test_the_chain_goes_on_from_the_older_records(upgraded: Installation) -> None:
    assert upgraded.verify(APPLICATION).intact
    upgraded.vote(1, BEN)
    assert upgraded.verify(APPLICATION).intact


def test_links_that_are_out_stay_good(left: dict[str, Any], upgraded: Installation) -> None:
    assert left["tokens"]
    for token in left["tokens"]:
        assert KEYS.approval(token, now=upgraded.now).plan_hash == upgraded.release(1).plan_hash


def test_messages_that_were_under_way_are_taken_in(left: dict[str, Any], upgraded: Installation) -> None:
    assert left["messages"]
    upgraded.wait(timedelta(hours=25))
    for message in left["messages"]:
        if message["queue"] == "steps":
            upgraded.run_step(Step.model_validate(message["body"]))
        else:
            upgraded.take(EVENT.validate_python(message["body"]))
    assert upgraded.phase(1) is Phase.EXPIRED


def test_a_gate_of_an_earlier_version_still_expires(upgraded: Installation) -> None:
    upgraded.wait(timedelta(hours=25))
    upgraded.reconcile()
    assert upgraded.phase(1) is Phase.EXPIRED


def test_what_is_written_today_has_the_parts_that_these_tests_read(tmp_path: Path) -> None:
    """So that the next file that is written can be read by them."""
    left = left_behind(tmp_path)
    assert set(left) == {"files", "rows", "documents", "messages", "now", "tokens"}
    assert left["tokens"]
    assert any(key.startswith("release!") for key in left["rows"])

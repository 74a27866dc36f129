"""Denied attempts are recorded by caller, and never so many that they hide anything else."""

from datetime import timedelta
from pathlib import Path

import pytest

from slipway.domain.audit import AuditRecord
from slipway.domain.hints import HINT, DeniedHint
from slipway.domain.queues import Queue
from slipway.engine.denying import MOST_COUNTED, NOBODY, OTHERS
from slipway.ledger.installation import MOST_DENIED
from slipway.ledger.keys import INSTALLATION
from slipway.testing import Installation, write_application

EVE = "oid:0e000000-0000-4000-8000-00000000000e"


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    write_application(tmp_path)
    return Installation(tmp_path)


def take_hints(installation: Installation) -> list[DeniedHint]:
    """Let the worker take the hints that were sent, and return those about denied attempts."""
    raw_hints = [raw for raw in installation.bus.raw if raw.queue == Queue.HINTS]
    hints = [HINT.validate_json(raw.body) for raw in raw_hints]
    installation.bus.raw = [raw for raw in installation.bus.raw if raw not in raw_hints]
    denied_hints = [hint for hint in hints if isinstance(hint, DeniedHint)]
    for hint in denied_hints:
        installation.app.denial_recorder.take(hint)
    return denied_hints


def denials_on_record(installation: Installation) -> list[dict[str, object]]:
    trail = installation.app.ledger.audit(INSTALLATION)
    return [record.details for record in trail if isinstance(record, AuditRecord) and record.action == "access.denied"]


def test_a_denied_attempt_is_on_record_with_who_and_what(installation: Installation) -> None:
    installation.app.denial_counter.count(EVE, "freeze")
    take_hints(installation)
    (record,) = denials_on_record(installation)
    assert (record["caller"], record["permission"], record["times"]) == (EVE, "freeze", 1)


def test_a_thousand_attempts_of_one_caller_are_one_record_an_hour_that_counts_them(installation: Installation) -> None:
    for _ in range(1_000):
        installation.app.denial_counter.count(EVE, "freeze")
    assert len(take_hints(installation)) == 1
    installation.wait(timedelta(hours=1))
    installation.app.denial_counter.count(EVE, "freeze")
    take_hints(installation)
    assert [record["times"] for record in denials_on_record(installation)] == [1, 1_000]


def test_denials_of_different_callers_or_permissions_are_separate_records(installation: Installation) -> None:
    for caller, permission in ((EVE, "freeze"), (EVE, "rollback"), (NOBODY, "freeze")):
        installation.app.denial_counter.count(caller, permission)
    take_hints(installation)
    assert [(record["caller"], record["permission"]) for record in denials_on_record(installation)] == [
        (EVE, "freeze"),
        (EVE, "rollback"),
        (NOBODY, "freeze"),
    ]


def test_a_thousand_denied_callers_flood_neither_the_trail_nor_the_front(installation: Installation) -> None:
    for number in range(1_000):
        installation.app.denial_counter.count(f"app:{number}", "read")
    hints = take_hints(installation)
    assert len(hints) == MOST_COUNTED + 1
    assert hints[-1].caller == OTHERS
    assert len(denials_on_record(installation)) == MOST_DENIED
    installation.wait(timedelta(hours=1))
    installation.app.denial_counter.count(EVE, "freeze")
    take_hints(installation)
    assert denials_on_record(installation)[-1]["caller"] == EVE, "an hour later there is room for records again"


def test_the_same_hint_of_two_instances_of_the_front_is_one_record(installation: Installation) -> None:
    installation.app.denial_counter.count(EVE, "freeze")
    (hint,) = take_hints(installation)
    installation.app.denial_recorder.take(hint.evolve(times=3))
    assert len(denials_on_record(installation)) == 1
    assert hint.evolve(times=3).message_id == hint.message_id, "the queue drops the second one as well"


def test_a_denial_while_the_queue_is_away_raises_nothing_and_leaves_no_record(installation: Installation) -> None:
    installation.bus.broken = True
    installation.app.denial_counter.count(EVE, "freeze")
    assert denials_on_record(installation) == []

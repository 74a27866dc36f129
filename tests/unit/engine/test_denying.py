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
def home(tmp_path: Path) -> Installation:
    write_application(tmp_path)
    return Installation(tmp_path)


def take_hints(home: Installation) -> list[DeniedHint]:
    """Let the worker take the hints that were sent, and return those about denied attempts."""
    raw_hints = [raw for raw in home.bus.raw if raw.queue == Queue.HINTS]
    hints = [HINT.validate_json(raw.body) for raw in raw_hints]
    home.bus.raw = [raw for raw in home.bus.raw if raw not in raw_hints]
    denied_hints = [hint for hint in hints if isinstance(hint, DeniedHint)]
    for hint in denied_hints:
        home.app.denied_attempts.take(hint)
    return denied_hints


def denials_on_record(home: Installation) -> list[dict[str, object]]:
    trail = home.app.ledger.audit(INSTALLATION)
    return [record.details for record in trail if isinstance(record, AuditRecord) and record.action == "access.denied"]


def test_a_denied_attempt_is_on_record_with_who_and_what(home: Installation) -> None:
    home.app.denials.deny(EVE, "freeze")
    take_hints(home)
    (record,) = denials_on_record(home)
    assert (record["caller"], record["permission"], record["times"]) == (EVE, "freeze", 1)


def test_a_thousand_attempts_of_one_caller_are_one_record_an_hour_that_counts_them(home: Installation) -> None:
    for _ in range(1_000):
        home.app.denials.deny(EVE, "freeze")
    assert len(take_hints(home)) == 1
    home.wait(timedelta(hours=1))
    home.app.denials.deny(EVE, "freeze")
    take_hints(home)
    assert [record["times"] for record in denials_on_record(home)] == [1, 1_000]


def test_what_was_asked_for_and_who_asked_are_told_apart(home: Installation) -> None:
    for caller, permission in ((EVE, "freeze"), (EVE, "rollback"), (NOBODY, "freeze")):
        home.app.denials.deny(caller, permission)
    take_hints(home)
    assert [(record["caller"], record["permission"]) for record in denials_on_record(home)] == [
        (EVE, "freeze"),
        (EVE, "rollback"),
        (NOBODY, "freeze"),
    ]


def test_a_thousand_callers_do_not_flood_the_trail_nor_the_front(home: Installation) -> None:
    for number in range(1_000):
        home.app.denials.deny(f"app:{number}", "read")
    hints = take_hints(home)
    assert len(hints) == MOST_COUNTED + 1
    assert hints[-1].caller == OTHERS
    assert len(denials_on_record(home)) == MOST_DENIED
    home.wait(timedelta(hours=1))
    home.app.denials.deny(EVE, "freeze")
    take_hints(home)
    assert denials_on_record(home)[-1]["caller"] == EVE, "an hour later there is room for records again"


def test_the_same_hint_of_two_instances_of_the_front_is_one_record(home: Installation) -> None:
    home.app.denials.deny(EVE, "freeze")
    (hint,) = take_hints(home)
    home.app.denied_attempts.take(hint.evolve(times=3))
    assert len(denials_on_record(home)) == 1
    assert hint.evolve(times=3).message_id == hint.message_id, "the queue drops the second one as well"


def test_while_the_queue_is_away_the_caller_is_denied_all_the_same(home: Installation) -> None:
    home.bus.broken = True
    home.app.denials.deny(EVE, "freeze")
    assert denials_on_record(home) == []

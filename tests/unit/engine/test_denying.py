"""Denied attempts: on record by caller, and never so many that they hide something."""

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


def hinted(home: Installation) -> list[DeniedHint]:
    """The hints that were sent, each taken by the worker."""
    sent = [raw for raw in home.bus.raw if raw.queue == Queue.HINTS]
    hints = [HINT.validate_json(raw.body) for raw in sent]
    home.bus.raw = [raw for raw in home.bus.raw if raw not in sent]
    found = [hint for hint in hints if isinstance(hint, DeniedHint)]
    for hint in found:
        home.app.denied_attempts.take(hint)
    return found


def on_record(home: Installation) -> list[dict[str, object]]:
    trail = home.app.ledger.audit(INSTALLATION)
    return [each.details for each in trail if isinstance(each, AuditRecord) and each.action == "access.denied"]


def test_a_denied_attempt_is_on_record_with_who_and_what(home: Installation) -> None:
    home.app.denials.deny(EVE, "freeze")
    hinted(home)
    (record,) = on_record(home)
    assert (record["caller"], record["permission"], record["times"]) == (EVE, "freeze", 1)


def test_a_thousand_attempts_of_one_caller_are_one_record_an_hour_that_counts_them(home: Installation) -> None:
    for _ in range(1_000):
        home.app.denials.deny(EVE, "freeze")
    assert len(hinted(home)) == 1
    home.wait(timedelta(hours=1))
    home.app.denials.deny(EVE, "freeze")
    hinted(home)
    assert [record["times"] for record in on_record(home)] == [1, 1_000]


def test_what_was_asked_for_and_who_asked_are_told_apart(home: Installation) -> None:
    for caller, asked in ((EVE, "freeze"), (EVE, "rollback"), (NOBODY, "freeze")):
        home.app.denials.deny(caller, asked)
    hinted(home)
    assert [(record["caller"], record["permission"]) for record in on_record(home)] == [
        (EVE, "freeze"),
        (EVE, "rollback"),
        (NOBODY, "freeze"),
    ]


def test_a_thousand_callers_do_not_flood_the_trail_nor_the_front(home: Installation) -> None:
    for number in range(1_000):
        home.app.denials.deny(f"app:{number}", "read")
    hints = hinted(home)
    assert len(hints) == MOST_COUNTED + 1
    assert hints[-1].caller == OTHERS
    assert len(on_record(home)) == MOST_DENIED
    home.wait(timedelta(hours=1))
    home.app.denials.deny(EVE, "freeze")
    hinted(home)
    assert on_record(home)[-1]["caller"] == EVE, "an hour later there is room again"


def test_the_same_hint_of_two_instances_of_the_front_is_one_record(home: Installation) -> None:
    home.app.denials.deny(EVE, "freeze")
    (hint,) = hinted(home)
    home.app.denied_attempts.take(hint.evolve(times=3))
    assert len(on_record(home)) == 1
    assert hint.evolve(times=3).message_id == hint.message_id, "the queue drops the second, too"


def test_while_the_queue_is_away_the_caller_is_denied_all_the_same(home: Installation) -> None:
    home.bus.broken = True
    home.app.denials.deny(EVE, "freeze")
    assert on_record(home) == []

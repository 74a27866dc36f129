"""What was taken out of the audit index is found by going round the trails, a part at a time, and put right."""

from dataclasses import replace
from pathlib import Path

import pytest

from slipway.domain.audit import AuditRecord
from slipway.domain.errors import present
from slipway.ledger import keys
from slipway.ledger.index_keys import COPIES, by_actor, by_application, copies, key_on
from slipway.ledger.table import Act, Write
from slipway.testing import Installation, write_application

CHAINS = (keys.INSTALLATION, "alpha", "shop")


@pytest.fixture
def home(tmp_path: Path) -> Installation:
    for name in ("alpha", "shop"):
        write_application(tmp_path / "several", name)
    installation = Installation(tmp_path / "several", application="shop")
    installation.push("1.0")
    installation.settle()
    installation.reconcile()
    return installation


def lose(home: Installation, axis: str, record: AuditRecord) -> None:
    home.app.index.table.transact(COPIES, [Write(act=Act.DELETE, key=key_on(axis, record))])


def go_round(home: Installation) -> tuple[str, ...]:
    return tuple(problem for _ in CHAINS for problem in home.app.index_watch.run())


def test_an_index_that_has_everything_is_not_a_problem(home: Installation) -> None:
    assert go_round(home) == ()


def test_copies_missing_anywhere_are_named_and_put_right_within_one_round(home: Installation) -> None:
    """Also where no search could notice it: the copy under the person is gone, and the others are there."""
    pushed = next(record for record in home.trail() if record.actor != "slipway")
    lose(home, by_actor(pushed.actor), pushed)
    lose(home, by_application("shop"), home.trail()[-1])
    (problem,) = go_round(home)
    sequences = f"{pushed.sequence}, {home.trail()[-1].sequence}"
    assert problem == (
        f"shop: copies in the audit index were not those of the trail: 2 missing of records {sequences}, and put right"
    )
    assert go_round(home) == ()


def test_a_long_trail_is_compared_in_parts_and_the_next_one_follows(home: Installation) -> None:
    head = home.app.ledger.head("shop").sequence
    watch, rows = replace(home.app.index_watch, part=head - 1), []
    for _ in range(4):
        watch.run()
        row = present(home.app.installation.row(keys.INDEX_WATCH), "how far it has come")
        rows.append((row.values["Application"], row.values["After"]))
    assert rows == [(keys.INSTALLATION, -1), ("alpha", -1), ("shop", head - 1), ("shop", -1)]


def test_an_application_that_is_gone_is_passed_over(home: Installation) -> None:
    write = Write(act=Act.PUT, key=keys.INDEX_WATCH, values={"Application": "beta", "After": 400})
    home.app.table.transact(keys.INSTALLATION, [write])
    home.app.index_watch.run()
    row = present(home.app.installation.row(keys.INDEX_WATCH), "how far it has come")
    assert row.values["Application"] == "shop"


def test_a_record_that_is_not_copied_yet_is_not_missing(home: Installation) -> None:
    home.push("2.0")
    newest = home.trail()[-1]
    home.app.index.table.transact(COPIES, [Write(act=Act.DELETE, key=key) for key in copies(newest)])
    assert go_round(home) == ()
    home.app.index.write([newest])
    home.app.numbers.catch_up("shop")
    home.app.index.table.transact(COPIES, [Write(act=Act.DELETE, key=key) for key in copies(newest)])
    assert go_round(home) != ()

"""What the app finds in its own trail, part by part, on rows and documents, with the anchors."""

from datetime import timedelta
from pathlib import Path

import pytest

from slipway.domain.errors import NotFound
from slipway.domain.reports import ChainPartCheck
from slipway.ledger import keys
from slipway.ledger.rows import pack
from slipway.ledger.table import Act, Write
from slipway.queries.verifying import verify_part
from slipway.testing import write_application
from tests.contract.audit.installation import Audited


@pytest.fixture
def installation(tmp_path: Path) -> Audited:
    write_application(tmp_path)
    found = Audited(tmp_path)
    found.deliver("1.0")
    found.wait(timedelta(days=100))
    found.app.anchoring.run()
    found.deliver("1.1")
    return found


def checked(installation: Audited, *, after: int = 0, limit: int = 10_000) -> ChainPartCheck:
    app = installation.app
    return verify_part(app.reader, app.chain_anchors, "shop", after=after, limit=limit)


def test_a_whole_chain_is_intact(installation: Audited) -> None:
    found = checked(installation)
    assert (found.intact, found.records, found.next) == (True, installation.app.ledger.head("shop").sequence, None)
    assert 0 < found.anchored < found.records


@pytest.mark.parametrize("archived", [False, True])
def test_parts_add_up_to_the_whole(installation: Audited, archived: bool) -> None:
    if archived:
        assert installation.retention(timedelta(days=30), part=7).run().moved
    after, records = 0, 0
    while True:
        part = checked(installation, after=after, limit=9)
        assert part.intact
        records += part.records
        if part.next is None:
            break
        after = part.next
    assert records == installation.app.ledger.head("shop").sequence


def test_a_wrong_record_ends_the_part_and_is_named(installation: Audited) -> None:
    installation.app.table.transact("shop", [Write(act=Act.DELETE, key=keys.audit(5))])
    found = checked(installation)
    assert (found.records, found.next) == (4, None)
    assert found.fault is not None
    assert found.fault.sequence == 5


def test_a_table_that_was_rolled_back_is_found_by_the_anchor(installation: Audited) -> None:
    head = installation.app.ledger.head("shop")
    fifth = installation.trail()[4]
    table = installation.app.table
    for sequence in range(6, head.sequence + 1):
        table.transact("shop", [Write(act=Act.DELETE, key=keys.audit(sequence))])
    values = pack(head.evolve(sequence=5, hash=fifth.hash))
    table.transact("shop", [Write(act=Act.PUT, key=keys.HEAD, values=values)])
    found = checked(installation)
    assert found.fault is not None
    assert (found.fault.sequence, "rolled back" in found.fault.reason) == (6, True)


def test_a_part_behind_a_record_that_is_not_there_is_not_a_part(installation: Audited) -> None:
    with pytest.raises(NotFound, match="has no record 99999"):
        checked(installation, after=99_999)

"""The verification that other tests rely on finds what is wrong: in rows, and by the anchors."""

from datetime import timedelta
from pathlib import Path

import pytest

from slipway.ledger import keys
from slipway.ledger.rows import pack
from slipway.ledger.table import Act, Write
from slipway.testing import write_application
from tests.contract.audit.installation import Audited


@pytest.fixture
def installation(tmp_path: Path) -> Audited:
    write_application(tmp_path)
    home = Audited(tmp_path)
    home.deliver("1.0")
    home.wait(timedelta(days=100))
    home.app.anchoring.run()
    home.deliver("1.1")
    return home


def test_a_whole_chain_is_intact(installation: Audited) -> None:
    verdict = installation.verify()
    assert (verdict.intact, verdict.records) == (True, installation.app.ledger.head("shop").sequence)
    assert 0 < verdict.anchored < verdict.records


def test_a_missing_record_ends_the_verification_and_is_named(installation: Audited) -> None:
    installation.app.table.transact("shop", [Write(act=Act.DELETE, key=keys.audit(5))])
    verdict = installation.verify()
    assert verdict.records == 4
    assert verdict.fault is not None
    assert verdict.fault.sequence == 5


def test_a_table_that_was_rolled_back_is_found_by_the_anchor(installation: Audited) -> None:
    head = installation.app.ledger.head("shop")
    fifth = installation.trail()[4]
    table = installation.app.table
    for sequence in range(6, head.sequence + 1):
        table.transact("shop", [Write(act=Act.DELETE, key=keys.audit(sequence))])
    columns = pack(head.evolve(sequence=5, hash=fifth.hash))
    table.transact("shop", [Write(act=Act.PUT, key=keys.HEAD, values=columns)])
    verdict = installation.verify()
    assert verdict.fault is not None
    assert (verdict.fault.sequence, "rolled back" in verdict.fault.reason) == (6, True)

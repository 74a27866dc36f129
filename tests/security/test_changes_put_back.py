"""Somebody who may write every row cannot undo the rejection of a change that weakens a gate: not by putting the
installation's rows back to before it."""

from datetime import timedelta
from pathlib import Path

import pytest

from slipway.domain.answers import StatementState
from slipway.domain.identity import TokenPerson
from slipway.domain.proposing import ChangePhase
from slipway.ledger import keys
from slipway.ledger.rows import pack
from tests.confirming import OLGA as PROPOSER
from tests.security.test_rows_of_an_attacker import put, put_back, rows
from tests.unit.commands.live import Live
from tests.unit.commands.proposals import ADA, REJECT, change_of, guarded, number, vote_without_proof, weaken
from tests.unit.commands.test_standing_in import DAY, two_stand_in


@pytest.fixture
def live(tmp_path: Path) -> Live:
    return guarded(tmp_path / "team")


@pytest.mark.parametrize("who", [ADA, PROPOSER], ids=["an approver", "the proposer"])
def test_a_rejection_that_was_taken_out_of_the_table_lets_no_change_take_effect(live: Live, who: TokenPerson) -> None:
    """Two of the platform's people stand in, one of them may write the table, and somebody objects within the day."""
    change = two_stand_in(live, weaken(live))
    rows_before = rows(live, keys.INSTALLATION)
    assert vote_without_proof(live, change, who, REJECT).state is StatementState.COUNTED
    assert change_of(live, change.hash).phase.final
    put_back(live, rows_before, partition=keys.INSTALLATION)
    live.wait(DAY + timedelta(minutes=1))
    live.reconcile()
    assert (change_of(live, change.hash).phase, number(live)) == (ChangePhase.VOID, 1)
    assert "put back to an earlier state" in change_of(live, change.hash).why


def test_records_after_an_end_that_the_worker_did_not_sign_let_no_change_take_effect(live: Live) -> None:
    change = two_stand_in(live, weaken(live))
    head = live.app.ledger.head(keys.INSTALLATION)
    put(live, keys.HEAD, pack(head.evolve(sig=None)), partition=keys.INSTALLATION)
    live.wait(DAY + timedelta(minutes=1))
    live.reconcile()
    assert (change_of(live, change.hash).phase, number(live)) == (ChangePhase.VOID, 1)
    assert "nobody signed it" in change_of(live, change.hash).why

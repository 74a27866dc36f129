"""A freeze of everything through the real flow: who is notified, what it does to a decision under way, and
reconciling."""

from datetime import timedelta

import pytest

from slipway.domain.commands import OPENS, Verb
from slipway.domain.decide import Decision
from slipway.domain.events import Event
from slipway.domain.release import Phase
from slipway.engine.freezing import FreezeOrder, Freezer, FreezeResult
from slipway.ledger import keys
from slipway.ledger.freezes import FreezeState
from slipway.ledger.ledger import CommitResult, Ledger, LoadedSnapshot
from slipway.ledger.neighbours import InstallationRows
from slipway.ledger.table import Act, Write
from slipway.testing import ADA, Installation
from slipway.testing.commands import proved

OLGA = "olga@example.com"


def order(verb: Verb, installation: Installation, submission: str = "first-order", **fields: object) -> FreezeResult:
    fields_given = {"actor": OLGA, "reason": "an incident", "channel": "cli", "submission": submission} | fields
    order_fields = {"verb": verb, "received_at": installation.now, **fields_given}
    if verb in OPENS:
        order_fields["proved"] = proved(FreezeOrder.model_validate(order_fields))
    return installation.app.freezer.carry_out(FreezeOrder.model_validate(order_fields))


def at_the_gate(installation: Installation) -> None:
    installation.push("1.0")
    installation.settle()


def test_a_freeze_of_everything_is_recorded_in_both_trails_and_holds_releases_back(installation: Installation) -> None:
    at_the_gate(installation)
    frozen = order(Verb.FREEZE, installation)
    assert (frozen.applied, frozen.of, frozen.refused) == (1, 1, False)
    assert installation.trail("_installation")[-1].action == "everything.frozen"
    assert installation.trail("shop")[-1].action == "everything.frozen"
    installation.vote(1, ADA)
    installation.settle()
    assert installation.phase(1) is Phase.HELD_BACK
    assert "everything is frozen by olga@example.com" in installation.explain(1).headline
    order(Verb.UNFREEZE, installation, "second-order", reason="it is over")
    installation.settle()
    assert installation.phase(1) is Phase.COMPLETED
    assert installation.verify().intact
    assert installation.verify("_installation").intact


def test_the_same_order_twice_is_one_freeze_and_a_different_one_is_refused_and_recorded(
    installation: Installation,
) -> None:
    at_the_gate(installation)
    order(Verb.FREEZE, installation)
    assert not order(Verb.FREEZE, installation).refused
    result = order(Verb.FREEZE, installation, "another-order", actor="ben@example.com")
    assert [rule.name for rule in result.rules if rule.blocks] == ["is-not-frozen"]
    assert [record.action for record in installation.trail("_installation")] == ["everything.frozen", "command.refused"]


def test_a_short_freeze_of_everything_does_not_prevent_a_longer_one(
    installation: Installation,
) -> None:
    at_the_gate(installation)
    order(
        Verb.FREEZE,
        installation,
        "short-order",
        actor="mallory@example.com",
        until=installation.now + timedelta(minutes=1),
    )
    assert not order(Verb.FREEZE, installation, "long-order").refused
    installation.vote(1, ADA)
    installation.wait(timedelta(hours=1))
    installation.app.reconciler.run(look_for_pushes=False)
    installation.settle()
    assert installation.phase(1) is Phase.HELD_BACK
    assert "everything is frozen by olga@example.com" in installation.explain(1).headline
    order(Verb.UNFREEZE, installation, "third-order", reason="it is over")
    installation.settle()
    assert installation.phase(1) is Phase.COMPLETED


def test_a_late_repeat_of_an_order_does_nothing(installation: Installation) -> None:
    at_the_gate(installation)
    order(Verb.FREEZE, installation)
    order(Verb.UNFREEZE, installation, "second-order")
    order(Verb.FREEZE, installation)  # a form that was opened an hour ago, submitted again
    assert installation.app.freezer.current() is None
    order(Verb.FREEZE, installation, "third-order")
    order(Verb.UNFREEZE, installation, "second-order")
    assert installation.app.freezer.current() is not None
    installation.vote(1, ADA)
    installation.settle()
    assert installation.phase(1) is Phase.HELD_BACK
    assert installation.actions("_installation") == ["everything.frozen", "everything.unfrozen", "everything.frozen"]


def test_a_repeat_of_an_order_that_was_refused_is_refused(installation: Installation) -> None:
    at_the_gate(installation)
    order(Verb.FREEZE, installation)
    order(Verb.FREEZE, installation, "refused-order")
    order(Verb.UNFREEZE, installation, "second-order")
    result = order(Verb.FREEZE, installation, "refused-order")
    assert [rule.name for rule in result.rules if rule.blocks] == ["is-no-repeat"]
    assert installation.app.freezer.current() is None
    assert installation.actions("_installation").count("command.refused") == 1


def test_a_decision_that_is_under_way_when_everything_is_frozen_begins_no_rollout(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_the_gate(installation)
    commit = installation.app.ledger.commit

    def commit_after_a_freeze(loaded: LoadedSnapshot, decision: Decision, event: Event) -> CommitResult:
        monkeypatch.setattr(installation.app.ledger, "commit", commit)
        assert order(Verb.FREEZE, installation).applied == 1
        return commit(loaded, decision, event)

    monkeypatch.setattr(installation.app.ledger, "commit", commit_after_a_freeze)
    installation.vote(1, ADA)
    installation.settle()
    assert installation.phase(1) is Phase.HELD_BACK


def test_an_application_that_missed_a_freeze_or_its_end_gets_it_from_the_reconcile_timer(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_the_gate(installation)
    with monkeypatch.context() as patched:
        patched.setattr(type(installation.app.freezer), "_tell_all", lambda freezer: 0)
        order(Verb.FREEZE, installation)
    installation.reconcile()
    installation.vote(1, ADA)
    installation.settle()
    assert installation.phase(1) is Phase.HELD_BACK
    with monkeypatch.context() as patched:
        patched.setattr(type(installation.app.freezer), "_tell_all", lambda freezer: 0)
        order(Verb.UNFREEZE, installation, "second-order")
    assert installation.phase(1) is Phase.HELD_BACK
    installation.reconcile()
    installation.settle()
    assert installation.phase(1) is Phase.COMPLETED


def test_an_application_that_is_new_is_frozen_from_its_first_event_on(installation: Installation) -> None:
    order(Verb.FREEZE, installation)
    installation.push("1.0")
    installation.settle()
    assert installation.phase(1) is Phase.HELD_BACK
    assert installation.release(1).environment == "staging"


def test_a_freeze_of_everything_that_has_an_end_ends_by_itself(installation: Installation) -> None:
    at_the_gate(installation)
    order(Verb.FREEZE, installation, until=installation.now + timedelta(hours=1))
    installation.vote(1, ADA)
    installation.wait(timedelta(hours=1))
    installation.reconcile()
    installation.settle()
    assert installation.phase(1) is Phase.COMPLETED


def test_a_reconcile_run_that_looked_before_everything_was_frozen_ends_no_freeze(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_the_gate(installation)
    read_rows, results = Ledger.of_installation, list[FreezeResult]()

    def read_then_freeze(ledger: Ledger) -> InstallationRows:
        rows = read_rows(ledger)
        monkeypatch.setattr(Ledger, "of_installation", read_rows)
        results.append(order(Verb.FREEZE, installation))
        return rows

    monkeypatch.setattr(Ledger, "of_installation", read_then_freeze)
    installation.reconcile()
    assert results[0].applied == 1
    assert "everything.unfrozen" not in installation.actions()
    installation.vote(1, ADA)
    installation.settle()
    assert installation.phase(1) is Phase.HELD_BACK


def test_spreading_the_end_of_one_freeze_does_not_end_the_next(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_the_gate(installation)
    order(Verb.FREEZE, installation)
    read_state, results = Freezer.state, list[FreezeResult]()

    def read_then_freeze_again(freezer: Freezer) -> FreezeState | None:
        state = read_state(freezer)
        if state is not None and state.ended_by and not results:
            results.append(order(Verb.FREEZE, installation, "third-order"))
        return state

    monkeypatch.setattr(Freezer, "state", read_then_freeze_again)
    order(Verb.UNFREEZE, installation, "second-order")
    assert results[0].applied == 1
    installation.vote(1, ADA)
    installation.settle()
    assert installation.phase(1) is Phase.HELD_BACK


@pytest.fixture(params=[{"Data": '{"freeze": 1}'}, {"Data": "{"}, {"Other": "x"}], ids=["another", "cut", "empty"])
def unreadable(installation: Installation, request: pytest.FixtureRequest) -> Installation:
    """Everything was frozen and unfrozen; now the row of the freeze cannot be read. A release waits for approval."""
    at_the_gate(installation)
    order(Verb.FREEZE, installation)
    order(Verb.UNFREEZE, installation, "second-order")
    put_row(installation, keys.FREEZE, request.param)
    return installation


def put_row(installation: Installation, key: str, values: dict[str, str]) -> None:
    installation.table.transact(keys.INSTALLATION, [Write(act=Act.PUT, key=key, values=values)])


def test_a_freeze_of_everything_that_cannot_be_read_holds_everything_back_and_is_shown(
    unreadable: Installation,
) -> None:
    unreadable.reconcile()
    unreadable.vote(1, ADA)
    unreadable.settle()
    assert unreadable.phase(1) is Phase.HELD_BACK
    assert "cannot be read" in unreadable.explain(1).headline
    (row,) = unreadable.board().rows
    assert row.everything is not None
    (freeze,) = unreadable.app.blocks.freezes().read
    assert "slipway unfreeze --all" in freeze.reason


def test_a_freeze_of_everything_that_cannot_be_read_does_not_stop_the_reconcile_timer(unreadable: Installation) -> None:
    unreadable.bus.broken = True
    unreadable.push("1.1")
    unreadable.bus.broken = False
    unreadable.wait(timedelta(minutes=1))
    reconciled = unreadable.reconcile()
    assert (reconciled.problems, reconciled.sent > 0) == ((), True)


def test_a_person_ends_a_freeze_of_everything_that_cannot_be_read(unreadable: Installation) -> None:
    unreadable.reconcile()
    unreadable.vote(1, ADA)
    unreadable.settle()
    assert not order(Verb.UNFREEZE, unreadable, "third-order", reason="its row was unreadable").refused
    unreadable.settle()
    assert unreadable.phase(1) is Phase.COMPLETED
    assert unreadable.verify("_installation").intact
    assert unreadable.verify().intact


def test_a_freeze_that_becomes_unreadable_stays_in_every_application_as_it_was(installation: Installation) -> None:
    at_the_gate(installation)
    order(Verb.FREEZE, installation)
    freeze_before = installation.app.ledger.head("shop").freeze
    put_row(installation, keys.FREEZE, {"Data": "{"})
    installation.reconcile()
    assert installation.app.ledger.head("shop").freeze == freeze_before


def test_an_unreadable_end_of_the_installations_trail_stops_no_deadline_and_is_reported(
    installation: Installation,
) -> None:
    at_the_gate(installation)
    put_row(installation, keys.HEAD, {"Data": "{"})
    installation.wait(timedelta(hours=25))
    reconciled = installation.reconcile()
    assert installation.phase(1) is Phase.EXPIRED
    assert "the row head of the partition _installation cannot be read" in reconciled.problems[0]

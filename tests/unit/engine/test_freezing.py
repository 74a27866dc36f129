"""A freeze of everything through the real flow: who is told, what a decision under way does, and reconciling."""

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
    given = {"actor": OLGA, "reason": "an incident", "channel": "cli", "submission": submission} | fields
    told = {"verb": verb, "received_at": installation.now, **given}
    if verb in OPENS:
        told["proved"] = proved(FreezeOrder.model_validate(told))
    return installation.app.freezer.carry_out(FreezeOrder.model_validate(told))


def at_the_gate(installation: Installation) -> None:
    installation.push("1.0")
    installation.settle()


def test_everything_is_frozen_in_one_chain_and_told_in_another(installation: Installation) -> None:
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


def test_the_same_order_twice_is_one_freeze_and_another_is_refused_and_recorded(installation: Installation) -> None:
    at_the_gate(installation)
    order(Verb.FREEZE, installation)
    assert not order(Verb.FREEZE, installation).refused
    refused = order(Verb.FREEZE, installation, "another-order", actor="ben@example.com")
    assert [rule.name for rule in refused.rules if rule.blocks] == ["is-not-frozen"]
    assert [record.action for record in installation.trail("_installation")] == ["everything.frozen", "command.refused"]


def test_a_freeze_of_everything_that_ends_in_a_moment_keeps_nobody_from_a_longer_one(
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


def test_a_late_repeat_of_an_order_does_nothing_again(installation: Installation) -> None:
    at_the_gate(installation)
    order(Verb.FREEZE, installation)
    order(Verb.UNFREEZE, installation, "second-order")
    order(Verb.FREEZE, installation)  # the form of an hour ago, sent again
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
    again = order(Verb.FREEZE, installation, "refused-order")
    assert [rule.name for rule in again.rules if rule.blocks] == ["is-no-repeat"]
    assert installation.app.freezer.current() is None
    assert installation.actions("_installation").count("command.refused") == 1


def test_a_decision_that_is_under_way_when_everything_is_frozen_begins_no_rollout(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_the_gate(installation)
    commit = installation.app.ledger.commit

    def frozen_before(loaded: LoadedSnapshot, decision: Decision, event: Event) -> CommitResult:
        monkeypatch.setattr(installation.app.ledger, "commit", commit)
        assert order(Verb.FREEZE, installation).applied == 1
        return commit(loaded, decision, event)

    monkeypatch.setattr(installation.app.ledger, "commit", frozen_before)
    installation.vote(1, ADA)
    installation.settle()
    assert installation.phase(1) is Phase.HELD_BACK


def test_an_application_that_was_not_told_is_told_by_the_reconcile_timer(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_the_gate(installation)
    with monkeypatch.context() as died:
        died.setattr(type(installation.app.freezer), "_tell_all", lambda freezer: 0)
        order(Verb.FREEZE, installation)
    installation.reconcile()
    installation.vote(1, ADA)
    installation.settle()
    assert installation.phase(1) is Phase.HELD_BACK
    with monkeypatch.context() as died:
        died.setattr(type(installation.app.freezer), "_tell_all", lambda freezer: 0)
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
    look, frozen = Ledger.of_installation, list[FreezeResult]()

    def frozen_after(ledger: Ledger) -> InstallationRows:
        found = look(ledger)
        monkeypatch.setattr(Ledger, "of_installation", look)
        frozen.append(order(Verb.FREEZE, installation))
        return found

    monkeypatch.setattr(Ledger, "of_installation", frozen_after)
    installation.reconcile()
    assert frozen[0].applied == 1
    assert "everything.unfrozen" not in installation.actions()
    installation.vote(1, ADA)
    installation.settle()
    assert installation.phase(1) is Phase.HELD_BACK


def test_whoever_still_tells_of_the_end_of_one_freeze_does_not_end_the_next(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_the_gate(installation)
    order(Verb.FREEZE, installation)
    look, frozen = Freezer.state, list[FreezeResult]()

    def frozen_again(freezer: Freezer) -> FreezeState | None:
        found = look(freezer)
        if found is not None and found.ended_by and not frozen:
            frozen.append(order(Verb.FREEZE, installation, "third-order"))
        return found

    monkeypatch.setattr(Freezer, "state", frozen_again)
    order(Verb.UNFREEZE, installation, "second-order")
    assert frozen[0].applied == 1
    installation.vote(1, ADA)
    installation.settle()
    assert installation.phase(1) is Phase.HELD_BACK


@pytest.fixture(params=[{"Data": '{"freeze": 1}'}, {"Data": "{"}, {"Other": "x"}], ids=["another", "cut", "empty"])
def spoilt(installation: Installation, request: pytest.FixtureRequest) -> Installation:
    """Everything was frozen once, and the row that says so cannot be read now; a release waits for approval."""
    at_the_gate(installation)
    order(Verb.FREEZE, installation)
    order(Verb.UNFREEZE, installation, "second-order")
    put(installation, keys.FREEZE, request.param)
    return installation


def put(installation: Installation, key: str, values: dict[str, str]) -> None:
    installation.table.transact(keys.INSTALLATION, [Write(act=Act.PUT, key=key, values=values)])


def test_a_freeze_of_everything_that_cannot_be_read_holds_everything_back_and_is_shown(spoilt: Installation) -> None:
    spoilt.reconcile()
    spoilt.vote(1, ADA)
    spoilt.settle()
    assert spoilt.phase(1) is Phase.HELD_BACK
    assert "cannot be read" in spoilt.explain(1).headline
    (row,) = spoilt.board().rows
    assert row.everything is not None
    (shown,) = spoilt.app.blocks.freezes().read
    assert "slipway unfreeze --all" in shown.reason


def test_a_freeze_of_everything_that_cannot_be_read_silences_no_timer(spoilt: Installation) -> None:
    spoilt.bus.broken = True
    spoilt.push("1.1")
    spoilt.bus.broken = False
    spoilt.wait(timedelta(minutes=1))
    reconciled = spoilt.reconcile()
    assert (reconciled.problems, reconciled.sent > 0) == ((), True)


def test_a_person_ends_a_freeze_of_everything_that_cannot_be_read(spoilt: Installation) -> None:
    spoilt.reconcile()
    spoilt.vote(1, ADA)
    spoilt.settle()
    assert not order(Verb.UNFREEZE, spoilt, "third-order", reason="its row was unreadable").refused
    spoilt.settle()
    assert spoilt.phase(1) is Phase.COMPLETED
    assert spoilt.verify("_installation").intact
    assert spoilt.verify().intact


def test_a_freeze_that_becomes_unreadable_stays_in_every_application_as_it_was(installation: Installation) -> None:
    at_the_gate(installation)
    order(Verb.FREEZE, installation)
    before = installation.app.ledger.head("shop").freeze
    put(installation, keys.FREEZE, {"Data": "{"})
    installation.reconcile()
    assert installation.app.ledger.head("shop").freeze == before


def test_the_end_of_the_installations_trail_that_cannot_be_read_silences_no_application(
    installation: Installation,
) -> None:
    at_the_gate(installation)
    put(installation, keys.HEAD, {"Data": "{"})
    installation.wait(timedelta(hours=25))
    reconciled = installation.reconcile()
    assert installation.phase(1) is Phase.EXPIRED
    assert "the row head of the partition _installation cannot be read" in reconciled.problems[0]

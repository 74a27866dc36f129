"""A freeze of everything through the real flow: who is told, what a decision that is under way does, and the sweep."""

from datetime import timedelta

import pytest

from slipway.domain.causes import Cause
from slipway.domain.commands import Verb
from slipway.domain.decide import Decision
from slipway.domain.release import Phase
from slipway.flow.freezing import Freezer, Frozen, Order
from slipway.ledger.freezes import FreezeState
from slipway.ledger.ledger import Loaded, OutboxEntry
from tests.unit.flow.deliveries import ADA
from tests.unit.flow.house import House

OLGA = "olga@example.com"


def order(verb: Verb, house: House, submission: str = "first-order", **fields: object) -> Frozen:
    given = {"actor": OLGA, "reason": "an incident", "channel": "cli", "submission": submission} | fields
    return house.freezer.give(Order(verb=verb, **given))  # type: ignore[arg-type]


def at_the_gate(house: House) -> None:
    house.push("1.0")
    house.settle()


def test_everything_is_frozen_in_one_chain_and_told_in_another(house: House) -> None:
    at_the_gate(house)
    frozen = order(Verb.FREEZE, house)
    assert (frozen.told, frozen.of, frozen.refused) == (1, 1, False)
    assert house.audit("_installation")[-1].action == "everything.frozen"
    assert house.audit("shop")[-1].action == "everything.frozen"
    house.intake.take(house.vote(1, ADA))
    house.settle()
    assert house.phase(1) is Phase.HELD_BACK
    assert "everything is frozen by olga@example.com" in house.reader.explain(house.release(1)).headline
    order(Verb.UNFREEZE, house, "second-order", reason="it is over")
    house.settle()
    assert house.phase(1) is Phase.COMPLETED
    assert house.reader.verify("shop").intact
    assert house.reader.verify("_installation").intact


def test_the_same_order_twice_is_one_freeze_and_another_is_refused_and_recorded(house: House) -> None:
    at_the_gate(house)
    order(Verb.FREEZE, house)
    assert not order(Verb.FREEZE, house).refused
    refused = order(Verb.FREEZE, house, "another-order", actor="ben@example.com")
    assert [rule.name for rule in refused.rules if rule.blocks] == ["is-not-frozen"]
    assert [record.action for record in house.audit("_installation")] == ["everything.frozen", "command.refused"]


def test_a_late_repeat_of_an_order_does_nothing_again(house: House) -> None:
    at_the_gate(house)
    order(Verb.FREEZE, house)
    order(Verb.UNFREEZE, house, "second-order")
    order(Verb.FREEZE, house)  # the form of an hour ago, sent again
    assert house.freezer.current() is None
    order(Verb.FREEZE, house, "third-order")
    order(Verb.UNFREEZE, house, "second-order")
    assert house.freezer.current() is not None
    house.intake.take(house.vote(1, ADA))
    house.settle()
    assert house.phase(1) is Phase.HELD_BACK
    assert house.actions("_installation") == ["everything.frozen", "everything.unfrozen", "everything.frozen"]


def test_a_repeat_of_an_order_that_was_refused_is_refused(house: House) -> None:
    at_the_gate(house)
    order(Verb.FREEZE, house)
    order(Verb.FREEZE, house, "refused-order")
    order(Verb.UNFREEZE, house, "second-order")
    again = order(Verb.FREEZE, house, "refused-order")
    assert [rule.name for rule in again.rules if rule.blocks] == ["is-no-repeat"]
    assert house.freezer.current() is None
    assert house.actions("_installation").count("command.refused") == 1


def test_a_decision_that_is_under_way_when_everything_is_frozen_begins_no_rollout(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_the_gate(house)
    commit = house.ledger.commit

    def frozen_before(loaded: Loaded, decision: Decision, cause: Cause) -> tuple[OutboxEntry, ...]:
        monkeypatch.setattr(house.ledger, "commit", commit)
        assert order(Verb.FREEZE, house).told == 1
        return commit(loaded, decision, cause)

    monkeypatch.setattr(house.ledger, "commit", frozen_before)
    house.intake.take(house.vote(1, ADA))
    house.settle()
    assert house.phase(1) is Phase.HELD_BACK


def test_an_application_that_was_not_told_is_told_by_the_sweep(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    at_the_gate(house)
    with monkeypatch.context() as died:
        died.setattr(type(house.freezer), "_tell_all", lambda freezer: 0)
        order(Verb.FREEZE, house)
    house.sweep.run(look_for_pushes=False)
    house.intake.take(house.vote(1, ADA))
    house.settle()
    assert house.phase(1) is Phase.HELD_BACK
    with monkeypatch.context() as died:
        died.setattr(type(house.freezer), "_tell_all", lambda freezer: 0)
        order(Verb.UNFREEZE, house, "second-order")
    assert house.phase(1) is Phase.HELD_BACK
    house.sweep.run(look_for_pushes=False)
    house.settle()
    assert house.phase(1) is Phase.COMPLETED


def test_an_application_that_is_new_is_frozen_from_its_first_event_on(house: House) -> None:
    order(Verb.FREEZE, house)
    house.push("1.0")
    house.settle()
    assert house.phase(1) is Phase.HELD_BACK
    assert house.release(1).environment == "staging"


def test_a_freeze_of_everything_that_has_an_end_ends_by_itself(house: House) -> None:
    at_the_gate(house)
    order(Verb.FREEZE, house, until=house.time() + timedelta(hours=1))
    house.intake.take(house.vote(1, ADA))
    house.time.wait(timedelta(hours=1))
    house.sweep.run(look_for_pushes=False)
    house.settle()
    assert house.phase(1) is Phase.COMPLETED


def test_a_sweep_that_looked_before_everything_was_frozen_ends_no_freeze(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_the_gate(house)
    look, frozen = Freezer.state, list[Frozen]()

    def frozen_after(freezer: Freezer) -> FreezeState | None:
        found = look(freezer)
        monkeypatch.setattr(Freezer, "state", look)
        frozen.append(order(Verb.FREEZE, house))
        return found

    monkeypatch.setattr(Freezer, "state", frozen_after)
    house.sweep.run(look_for_pushes=False)
    assert frozen[0].told == 1
    assert "everything.unfrozen" not in house.actions()
    house.intake.take(house.vote(1, ADA))
    house.settle()
    assert house.phase(1) is Phase.HELD_BACK


def test_whoever_still_tells_of_the_end_of_one_freeze_does_not_end_the_next(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_the_gate(house)
    order(Verb.FREEZE, house)
    look, frozen = Freezer.state, list[Frozen]()

    def frozen_again(freezer: Freezer) -> FreezeState | None:
        found = look(freezer)
        if found is not None and found.ended_by and not frozen:
            frozen.append(order(Verb.FREEZE, house, "third-order"))
        return found

    monkeypatch.setattr(Freezer, "state", frozen_again)
    order(Verb.UNFREEZE, house, "second-order")
    assert frozen[0].told == 1
    house.intake.take(house.vote(1, ADA))
    house.settle()
    assert house.phase(1) is Phase.HELD_BACK

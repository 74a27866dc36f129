"""An honest restore from start to end: what was put back opens nothing until a person of the platform begins a new
epoch."""

from dataclasses import replace
from pathlib import Path

import pytest

from slipway.commands.saying import CommandRequest
from slipway.domain.chain_anchor import AnchorReason, ChainAnchor
from slipway.domain.commands import Verb
from slipway.domain.errors import present
from slipway.domain.fence import read_fence
from slipway.domain.identity import TokenPerson
from slipway.domain.release import Phase, VoteDecision
from slipway.domain.steps import StepKind
from slipway.ledger import keys
from slipway.ledger.chain_anchors import FOLDER
from slipway.queries.answers import Reply
from slipway.testing.chains import PUBLIC_KEYS, SIGNER
from slipway.testing.sign_in import person
from tests.beginnings import begun
from tests.confirming import OLGA, proof_of, say_proved
from tests.security.test_kept_proofs import statement
from tests.security.test_rows_of_an_attacker import ADA, PRODUCTION, approve, freeze_all, put_back, rows, waiting
from tests.unit.commands.live import Live

OPERATOR = person(9, "Otto", "operator")
WHY = "the region is gone"


@pytest.fixture
def home(tmp_path: Path) -> Live:
    return begun(waiting, tmp_path)


def reset(home: Live, who: TokenPerson = OLGA, *, application: str = "shop", reason: str = WHY) -> Reply:
    request = CommandRequest(verb=Verb.FENCE_RESET, application=application, reason=reason)
    row = say_proved(home, proof_of(home, home.app.inbox_writer.statement(request), who))
    home.hear()
    return home.app.answers.reply(row.partition, row.id)


def counted(reply: Reply) -> bool:
    return reply.answered is not None and not reply.answered.refused


def newest(home: Live) -> int:
    return home.app.ledger.head("shop").next_release - 1


def approve_newest(home: Live) -> None:
    say_proved(home, proof_of(home, statement(home, newest(home)), ADA))
    home.hear()
    home.settle()


def reject_newest(home: Live) -> None:
    rejection = statement(home, newest(home)).evolve(decision=VoteDecision.REJECT, reason="not today")
    say_proved(home, proof_of(home, rejection, ADA))
    home.hear()
    home.settle()
    assert home.phase(newest(home)) is Phase.REJECTED


def restore_ledger(home: Live) -> None:
    """Put the ledger back to when release 1 waited: its rejection is lost, and its anchor is not."""
    rows_before = rows(home, "shop")
    reject_newest(home)
    put_back(home, rows_before)


def test_after_the_reset_a_new_release_goes_live_by_new_votes(home: Live) -> None:
    restore_ledger(home)
    approve(home)
    home.settle()
    assert home.app.ledger.head("shop").rewound is not None
    assert home.production.applied == 0, "it stands still"
    assert counted(reset(home))
    home.settle()
    home.push("1.2")
    home.settle()
    approve_newest(home)
    assert home.phase(newest(home)) is Phase.COMPLETED
    assert home.verify().intact


def test_the_reset_is_anchored_first_and_recorded_with_what_was_lost(home: Live) -> None:
    restore_ledger(home)
    reset(home)
    head = home.app.ledger.head("shop")
    record = next(entry for entry in home.trail() if entry.action == "ledger.reset")
    assert (head.epoch, record.epoch, record.actor) == (1, 1, f"oid:{OLGA.oid}")
    assert "put back" in record.details["lost"]
    assert [gate["outcome"] for gate in record.details["gates"]] == ["rejected"]
    assert record.proof is not None
    anchors = [
        ChainAnchor.model_validate_json(content) for _, content in home.added.listed(f"{FOLDER}application:shop")
    ]
    first = next(anchor for anchor in reversed(anchors) if anchor.epoch == 1)
    assert (first.why, first.head.sequence) == (AnchorReason.RESET, record.sequence - 1)
    assert home.app.chain_anchors.whole_ledger_rule_now("shop").passed


def test_a_release_that_a_lost_anchor_names_as_rejected_stays_rejected(home: Live) -> None:
    restore_ledger(home)
    assert home.phase(1) is Phase.AWAITING_APPROVAL
    assert counted(reset(home))
    assert home.phase(1) is Phase.REJECTED
    assert "an anchor from before the restore" in home.release(1).reason


@pytest.mark.parametrize("kind", [StepKind.COPY, StepKind.DEPLOY])
def test_no_vote_from_before_the_reset_counts(home: Live, kind: StepKind) -> None:
    """It was approved, and the copy or the first object comes next."""
    approve(home)
    step = home.settle_at(kind, PRODUCTION)
    assert counted(reset(home))
    home.run_step(step)
    home.settle()
    assert home.production.applied == 0
    assert home.phase(1) is Phase.FAILED


def test_a_rollout_that_comes_next_finds_that_its_gate_is_no_longer_on_record(home: Live) -> None:
    approve(home)
    deploy = home.settle_at(StepKind.DEPLOY, PRODUCTION)
    assert counted(reset(home))
    home.run_step(deploy)
    record = next(entry for entry in reversed(home.trail()) if entry.action == "gate.unproved")
    assert "ledger.reset" in record.details["reason"]


def test_a_gate_that_waits_is_opened_again(home: Live) -> None:
    before = present(home.release(1).gate, "the gate").opening
    assert counted(reset(home))
    home.settle()
    assert home.phase(1) is Phase.AWAITING_APPROVAL
    assert present(home.release(1).gate, "the gate").opening > before
    approve(home)
    home.settle()
    assert home.phase(1) is Phase.COMPLETED


def test_the_number_of_a_lost_release_is_not_used_again(home: Live) -> None:
    rows_before = rows(home, "shop")
    home.push("1.1")
    home.settle()
    lost_number = newest(home)
    reject_newest(home)
    put_back(home, rows_before)
    assert newest(home) < lost_number
    reset(home)
    home.push("1.2")
    assert newest(home) > lost_number


@pytest.mark.parametrize(
    ("who", "reason", "rule"),
    [(OPERATOR, WHY, "may-order-it"), (OLGA, "", "reason-is-given")],
    ids=["an operator", "without a reason"],
)
def test_an_operator_or_an_order_without_a_reason_begins_no_epoch(
    home: Live, who: TokenPerson, reason: str, rule: str
) -> None:
    reply = reset(home, who, reason=reason)
    assert reply.answered is not None
    assert [result.name for result in reply.answered.rules] == [rule]
    assert home.app.ledger.head("shop").epoch == 0
    assert home.app.chain_anchors.whole_ledger_rule_now("shop").passed


def test_the_installations_own_chain_begins_a_new_epoch_too(home: Live) -> None:
    installation_rows, application_rows = rows(home, keys.INSTALLATION), rows(home, "shop")
    freeze_all(home)
    put_back(home, installation_rows, partition=keys.INSTALLATION)
    put_back(home, application_rows)
    assert not home.app.chain_anchors.whole_ledger_rule_now(keys.INSTALLATION).passed
    assert counted(reset(home, application=""))
    assert counted(reset(home))
    home.settle()
    approve(home)
    home.settle()
    assert home.phase(1) is Phase.COMPLETED
    assert home.app.chain_anchors.whole_ledger_rule_now(keys.INSTALLATION).passed
    assert home.verify(keys.INSTALLATION).intact


def test_an_epoch_that_ended_half_way_is_begun_again(home: Live) -> None:
    """The anchor was written, and then the worker died."""
    home.app.chain_anchors.anchor_reset("shop", home.app.chain_anchors.restored("shop"), now=home.now)
    assert not home.app.chain_anchors.whole_ledger_rule_now("shop").passed
    assert counted(reset(home))
    assert home.app.ledger.head("shop").epoch == 2
    assert home.app.chain_anchors.whole_ledger_rule_now("shop").passed


def live_once(home: Live) -> None:
    approve(home)
    home.settle()
    assert home.phase(1) is Phase.COMPLETED
    home.push("1.1")
    home.settle()
    approve_newest(home)


def test_a_lease_that_somebody_deleted_stops_the_next_rollout_and_a_new_epoch_lets_it_go_on(home: Live) -> None:
    live_once(home)
    home.production.leases.clear()
    home.push("1.2")
    home.settle()
    approve_newest(home)
    assert "fence.touched" in home.actions()
    applied_before = home.production.applied
    assert counted(reset(home))
    home.push("1.3")
    home.settle()
    approve_newest(home)
    assert home.phase(newest(home)) is Phase.COMPLETED
    assert home.production.applied > applied_before


def test_the_new_epoch_is_above_the_one_in_a_lease(home: Live) -> None:
    live_once(home)
    place = next(iter(home.production.leases))
    genuine = present(read_fence(home.production.leases[place], PUBLIC_KEYS)[0], "the fence")
    later = genuine.evolve(epoch=7)
    home.production.leases[place] = later.evolve(sig=SIGNER.sign(later.hash.encode())).text
    assert counted(reset(home))
    assert home.app.ledger.head("shop").epoch == 8


def test_a_new_epoch_can_begin_while_a_cluster_is_away(home: Live) -> None:
    home.without("clusters", "production")
    home.restart(wrap=lambda ports: replace(ports, catalogue=None))
    assert counted(reset(home))

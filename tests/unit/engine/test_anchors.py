"""Gates of class production are anchored, and a ledger that was restored to an earlier state opens nothing."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from slipway.domain.chain_anchor import ChainAnchor, GateOutcome
from slipway.domain.release import Phase, VoteDecision
from slipway.domain.reports import Status
from slipway.domain.steps import StepKind
from slipway.ledger import LedgerUnavailable
from slipway.ledger.chain_anchors import FOLDER, MOST_SKIPPED
from slipway.ledger.table import Act, Row, Write
from slipway.testing import Installation, MemoryAdded, write_application
from slipway.testing.chains import SIGNER
from tests.beginnings import begun

SEVENS = "sha256:" + "7" * 64
LARGE: dict[str, object] = {
    "chain": "application:shop",
    "epoch": 2**60,
    "head": {"sequence": 1, "hash": SEVENS},
    "before": SEVENS,
    "at": "2026-11-29T00:00:00Z",
    "why": "daily",
    "keys": {"records": SEVENS},
    "sig": {"kid": "test", "value": "A" * 86 + "=="},
}
"""An anchor with a number that canonical JSON cannot hold."""


class Storage(MemoryAdded):
    """Blobs that can be out of reach."""

    away = False

    def add(self, name: str, content: bytes, content_type: str = "application/json") -> None:
        self._reach()
        super().add(name, content, content_type)

    def listed(self, prefix: str) -> Iterator[tuple[str, bytes]]:
        self._reach()
        return super().listed(prefix)

    def _reach(self) -> None:
        if self.away:
            raise LedgerUnavailable("the container is away")


def waiting_with_storage(folder: Path) -> Installation:
    """Release 1 is live in staging and waits for approval in production."""
    write_application(folder)
    installation = Installation(folder, added=Storage())
    installation.push("1.0.0")
    installation.settle()
    assert installation.phase(1) is Phase.AWAITING_APPROVAL
    return installation


@pytest.fixture
def waiting(tmp_path: Path) -> Installation:
    return begun(waiting_with_storage, tmp_path)


@pytest.fixture
def storage(waiting: Installation) -> Storage:
    assert isinstance(waiting.added, Storage)
    return waiting.added


def anchors(storage: MemoryAdded) -> list[ChainAnchor]:
    """The anchors, newest first, as a list request returns them."""
    return [ChainAnchor.model_validate_json(content) for _, content in storage.listed(FOLDER)]


def outcomes(storage: MemoryAdded) -> list[GateOutcome]:
    return [anchor.gate.outcome for anchor in anchors(storage) if anchor.gate]


def rows(installation: Installation) -> list[Row]:
    return list(installation.app.table.rows("shop", " ", "~"))


def restore_rows(installation: Installation, restored: list[Row]) -> None:
    """Restore the table: delete every row of now and write the earlier ones."""
    for row in rows(installation):
        installation.app.table.transact("shop", [Write(act=Act.DELETE, key=row.key)])
    for row in restored:
        installation.app.table.transact("shop", [Write(act=Act.CREATE, key=row.key, values=row.values)])


def test_a_gate_of_staging_is_not_anchored(waiting: Installation, storage: Storage) -> None:
    assert anchors(storage) == []


def test_a_gate_that_passed_is_anchored_before_the_first_object(waiting: Installation, storage: Storage) -> None:
    waiting.vote(1)
    waiting.settle_at(StepKind.ANCHOR, "production")  # as if that message were late
    deploy = waiting.settle_at(StepKind.DEPLOY, "production")
    assert (waiting.production.applied, anchors(storage)) == (0, [])
    waiting.run_step(deploy)
    (anchor,) = anchors(storage)
    gate_record = next(record for record in waiting.trail() if record.action == "gate.passed")
    assert anchor.head.sequence >= gate_record.sequence
    assert anchor.gate is not None
    assert (anchor.gate.release, anchor.gate.environment, anchor.gate.outcome) == (1, "production", GateOutcome.PASSED)
    assert waiting.production.applied == 1


def test_the_anchor_is_signed_and_recorded_once(waiting: Installation, storage: Storage) -> None:
    waiting.vote(1)
    waiting.settle()
    (anchor,) = anchors(storage)
    (anchor_record,) = [record for record in waiting.trail() if record.action == "gate.anchored"]
    assert anchor_record.details["anchor"] == anchor.hash
    assert waiting.app.public_keys.fault(anchor.sig, anchor.hash.encode()) == ""
    assert waiting.phase(1) is Phase.COMPLETED


def test_a_rejection_is_anchored(waiting: Installation, storage: Storage) -> None:
    waiting.vote(1, decision=VoteDecision.REJECT, reason="not today")
    waiting.settle()
    assert outcomes(storage) == [GateOutcome.REJECTED]
    assert waiting.actions()[-1] == "gate.anchored"


def test_each_anchor_names_the_anchor_before_it(waiting: Installation, storage: Storage) -> None:
    waiting.vote(1)
    waiting.settle()
    waiting.push("1.1.0")
    waiting.settle()
    waiting.vote(2, decision=VoteDecision.REJECT, reason="not today")
    waiting.settle()
    newest, first = anchors(storage)
    assert newest.before == first.hash
    assert newest.head.sequence > first.head.sequence


def restore_over_a_rejection(installation: Installation) -> None:
    rows_before = rows(installation)
    installation.vote(1, decision=VoteDecision.REJECT, reason="not today")
    installation.settle()
    restore_rows(installation, rows_before)
    assert installation.is_consistent()
    installation.vote(1)


def test_a_ledger_restored_to_before_a_rejection_lets_nothing_through(waiting: Installation, storage: Storage) -> None:
    restore_over_a_rejection(waiting)
    waiting.settle()
    assert waiting.production.applied == 0
    assert waiting.prod.resolve("team/shop", "1.0.0") is None
    assert waiting.phase(1) is Phase.FAILED
    assert "ledger.rewound" in waiting.actions()
    assert outcomes(storage) == [GateOutcome.REJECTED], "no anchor covers it"


def test_a_restored_ledger_that_went_on_past_the_anchor_lets_nothing_through(waiting: Installation) -> None:
    restore_over_a_rejection(waiting)
    anchor = waiting.settle_at(StepKind.ANCHOR, "production")
    for number in range(30):
        waiting.push(f"2.0.{number}")
    assert waiting.app.ledger.head("shop").sequence > 40
    waiting.run_step(anchor)
    assert "ledger.rewound" in waiting.actions()
    waiting.settle()
    assert waiting.production.applied == 0


def test_releases_after_the_ledger_was_restored_are_held_back_with_the_reason(waiting: Installation) -> None:
    restore_over_a_rejection(waiting)
    waiting.settle()
    waiting.push("1.1.0")
    waiting.settle()
    assert waiting.phase(2) is Phase.HELD_BACK
    results = [result for part in waiting.explain(2).rules for result in part.rules]
    rule = next(result for result in results if result.name == "ledger-is-whole")
    assert "the ledger was put back" in rule.reason


def test_the_doctor_names_a_ledger_that_was_put_back(waiting: Installation) -> None:
    assert waiting.app.doctor.run("ledger:shop").said == "nothing is anchored yet"
    restore_over_a_rejection(waiting)
    check = waiting.app.doctor.run("ledger:shop")
    assert (check.status, "ledger-is-whole: record" in check.said) == (Status.FAILED, True)


def test_an_anchor_that_the_worker_did_not_sign_is_reported_and_passed_over(
    waiting: Installation, storage: Storage, caplog: pytest.LogCaptureFixture
) -> None:
    waiting.vote(1)
    waiting.settle()
    (anchor,) = anchors(storage)
    forged = anchor.evolve(head={"sequence": 9_999, "hash": "sha256:" + "7" * 64})
    storage.add(FOLDER + forged.name, forged.document())
    with caplog.at_level(logging.ERROR):
        assert waiting.app.chain_anchors.newest("shop") == anchor
    assert "its signature with the key test is wrong" in caplog.text


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff", b"[" * 20_000, b'{"v":2}', json.dumps(LARGE).encode()])
def test_a_blob_that_is_no_anchor_is_passed_over(waiting: Installation, storage: Storage, content: bytes) -> None:
    storage.files[f"{FOLDER}application:shop/000000000000-000000000000"] = content
    assert waiting.app.chain_anchors.newest("shop") is None


def test_an_anchor_of_another_chain_counts_for_nothing(waiting: Installation, storage: Storage) -> None:
    waiting.vote(1)
    waiting.settle()
    (anchor,) = anchors(storage)
    storage.files[FOLDER + anchor.name.replace("shop", "cart")] = anchor.document()
    assert waiting.app.chain_anchors.newest("cart") is None


def test_an_anchor_of_an_older_epoch_is_history(waiting: Installation, storage: Storage) -> None:
    waiting.vote(1)
    waiting.settle()
    (anchor,) = anchors(storage)
    head = waiting.app.ledger.head("shop")
    assert waiting.app.chain_anchors.whole_ledger_rule("shop", head.evolve(epoch=1)).passed
    later = anchor.evolve(epoch=2)
    later = later.evolve(sig=SIGNER.sign(later.hash.encode()))
    storage.add(FOLDER + later.name, later.document())
    assert not waiting.app.chain_anchors.whole_ledger_rule("shop", head).passed, (
        "it is of a later epoch than the ledger"
    )


def test_an_anchor_written_since_the_ledger_was_read_is_not_taken_for_ahead_of_it(
    waiting: Installation, storage: Storage
) -> None:
    head_before = waiting.app.ledger.head("shop")
    waiting.vote(1)
    waiting.settle()
    (anchor,) = anchors(storage)
    assert anchor.head.sequence > head_before.sequence
    assert waiting.app.chain_anchors.whole_ledger_rule("shop", head_before).passed


def test_while_the_container_is_away_the_first_object_waits_and_then_goes_on(
    waiting: Installation, storage: Storage
) -> None:
    waiting.vote(1)
    deploy = waiting.settle_at(StepKind.DEPLOY, "production")
    storage.away = True
    with pytest.raises(LedgerUnavailable):
        waiting.run_step(deploy)
    assert (waiting.phase(1), waiting.production.applied) == (Phase.DEPLOYING, 0)
    storage.away = False
    waiting.run_step(deploy)
    waiting.settle()
    assert waiting.phase(1) is Phase.COMPLETED


def test_the_anchor_of_a_rejection_is_tried_until_the_container_is_back(
    waiting: Installation, storage: Storage
) -> None:
    waiting.vote(1, decision=VoteDecision.REJECT, reason="not today")
    step = waiting.settle_at(StepKind.ANCHOR, "production")
    storage.away = True
    for _ in range(12):
        waiting.run_step(step)
        step = waiting.steps()[-1]
        waiting.bus.sent.clear()
    storage.away = False
    waiting.run_step(step)
    assert outcomes(storage) == [GateOutcome.REJECTED]


def test_blobs_that_bury_the_anchors_stop_the_release_instead_of_hiding_a_restore(
    waiting: Installation, storage: Storage
) -> None:
    restore_over_a_rejection(waiting)
    for number in range(MOST_SKIPPED):
        storage.files[f"{FOLDER}application:shop/000000000000-{number:012d}"] = b"junk"
    with pytest.raises(LedgerUnavailable, match="none of the first 100 blobs"):
        waiting.app.chain_anchors.whole_ledger_rule_now("shop")
    with pytest.raises(LedgerUnavailable, match="none of the first 100 blobs"):
        waiting.settle()
    assert waiting.production.applied == 0

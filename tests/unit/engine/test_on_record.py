"""Before the worker lets anything through, it derives the gate from signed records: a row alone opens nothing."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from slipway.domain.audit import AuditRecord
from slipway.domain.commands import Verb
from slipway.domain.on_record import on_record
from slipway.domain.release import Phase, Release
from slipway.domain.steps import Step, StepKind
from slipway.ledger import keys
from slipway.ledger.rows import pack_audit, pack_release
from slipway.ledger.table import Act, Write
from slipway.testing import ADA, Installation
from slipway.testing.chains import signed_anew
from tests import beginnings
from tests.beginnings import begun

PRODUCTION = "production"


@pytest.fixture
def waiting(tmp_path: Path) -> Installation:
    return begun(beginnings.waiting, tmp_path)


def put_row(installation: Installation, key: str, values: Any) -> None:
    installation.app.table.transact("shop", [Write(act=Act.PUT, key=key, values=values)])


def claim(installation: Installation, phase: Phase, kind: StepKind) -> Step:
    """Rewrite the release's row as if the gate had passed and this step were due."""
    release = installation.release(1)
    step = Step(
        kind=kind,
        application="shop",
        release=1,
        environment=PRODUCTION,
        attempt=release.attempt,
        asked_at=installation.now,
    )
    put_row(installation, keys.release(1), pack_release(release.evolve(phase=phase, step=step.id)))
    return step


def approved_until(installation: Installation, kind: StepKind) -> Step:
    installation.vote(1)
    return installation.settle_at(kind, PRODUCTION)


def record_of(installation: Installation, action: str) -> AuditRecord:
    records = [row for row in installation.app.ledger.audit("shop") if isinstance(row, AuditRecord)]
    return next(record for record in reversed(records) if record.action == action)


def opened_nothing(installation: Installation) -> bool:
    return installation.phase(1) is Phase.FAILED and installation.production.applied == 0


@pytest.mark.parametrize(("phase", "kind"), [(Phase.COPYING, StepKind.COPY), (Phase.DEPLOYING, StepKind.DEPLOY)])
def test_a_row_that_claims_an_approval_without_a_record_lets_nothing_through(
    waiting: Installation, phase: Phase, kind: StepKind
) -> None:
    waiting.run_step(claim(waiting, phase, kind))
    refusal = record_of(waiting, "gate.unproved")
    assert refusal.details["rules"] == ["gate-is-on-record"]
    assert "no record says that the gate passed" in refusal.details["reason"]
    assert opened_nothing(waiting)
    assert waiting.prod.resolve("team/shop", "1.0.0") is None
    assert "rollback.requested" not in waiting.actions(), "nothing was opened, so nothing is rolled back"
    assert waiting.verify().intact


def test_a_release_that_people_approved_is_let_through(waiting: Installation) -> None:
    waiting.vote(1)
    waiting.settle()
    assert waiting.phase(1) is Phase.COMPLETED
    assert "gate.unproved" not in waiting.actions()


def rewritten(record: AuditRecord) -> AuditRecord:
    return record.evolve(actor="mallory@example.com")


def hashed_anew(record: AuditRecord) -> AuditRecord:
    changed = rewritten(record)
    return changed.evolve(hash=changed.expected_hash())


@pytest.mark.parametrize(
    ("forge", "reason"),
    [
        (rewritten, "its content does not match its hash"),
        (hashed_anew, "its signature with the key test is wrong"),
        (lambda record: signed_anew(rewritten(record)), "it does not name the hash of the record before it"),
    ],
    ids=["changed", "changed and hashed", "changed, hashed and signed"],
)
def test_a_changed_record_of_a_vote_stops_the_release(
    waiting: Installation, forge: Callable[[AuditRecord], AuditRecord], reason: str
) -> None:
    step = approved_until(waiting, StepKind.DEPLOY)
    vote = record_of(waiting, "vote.approved")
    put_row(waiting, keys.audit(vote.sequence), pack_audit(forge(vote)))
    waiting.run_step(step)
    refusal = record_of(waiting, "gate.unproved")
    assert refusal.details["rules"] == ["trail-verifies"]
    assert reason in refusal.details["reason"]
    assert opened_nothing(waiting)


def test_a_record_cut_off_the_end_of_the_trail_stops_the_release(waiting: Installation) -> None:
    step = approved_until(waiting, StepKind.DEPLOY)
    end = waiting.app.ledger.head("shop").sequence
    waiting.app.table.transact("shop", [Write(act=Act.DELETE, key=keys.audit(end))])
    waiting.run_step(step)
    assert record_of(waiting, "gate.unproved").details["rules"] == ["trail-verifies"]
    assert opened_nothing(waiting)


def test_a_row_that_claims_a_later_first_record_lets_nothing_through(waiting: Installation) -> None:
    step = approved_until(waiting, StepKind.DEPLOY)
    end = waiting.app.ledger.head("shop").sequence
    put_row(waiting, keys.release(1), pack_release(waiting.release(1).evolve(first_sequence=end)))
    waiting.run_step(step)
    assert record_of(waiting, "gate.unproved").details["rules"] == ["gate-is-on-record"]
    assert opened_nothing(waiting)


def test_a_plan_that_nobody_voted_on_is_not_rolled_out(waiting: Installation) -> None:
    step = approved_until(waiting, StepKind.DEPLOY)
    put_row(waiting, keys.release(1), pack_release(waiting.release(1).evolve(plan_hash="sha256:" + "7" * 64)))
    waiting.run_step(step)
    assert record_of(waiting, "gate.unproved").details["rules"] == ["gate-is-on-record"]
    assert opened_nothing(waiting)


def test_a_rollback_needs_its_order_on_record(waiting: Installation) -> None:
    step = approved_until(waiting, StepKind.DEPLOY)
    order = {"environment": PRODUCTION, "to": 1, "plan_hash": "sha256:" + "7" * 64, "by": ADA, "reason": "because"}
    with_forged_order = Release.model_validate(waiting.release(1).model_dump() | {"rollback": order})
    put_row(waiting, keys.release(1), pack_release(with_forged_order))
    waiting.run_step(step)
    assert "no order to roll back to shop-1 is on record" in record_of(waiting, "gate.unproved").details["reason"]
    assert opened_nothing(waiting)


def test_an_order_to_roll_back_counts_by_the_proof_that_its_record_names(waiting: Installation) -> None:
    waiting.vote(1, ADA)
    waiting.settle()
    waiting.push("2.0")
    waiting.settle()
    waiting.vote(2, ADA)
    waiting.settle()
    waiting.command(Verb.ROLLBACK, 1, PRODUCTION)
    release, records = waiting.release(3), waiting.trail()
    environment = waiting.app.catalogue.entries["shop"].application.environment(PRODUCTION)
    assert environment is not None
    assert on_record(records, release, environment, waiting.now).passed
    only_said = [record.model_copy(update={"proof": None}) for record in records]
    assert not on_record(only_said, release, environment, waiting.now).passed

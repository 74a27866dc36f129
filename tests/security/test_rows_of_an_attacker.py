"""Somebody may write every row of every table, but has no key: nothing moves, and the forged row is named."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from slipway.commands.saying import CommandRequest
from slipway.domain.audit import AuditDraft, AuditRecord, chained
from slipway.domain.commands import Verb
from slipway.domain.errors import present
from slipway.domain.events import FreezeSpread
from slipway.domain.release import Head, Lane, Phase, VoteDecision
from slipway.domain.signed_head import sign_head
from slipway.domain.signing import FixedKeys, PrivateSigner, PublicKeys
from slipway.domain.steps import Step, StepKind
from slipway.domain.versions import CatalogueEntry, Subject, SubjectKind, Version
from slipway.ed25519 import public_key
from slipway.engine.door import deferred
from slipway.engine.freezing import FreezeOrder
from slipway.ledger import keys
from slipway.ledger.freezes import FreezeState
from slipway.ledger.installation import SigningKeys
from slipway.ledger.rows import pack, pack_audit, pack_release, unpack
from slipway.ledger.table import Act, Value, Write
from slipway.testing import write_application
from slipway.testing.commands import proved_command
from slipway.testing.sign_in import person
from tests.beginnings import begun
from tests.confirming import proof_of, say_proved
from tests.security.test_kept_proofs import TEXT, statement
from tests.unit.commands.live import OLGA, Live

PRODUCTION = "production"
ADA = person(1, "Ada", "shop-approvers")
MALLORYS = {"mallory": b"m" * 32}
MALLORYS_KEYS = PublicKeys({kid: public_key(seed) for kid, seed in MALLORYS.items()})
MALLORY = PrivateSigner(FixedKeys(MALLORYS), MALLORYS_KEYS)


def waiting(folder: Path) -> Live:
    """Release 1 is live in staging and waits for approval in production, where votes are signed."""
    write_application(folder, text=TEXT)
    home = Live(folder)
    home.apply()
    home.push("1.0")
    home.settle()
    assert home.phase(1) is Phase.AWAITING_APPROVAL
    return home


@pytest.fixture
def home(tmp_path: Path) -> Live:
    return begun(waiting, tmp_path)


# ---- what somebody with the table can do
def rows(home: Live, partition: str) -> dict[str, Mapping[str, Value]]:
    return {row.key: row.values for row in home.table.rows(partition, " ", "~")}


def put(home: Live, key: str, values: Mapping[str, Value], *, partition: str = "shop") -> None:
    home.table.transact(partition, [Write(act=Act.PUT, key=key, values=values)])


def drop(home: Live, key: str, *, partition: str = "shop") -> None:
    home.table.transact(partition, [Write(act=Act.DELETE, key=key)])


def put_back(home: Live, earlier_rows: Mapping[str, Mapping[str, Value]], *, partition: str = "shop") -> None:
    for key in rows(home, partition):
        drop(home, key, partition=partition)
    for key, values in earlier_rows.items():
        put(home, key, values, partition=partition)


def claim(home: Live, kind: StepKind = StepKind.COPY) -> Step:
    """Let the release's row claim that its gate passed and that this step is due."""
    release = home.release(1)
    step = Step(
        kind=kind,
        application="shop",
        release=1,
        environment=PRODUCTION,
        attempt=release.attempt,
        asked_at=home.now,
    )
    phase = {StepKind.COPY: Phase.COPYING, StepKind.DEPLOY: Phase.DEPLOYING}[kind]
    put(home, keys.release(1), pack_release(release.evolve(phase=phase, step=step.id)))
    return step


def approve(home: Live, number: int = 1) -> None:
    say_proved(home, proof_of(home, statement(home, number), ADA))
    home.hear()


def recorded_refusal(home: Live) -> tuple[str, str]:
    """The rule by which nothing was opened, and why, from the record of it."""
    assert home.production.applied == 0
    assert home.prod.resolve("team/shop", "1.0") is None
    record = next(entry for entry in reversed(home.trail()) if entry.action in ("gate.unproved", "ledger.rewound"))
    assert home.phase(1) is Phase.FAILED
    (rule,) = record.details["rules"]
    return str(rule), str(record.details["reason"])


def test_without_an_attacker_the_release_goes_live(home: Live) -> None:
    approve(home)
    home.settle()
    assert home.phase(1) is Phase.COMPLETED


# ---- a history of their own
def forged_history(home: Live) -> None:
    """Rewrite all records, with a vote among them: well chained, but signed with the attacker's own key."""
    genuine = home.trail()
    drafts = [AuditDraft.model_validate(_as_draft(record)) for record in genuine]
    number = next(index for index, record in enumerate(genuine) if record.action == "gate.opened") + 1
    plan = home.release(1).plan_hash
    gate = {"plan_hash": plan, "opening": 1, "voter": f"oid:{ADA.oid}", "channel": "page", "signed_in": ADA.oid}
    for action in ("vote.approved", "gate.passed"):
        fields = {"action": action, "actor": f"oid:{ADA.oid}", "release": 1, "environment": PRODUCTION}
        drafts.insert(number, AuditDraft.model_validate(fields | {"details": gate}))
        number += 1
    start = Head(application="shop")
    records, head = chained(drafts, head=start, now=genuine[0].time, signer=MALLORY)
    before = home.app.ledger.head("shop")
    head = before.evolve(sequence=head.sequence, hash=head.hash, time=head.time)
    head = sign_head(head, before=start, changes=dict(before.in_force), signer=MALLORY, keys=MALLORYS_KEYS)
    for record in records:
        put(home, keys.audit(record.sequence), pack_audit(record))
    put(home, keys.HEAD, pack(head))


def _as_draft(record: AuditRecord) -> dict[str, object]:
    fields = record.model_dump(include=set(AuditDraft.model_fields))
    number = int(record.release.rpartition("-")[2]) if record.release else None
    return fields | {"release": number}


def test_a_complete_and_well_chained_history_without_the_key_opens_nothing(home: Live) -> None:
    forged_history(home)
    step = claim(home)
    home.run_step(step)
    rule, why = recorded_refusal(home)
    assert rule in ("ledger-is-whole", "in-force-is-on-record")
    assert not home.verify().intact
    assert why


def test_a_history_that_keeps_the_signed_end_opens_nothing(home: Live) -> None:
    head = home.app.ledger.head("shop")
    forged_history(home)
    put(home, keys.HEAD, pack(head))
    for number in (1, 2):  # otherwise nothing could be appended, and nothing would move for that reason alone
        drop(home, keys.audit(head.sequence + number))
    home.run_step(claim(home))
    assert recorded_refusal(home)[0] in ("ledger-is-whole", "trail-verifies")


# ---- a key of their own
def test_a_key_row_of_the_attacker_counts_for_nothing(home: Live) -> None:
    public = {kid: key.hex() for kid, key in MALLORYS_KEYS.by_id().items()}
    put(home, keys.SIGNING, pack(SigningKeys(ids=("mallory",), public=public)), partition=keys.INSTALLATION)
    forged_history(home)
    home.run_step(claim(home))
    assert recorded_refusal(home)[0] in ("ledger-is-whole", "in-force-is-on-record")
    assert not home.verify().intact
    assert home.app.public_keys.by_id().keys() == {"test"}


# ---- an earlier state, in which every signature is genuine
def test_an_earlier_state_from_before_the_rejection_opens_nothing(home: Live) -> None:
    rows_before = rows(home, "shop")
    rejection = statement(home, 1).evolve(decision=VoteDecision.REJECT, reason="not today")
    say_proved(home, proof_of(home, rejection, ADA))
    home.hear()
    home.settle()
    assert home.phase(1) is Phase.REJECTED
    put_back(home, rows_before)
    approve(home)
    home.settle()
    assert recorded_refusal(home)[0] == "ledger-is-whole"


def test_an_earlier_state_of_the_installation_opens_nothing(home: Live) -> None:
    """The freeze of everything is gone from both partitions, as if it had never been."""
    application_rows, installation_rows = rows(home, "shop"), rows(home, keys.INSTALLATION)
    freeze_all(home)
    put_back(home, installation_rows, partition=keys.INSTALLATION)
    put_back(home, application_rows)
    approve(home)
    home.settle()
    assert recorded_refusal(home)[0] == "ledger-is-whole"


STEPS = pytest.mark.parametrize("kind", [StepKind.COPY, StepKind.DEPLOY])


@STEPS
@pytest.mark.parametrize("both", [False, True], ids=["alone", "with the application's"])
def test_a_project_put_back_with_all_of_the_installations_rows_opens_nothing(
    home: Live, kind: StepKind, both: bool
) -> None:
    installation_rows, application_rows = rows(home, keys.INSTALLATION), rows(home, "shop")
    home.edit_project(lambda value: value["environments"]["production"].update(tests="required"))
    home.apply()
    put_back(home, installation_rows, partition=keys.INSTALLATION)
    if both:
        put_back(home, application_rows)
    home.wait_a_moment()
    home.run_step(claim(home, kind))
    rule, why = recorded_refusal(home)
    assert (rule, "of the installation" in why) == ("ledger-is-whole", True)


@STEPS
def test_a_project_put_back_with_the_signed_end_of_the_installations_chain_opens_nothing(
    home: Live, kind: StepKind
) -> None:
    """The end names the older version, by a genuine signature; the records of the change lie behind it."""
    installation_rows = rows(home, keys.INSTALLATION)
    home.edit_project(lambda value: value["environments"]["production"].update(tests="required"))
    home.apply()
    for key, values in installation_rows.items():
        if key == keys.HEAD or "project:team" in key:
            put(home, key, values, partition=keys.INSTALLATION)
    home.wait_a_moment()
    home.run_step(claim(home, kind))
    rule, why = recorded_refusal(home)
    assert (rule, "of the installation" in why) == ("ledger-is-whole", True)


# ---- freezes and holds
def freeze_all(home: Live) -> None:
    freeze = present(_freeze_everything(home), "the freeze").freeze
    home.take(FreezeSpread(received_at=home.now, application="shop", freeze=freeze))


def _freeze_everything(home: Live) -> FreezeState | None:
    home.app.freezer.carry_out(
        FreezeOrder(
            verb=Verb.FREEZE,
            actor="olga@example.com",
            reason="incident",
            channel="cli",
            submission="freeze-of-all-1",
            received_at=home.now,
        )
    )
    return home.app.freezer.state()


def lane(home: Live) -> Lane:
    return home.lane(PRODUCTION)


def without_lane_freeze(home: Live) -> None:
    home.command(Verb.FREEZE, None, PRODUCTION)
    put(home, keys.lane(PRODUCTION), pack(lane(home).evolve(freeze=None)))


def with_another_lane_freeze(home: Live) -> None:
    home.command(Verb.FREEZE, None, PRODUCTION)
    freeze = present(lane(home).freeze, "the freeze")
    put(home, keys.lane(PRODUCTION), pack(lane(home).evolve(freeze=freeze.evolve(until=home.now))))


def without_the_copy(home: Live) -> None:
    freeze_all(home)
    put(home, keys.HEAD, pack(home.app.ledger.head("shop").evolve(freeze=None)))


def without_the_freeze_of_everything(home: Live) -> None:
    freeze_all(home)
    put(home, keys.HEAD, pack(home.app.ledger.head("shop").evolve(freeze=None)))
    drop(home, keys.FREEZE, partition=keys.INSTALLATION)


def without_only_the_freeze_of_everything(home: Live) -> None:
    _freeze_everything(home)
    drop(home, keys.FREEZE, partition=keys.INSTALLATION)


def with_the_freeze_of_everything_ended(home: Live) -> None:
    state = present(_freeze_everything(home), "the freeze")
    ended_state = state.evolve(ended_by="mallory@example.com", ended_at=home.now)
    put(home, keys.FREEZE, pack(ended_state), partition=keys.INSTALLATION)


FREEZES = pytest.mark.parametrize(
    "tamper",
    [
        without_lane_freeze,
        with_another_lane_freeze,
        without_the_copy,
        without_the_freeze_of_everything,
        without_only_the_freeze_of_everything,
        with_the_freeze_of_everything_ended,
    ],
    ids=lambda tamper: tamper.__name__.replace("_", " "),
)


@FREEZES
@STEPS
def test_a_freeze_row_that_was_removed_or_changed_stops_the_release(
    home: Live, tamper: Callable[[Live], None], kind: StepKind
) -> None:
    tamper(home)
    home.run_step(claim(home, kind))
    assert recorded_refusal(home)[0] == "in-force-is-on-record"


@FREEZES
def test_a_decision_after_the_tampering_does_not_sign_the_changed_rows(
    home: Live, tamper: Callable[[Live], None]
) -> None:
    tamper(home)
    home.push("1.1")  # commits a new end of the trail
    home.app.installation.park(id="p1", source="runs", reason="x", body="{}", message_id="m", now=home.now)
    home.run_step(claim(home))
    assert recorded_refusal(home)[0] == "in-force-is-on-record"


def ended_by_ada(home: Live) -> None:
    ended_state = present(home.app.freezer.state(), "the freeze").evolve(ended_by=f"oid:{ADA.oid}", ended_at=home.now)
    put(home, keys.FREEZE, pack(ended_state), partition=keys.INSTALLATION)


def replaced_by_a_moment(home: Live) -> None:
    state = present(home.app.freezer.state(), "the freeze")
    freeze = state.freeze.evolve(id="0" * 20, owner=f"oid:{ADA.oid}", until=home.now + timedelta(seconds=1))
    put(home, keys.FREEZE, pack(state.evolve(freeze=freeze)), partition=keys.INSTALLATION)


def without_only_its_row(home: Live) -> None:
    drop(home, keys.FREEZE, partition=keys.INSTALLATION)


@pytest.mark.parametrize("tamper", [ended_by_ada, replaced_by_a_moment, without_only_its_row])
def test_an_unsigned_end_of_the_freeze_of_everything_reaches_no_application(
    home: Live, tamper: Callable[[Live], None]
) -> None:
    """Otherwise the worker would copy it into each application's trail, signed, as the act of the person in the row."""
    freeze_all(home)
    before = home.app.ledger.head("shop")
    tamper(home)
    home.reconcile()
    after = home.app.ledger.head("shop")
    assert (after.freeze, after.sequence) == (before.freeze, before.sequence)


@pytest.mark.parametrize("application", ["shop", ""], ids=["of a lane", "of everything"])
def test_a_replayed_proof_whose_mark_was_removed_does_not_end_a_later_freeze(home: Live, application: str) -> None:
    environment, partition = (PRODUCTION, "shop") if application else ("", keys.INSTALLATION)

    def freeze() -> None:
        request = CommandRequest(verb=Verb.FREEZE, application=application, environment=environment, reason="incident")
        home.app.inbox_writer.command(request, OLGA)
        home.hear()

    def is_frozen() -> bool:
        return home.lane(PRODUCTION).freeze is not None if application else home.app.freezer.current() is not None

    freeze()
    request = CommandRequest(verb=Verb.UNFREEZE, application=application, environment=environment, reason="over")
    proof = proof_of(home, home.app.inbox_writer.statement(request), person(7, "Olga", "platform"))
    say_proved(home, proof)
    home.hear()
    assert not is_frozen()
    home.wait(timedelta(minutes=3))
    freeze()
    for key in rows(home, partition):
        if key.startswith(keys.SEEN):
            drop(home, key, partition=partition)
    say_proved(home, proof)
    home.hear()
    assert is_frozen()


# ---- rules
def test_an_older_version_of_the_application_put_in_force_opens_nothing(home: Live) -> None:
    weaker = version_before(home)
    subject = Subject(kind=SubjectKind.APPLICATION, name="shop")
    put(home, keys.IN_FORCE, weaker)
    entry = CatalogueEntry(subject=subject, document=str(document_of(weaker)))
    put(home, keys.listed(str(subject)), pack(entry), partition=keys.INSTALLATION)
    put(home, keys.CATALOGUE, {"Changed": str(subject)}, partition=keys.INSTALLATION)
    home.wait_a_moment()
    home.run_step(claim(home))
    rule, why = recorded_refusal(home)
    assert (rule, "version of shop in force" in why) == ("in-force-is-on-record", True)


def version_before(home: Live) -> Mapping[str, Value]:
    version_row = rows(home, "shop")[keys.IN_FORCE]
    home.edit_gate(deadline="12h")
    home.apply()
    home.settle()
    return version_row


def document_of(values: Mapping[str, Value]) -> str:
    return present(unpack(Version, values).document, "the document")


@STEPS
def test_an_older_version_of_the_project_put_in_force_opens_nothing(home: Live, kind: StepKind) -> None:
    subject = Subject(kind=SubjectKind.PROJECT, name="team")
    before = home.app.versions.current(subject)
    project_rows = {key: values for key, values in rows(home, keys.INSTALLATION).items() if "project:team" in key}
    home.edit_project(lambda value: value["environments"]["staging"].update(provenance="none"))
    home.edit_project(lambda value: value.update(waive=[]))
    home.apply()
    assert home.app.versions.current(subject).document != before.document
    for key, values in project_rows.items():
        put(home, key, values, partition=keys.INSTALLATION)
    put(home, keys.CATALOGUE, {"Changed": str(subject)}, partition=keys.INSTALLATION)
    home.wait_a_moment()
    home.run_step(claim(home, kind))
    rule, why = recorded_refusal(home)
    assert (rule, "version of the project team" in why) == ("in-force-is-on-record", True)


# ---- messages that the worker was about to send
def test_a_forged_message_in_the_workers_outbox_is_parked(home: Live) -> None:
    """The worker seals every message that it sends, and believes each message with its seal: here, one that claims that
    somebody proved something."""
    home.command(Verb.FREEZE, None, PRODUCTION)
    event = home.with_proof(
        proved_command(
            received_at=home.now,
            verb=Verb.UNFREEZE,
            application="shop",
            environment=PRODUCTION,
            actor=f"oid:{ADA.oid}",
            reason="because",
            channel="page",
            submission="mallorys-order",
        )
    )
    message = deferred("shop", event)
    put(home, keys.outbox(999, 0, message.id), {**pack(message), "At": (home.now - timedelta(hours=1)).isoformat()})
    home.reconcile()
    assert message.id not in [queued.id for queued in home.bus.sent]
    (parked,) = home.app.parking.all()
    assert (parked.source, "the worker did not write it: nobody signed it" in parked.reason) == ("work", True)
    assert not list(home.app.ledger.outbox("shop"))


def test_a_message_of_the_worker_that_was_changed_before_it_was_sent_is_parked(home: Live) -> None:
    home.bus.broken = True
    home.push("1.1")
    home.bus.broken = False
    (entry,) = home.app.ledger.outbox("shop")
    values = rows(home, "shop")[entry.row]
    changed = entry.message.evolve(body={**entry.message.body, "kind": str(StepKind.DEPLOY)})
    put(home, entry.row, {**values, **pack(changed)})
    home.wait(timedelta(minutes=1))
    home.reconcile()
    assert home.steps() == []
    (parked,) = home.app.parking.all()
    assert "its signature with the key test is wrong" in parked.reason


NO_MESSAGES = {
    "other-fields": {"Data": "{}"},
    "no-columns": {},
    "no-json": {"Data": "[" * 5_000},
    "no-time": {"Data": '{"queue":"steps","id":"m","body":{}}'},
    "time-without-a-zone": {"Data": '{"queue":"steps","id":"m","body":{}}', "At": "2026-11-01T00:00:00"},
    "of-the-future": {"Data": '{"queue":"steps","id":"m","body":{}}', "At": "2099-11-01T00:00:00+00:00"},
    "no-canonical-form": {"Data": '{"queue":"steps","id":"m","body":{"a":1e400}}', "At": "2026-11-01T00:00:00+00:00"},
}


@pytest.mark.parametrize("values", NO_MESSAGES.values(), ids=NO_MESSAGES)
def test_a_row_that_is_not_a_message_is_parked_and_the_messages_after_it_are_sent(
    home: Live, values: Mapping[str, Value]
) -> None:
    """Such a row once stopped the work on its application, every minute."""
    home.bus.broken = True
    home.push("1.1")
    home.bus.broken = False
    put(home, keys.outbox(0, 0, "first"), values)
    home.wait(timedelta(minutes=1))
    assert home.reconcile().problems == ()
    assert [step.release for step in home.steps()] == [2]
    (parked,) = home.app.parking.all()
    assert "it was in the outbox, but" in parked.reason
    assert [row for row in rows(home, "shop") if "first" in row] == []


def test_an_unreadable_answer_of_a_look_does_not_hinder_the_reconcile_timer(home: Live) -> None:
    put(home, keys.look("1" * 32), {"Data": "{}"}, partition=keys.INSTALLATION)
    assert home.reconcile().problems == ()
    assert home.reconcile().counted == 0

"""What lets something through needs a proof (promise 13): each verb, and each way to get around it."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from slipway.commands.saying import CommandRequest, StatementReceipt
from slipway.domain.answers import StatementState
from slipway.domain.audit import AuditRecord
from slipway.domain.commands import OPENS, Verb
from slipway.domain.inbox import InboxKind, InboxRow, Received, Speaker, Via
from slipway.domain.release import Phase
from slipway.domain.statement import CommandStatement
from slipway.ledger.keys import INSTALLATION
from slipway.queries.answers import Reply
from slipway.testing import ADA, Installation, write_application
from slipway.testing.applications import APPLICATION, catalogue_of
from slipway.testing.sign_in import person
from tests.confirming import OLGA, proof_of, say_proved

FRONT = Speaker(name="olga@example.com", roles=("operator", "platform"), via=Via.PAGE)
OPENING = {
    Verb.UNFREEZE: CommandRequest(verb=Verb.UNFREEZE, application="shop", environment="production"),
    Verb.RETRY: CommandRequest(verb=Verb.RETRY, release="shop-3"),
    Verb.CREATE: CommandRequest(verb=Verb.CREATE, application="shop"),
    Verb.ROLLBACK: CommandRequest(
        verb=Verb.ROLLBACK, environment="production", release="shop-1", reason="2.0 loses orders"
    ),
    Verb.RESUME: CommandRequest(verb=Verb.RESUME, application="shop", environment="production"),
    Verb.OVERRIDE: CommandRequest(verb=Verb.OVERRIDE, environment="production", release="shop-4", reason="the fix"),
    Verb.FENCE_RESET: CommandRequest(verb=Verb.FENCE_RESET, application="shop", reason="restored"),
    Verb.WAIVE: CommandRequest(
        verb=Verb.WAIVE, environment="production", release="shop-3", rule="change-is-known", reason="its run is gone"
    ),
}
DONE = {
    Verb.UNFREEZE: "lane.unfrozen",
    Verb.RETRY: "release.retried",
    Verb.CREATE: "release.created",
    Verb.ROLLBACK: "rollback.ordered",
    Verb.RESUME: "hold.ended",
    Verb.OVERRIDE: "override.given",
    Verb.WAIVE: "waiver.given",
    Verb.FENCE_RESET: "ledger.reset",
}


def make(folder: Path) -> Installation:
    write_application(folder)
    home = Installation(folder)
    for version in ("1.0", "2.0"):
        home.push(version)
        home.settle()
        home.vote(int(version[0]), ADA)
        home.settle()
    assert home.phase(2) is Phase.COMPLETED
    return home


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    return make(tmp_path_factory.mktemp("made") / "deliveries")


@pytest.fixture
def home(original: Installation) -> Installation:
    """Two releases went live."""
    return original.copy()


def ready_for(home: Installation, verb: Verb) -> CommandStatement:
    """Prepare something that the command lets through; returns the command's statement."""
    if verb is Verb.RETRY:
        home.push("3.0")
        home.settle()
        home.command(Verb.CANCEL, 3)
    if verb is Verb.RESUME:
        home.command(Verb.ROLLBACK, 1, "production")
        home.settle()
    if verb in (Verb.UNFREEZE, Verb.OVERRIDE):
        home.command(Verb.FREEZE, environment="production")
    if verb is Verb.OVERRIDE:
        for version in ("3.0", "4.0"):
            home.push(version)
            home.settle()
        home.vote(4, ADA)
        home.settle()
        assert home.phase(4) is Phase.HELD_BACK
    if verb is Verb.WAIVE:
        who_must_be_known(home)
        home.push("3.0")
        home.settle()
    return home.app.inbox_writer.statement(OPENING[verb])


def who_must_be_known(home: Installation) -> None:
    """Production asks who is behind a change, which nobody knows here."""
    stricter = home.deliveries.parent / "stricter"
    write_application(stricter, text=APPLICATION.replace("deadline: 24h", "deadline: 24h, require_known: true"))
    home.restart(wrap=lambda ports: replace(ports, catalogue=lambda: catalogue_of(stricter)))


def reply(home: Installation, receipt: StatementReceipt) -> Reply:
    home.hear()
    return home.app.answers.reply(receipt.partition, receipt.id)


def refused(home: Installation, receipt: StatementReceipt, *, verb: Verb = Verb.ROLLBACK) -> list[str]:
    """The rules for which it was refused; nothing was done, and a record says so."""
    refusal = reply(home, receipt)
    assert refusal.state is StatementState.REFUSED, refusal
    assert refusal.answered is not None
    record = trail(home)[-1]
    names = [rule.name for rule in refusal.answered.rules]
    assert (record.action, record.details["rules"], record.inbox) == ("command.refused", names, receipt.id)
    assert DONE[verb] not in home.actions()
    return names


def trail(home: Installation, chain: str = "shop") -> list[AuditRecord]:
    return [record for record in home.app.ledger.audit(chain) if isinstance(record, AuditRecord)]


def test_every_verb_that_needs_a_proof_has_a_case_here() -> None:
    assert set(OPENING) == set(DONE) == OPENS


@pytest.mark.parametrize("verb", sorted(OPENS))
def test_a_command_that_needs_a_proof_is_carried_out_with_one_and_recorded_with_it(
    home: Installation, verb: Verb
) -> None:
    proof = proof_of(home, ready_for(home, verb))
    receipt = say_proved(home, proof)
    assert reply(home, receipt).state is StatementState.COUNTED
    record = next(record for record in reversed(trail(home)) if record.action == DONE[verb])
    assert (record.actor, record.inbox) == (f"oid:{OLGA.oid}", receipt.id)
    assert record.received_at is not None
    assert record.proof is not None
    stored_proof = home.app.blobs.get(record.proof)
    assert stored_proof is not None
    assert proof.id_token.encode() in stored_proof
    assert home.verify().intact


@pytest.mark.parametrize("verb", sorted(OPENS))
def test_each_record_of_a_persons_command_names_the_person(home: Installation, verb: Verb) -> None:
    statement, before = ready_for(home, verb), len(trail(home))
    say_proved(home, proof_of(home, statement))
    home.hear()
    home.settle()
    lines = [record for record in trail(home)[before:] if record.actor == f"oid:{OLGA.oid}"]
    assert DONE[verb] in {record.action for record in lines}
    assert {record.action: record.details.get("name") for record in lines if record.details.get("name") != "Olga"} == {}


def test_each_record_of_the_end_of_a_freeze_of_everything_names_the_person_who_ended_it(home: Installation) -> None:
    home.app.inbox_writer.command(CommandRequest(verb=Verb.FREEZE, reason="stop"), FRONT)
    home.hear()
    end = home.app.inbox_writer.statement(CommandRequest(verb=Verb.UNFREEZE, reason="over"))
    say_proved(home, proof_of(home, end))
    home.hear()
    lines = [*trail(home), *trail(home, INSTALLATION)]
    names = [record.details.get("name") for record in lines if record.action == "everything.unfrozen"]
    assert names == ["Olga", "Olga"]


@pytest.mark.parametrize("verb", sorted(OPENS))
def test_a_command_that_needs_a_proof_is_refused_on_the_fronts_word_alone(home: Installation, verb: Verb) -> None:
    """A front that has been taken over says that an operator said it."""
    statement = ready_for(home, verb)
    before = home.actions().count(DONE[verb])
    row = InboxRow(kind=InboxKind.COMMAND, said=statement, speaker=FRONT)
    refusal = reply(home, home.app.inbox_writer.say("shop", row))
    assert refusal.state is StatementState.REFUSED
    assert refusal.answered is not None
    assert refusal.answered.rules[0].name == "proof-is-given"
    assert home.actions()[-1] == "command.refused"
    assert home.actions().count(DONE[verb]) == before


@pytest.mark.parametrize(
    "command",
    [
        CommandRequest(verb=Verb.FREEZE, application="shop", environment="production", reason="stop"),
        CommandRequest(verb=Verb.CANCEL, release="shop-3", reason="stop"),
    ],
    ids=["freeze", "cancel"],
)
def test_a_freeze_or_a_cancel_needs_no_proof(home: Installation, command: CommandRequest) -> None:
    home.push("3.0")
    home.settle()
    assert reply(home, home.app.inbox_writer.command(command, FRONT)).state is StatementState.COUNTED


# ---- a proof of something else
@pytest.mark.parametrize(
    "lie",
    [
        {"verb": Verb.OVERRIDE},
        {"release": 2},
        {"environment": "staging"},
        {"salt": "AAAAAAAAAAAAAAAAAAAAAA"},
        {"reason": "another reason than the person gave"},
    ],
    ids=["another verb", "another release", "another environment", "another salt", "another text"],
)
def test_a_proof_of_another_statement_proves_nothing(home: Installation, lie: dict[str, Any]) -> None:
    signed = ready_for(home, Verb.ROLLBACK)
    receipt = say_proved(home, proof_of(home, signed.evolve(**lie), of=signed))
    assert refused(home, receipt)[0] == "proof-holds"
    record = trail(home)[-1]
    assert (record.actor, record.proof, record.details["on_behalf_of"]) == ("slipway", None, f"oid:{OLGA.oid}")


def test_a_command_that_was_proved_to_another_installation_is_refused(home: Installation) -> None:
    statement = ready_for(home, Verb.ROLLBACK).evolve(installation="another.example.com")
    assert refused(home, say_proved(home, proof_of(home, statement)))[0] == "proof-holds"


# ---- the same once more
def test_a_proof_counts_once_however_often_the_front_sends_it(home: Installation) -> None:
    proof = proof_of(home, ready_for(home, Verb.ROLLBACK))
    assert reply(home, say_proved(home, proof)).state is StatementState.COUNTED
    again = say_proved(home, proof)
    refusal = reply(home, again)
    assert refusal.state is StatementState.REFUSED
    assert refusal.answered is not None
    assert "already counted" in refusal.answered.rules[0].reason
    assert home.actions().count("rollback.ordered") == 1


def test_a_row_that_is_read_several_times_is_one_command(home: Installation) -> None:
    receipt = say_proved(home, proof_of(home, ready_for(home, Verb.ROLLBACK)))
    received = home.app.inbox.get(receipt.partition, receipt.id)
    assert isinstance(received, Received)
    for _ in range(3):
        home.app.commander.carry_out(received)
    assert home.actions().count("rollback.ordered") == 1
    assert "command.refused" not in home.actions()
    assert reply(home, receipt).state is StatementState.COUNTED


def test_a_proof_that_was_refused_is_not_good_later_either(home: Installation) -> None:
    statement = ready_for(home, Verb.RETRY)
    proof = proof_of(home, statement.evolve(release=2))  # it is live, so there is nothing to retry
    assert refused(home, say_proved(home, proof), verb=Verb.RETRY) == ["did-not-go-live"]
    assert refused(home, say_proved(home, proof), verb=Verb.RETRY)[0] == "proof-holds"


# ---- old, and by somebody else
@pytest.mark.parametrize(
    ("later", "ago", "rule"),
    [
        (timedelta(minutes=11), timedelta(0), "proof-is-in-time"),
        (timedelta(hours=2), timedelta(0), "proof-holds"),
        (timedelta(0), timedelta(minutes=8), "sign-in-is-fresh"),
        (timedelta(0), timedelta(days=1), "sign-in-is-fresh"),
    ],
)
def test_an_old_sign_in_is_refused(home: Installation, later: timedelta, ago: timedelta, rule: str) -> None:
    proof = proof_of(home, ready_for(home, Verb.ROLLBACK), ago=ago)
    home.wait(later)
    assert rule in refused(home, say_proved(home, proof))


def test_a_token_that_does_not_say_when_the_person_signed_in_is_refused(home: Installation) -> None:
    proof = proof_of(home, ready_for(home, Verb.ROLLBACK), auth_time=None)
    assert refused(home, say_proved(home, proof)) == ["sign-in-is-fresh"]


@pytest.mark.parametrize("roles", [("reader",), ("shop-approvers",), ("admin",)])
def test_only_the_roles_in_the_proofs_own_token_count(home: Installation, roles: tuple[str, ...]) -> None:
    """The front claims that they have an operator's roles."""
    ada = person(1, "Ada", *roles)
    receipt = say_proved(home, proof_of(home, ready_for(home, Verb.ROLLBACK), ada))
    assert refused(home, receipt) == ["may-order-it"]
    assert trail(home)[-1].actor == f"oid:{ada.oid}"


def test_an_operator_without_the_role_platform_cannot_override(home: Installation) -> None:
    olu = person(5, "Olu", "operator")
    receipt = say_proved(home, proof_of(home, ready_for(home, Verb.OVERRIDE), olu))
    assert refused(home, receipt, verb=Verb.OVERRIDE) == ["may-order-it"]


# ---- while nobody can verify it
def test_while_the_issuer_is_away_the_command_waits_and_is_not_lost(home: Installation) -> None:
    receipt = say_proved(home, proof_of(home, ready_for(home, Verb.ROLLBACK)))
    home.provider.issuer.away = True
    assert reply(home, receipt).state is StatementState.RECEIVED
    home.provider.issuer.away = False
    home.wait(timedelta(minutes=1))
    home.reconcile()
    assert home.app.answers.reply(receipt.partition, receipt.id).state is StatementState.COUNTED


# ---- everything
def test_a_freeze_of_everything_ends_only_with_a_proof(home: Installation) -> None:
    assert (
        reply(home, home.app.inbox_writer.command(CommandRequest(verb=Verb.FREEZE, reason="x"), FRONT)).state
        is StatementState.COUNTED
    )
    ending = home.app.inbox_writer.statement(CommandRequest(verb=Verb.UNFREEZE, reason="it is over"))
    row = InboxRow(kind=InboxKind.COMMAND, said=ending, speaker=FRONT)
    vote_without_proof = reply(home, home.app.inbox_writer.say(INSTALLATION, row))
    assert vote_without_proof.answered is not None
    assert [rule.name for rule in vote_without_proof.answered.rules] == ["proof-is-given"]
    assert home.app.blocks.everything() is not None
    proof = proof_of(home, ending)
    receipt = say_proved(home, proof)
    assert reply(home, receipt).state is StatementState.COUNTED
    assert home.app.blocks.everything() is None
    record = trail(home, INSTALLATION)[-1]
    assert (record.action, record.actor, record.inbox) == ("everything.unfrozen", f"oid:{OLGA.oid}", receipt.id)
    assert record.proof is not None
    home.app.inbox_writer.command(CommandRequest(verb=Verb.FREEZE, reason="again"), FRONT)
    home.hear()
    again = reply(home, say_proved(home, proof))
    assert again.state is StatementState.REFUSED
    assert home.app.blocks.everything() is not None

"""A change that weakens what guards production needs a proof; one statement covers all of it."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from slipway.commands.saying import StatementReceipt
from slipway.commands.submitting import ToConfirm
from slipway.domain.answers import StatementState
from slipway.domain.audit import AuditRecord
from slipway.domain.inbox import InboxKind, InboxRow, Received, Via
from slipway.domain.versions import Subject, SubjectKind
from slipway.ledger import keys
from slipway.testing import write_application
from slipway.testing.sign_in import person
from tests.confirming import OLGA as SIGNS_IN
from tests.confirming import confirm_pending, proof_of, say_proved
from tests.unit.commands.live import OLGA, Live

NAMES = ("one", "two", "three")
WEAKER = "environments.production.least_gate: required: 1 instead of 2"


def subject(name: str) -> Subject:
    return Subject(kind=SubjectKind.PROJECT, name=name)


@pytest.fixture
def live(tmp_path: Path) -> Live:
    """Three projects without an application, besides the team's project."""
    folder = tmp_path / "team"
    write_application(folder)
    text = (folder / "project.yaml").read_text()
    for name in NAMES:
        file = folder / name / "project.yaml"
        file.parent.mkdir()
        document = yaml.safe_load(text) | {"project": name}
        for environment in document["environments"].values():
            environment["namespaces"] = [f"{name}-*"]
        document["environments"]["production"]["least_gate"] = {"required": 2}
        file.write_text(yaml.safe_dump(document, sort_keys=False))

    def only_its_own(value: dict[str, Any]) -> None:
        for environment in value["environments"].values():
            environment["namespaces"] = ["shop"]

    installation = Live(folder)
    installation.edit_project(only_its_own)
    installation.apply()
    return installation


def rewrite(live: Live, name: str, *, required: int) -> None:
    file = live.deliveries / name / "project.yaml"
    document = yaml.safe_load(file.read_text())
    document["environments"]["production"]["least_gate"]["required"] = required
    file.write_text(yaml.safe_dump(document, sort_keys=False))


def weaken(live: Live, *names: str) -> ToConfirm:
    for name in names:
        rewrite(live, name, required=1)
    to_confirm = live.say()
    assert isinstance(to_confirm, ToConfirm), to_confirm
    return to_confirm


def pending(live: Live, to_confirm: ToConfirm) -> str:
    return live.app.saying.keep_pending(
        to_confirm.statement, Via.CLI, content=to_confirm.content, compared=to_confirm.compared
    )


def number(live: Live, name: str) -> int:
    return live.app.versions.current(subject(name)).number


def trail(live: Live) -> list[AuditRecord]:
    return [record for record in live.app.ledger.audit(keys.INSTALLATION) if isinstance(record, AuditRecord)]


def refused_by(live: Live, receipt: StatementReceipt) -> list[str]:
    live.hear()
    reply = live.reply(receipt)
    assert reply.state is StatementState.REFUSED, reply
    assert reply.answered is not None
    return [rule.name for rule in reply.answered.rules]


def test_several_weaker_projects_take_effect_by_one_confirmed_statement(live: Live) -> None:
    to_confirm = weaken(live, *NAMES)
    compared = {change.subject: change for change in to_confirm.compared}
    assert compared["project:one"].weaker == (WEAKER,)
    assert compared["project:one"].difference == ("environments.production.least_gate.required: 2 → 1",)
    assert compared["project:team"].outcome == "unchanged"
    live.hear()
    assert [number(live, name) for name in NAMES] == [1, 1, 1]

    handle = pending(live, to_confirm)
    confirm_pending(live, handle)
    live.hear()
    confirmed = live.app.saying.confirmed(handle)
    assert confirmed is not None
    reply = live.app.answers.reply(*confirmed)
    assert reply.state is StatementState.COUNTED
    assert [number(live, name) for name in NAMES] == [2, 2, 2]
    records = [record for record in trail(live) if record.inbox == confirmed[1]]
    assert len(records) == len(NAMES)
    assert len({record.proof for record in records}) == 1
    assert {record.actor for record in records} == {f"oid:{SIGNS_IN.oid}"}
    assert {tuple(record.details["weaker"]) for record in records} == {(WEAKER,)}
    assert records[0].proof is not None
    assert live.app.blobs.get(records[0].proof) is not None
    assert live.verify(keys.INSTALLATION).intact
    assert live.incoming.documents == {}  # type: ignore[attr-defined] # the documents were taken


def test_the_worker_refuses_a_weaker_project_without_a_proof(live: Live) -> None:
    to_confirm = weaken(live, "one")
    row = InboxRow(kind=InboxKind.CATALOGUE, said=to_confirm.statement, speaker=OLGA, content=to_confirm.content)
    assert refused_by(live, live.app.inbox_writer.say(keys.INSTALLATION, row)) == ["proof-is-given"]
    assert number(live, "one") == 1


def test_a_persons_rights_are_those_in_the_token_of_their_proof(live: Live) -> None:
    to_confirm = weaken(live, "one")
    ada = person(1, "Ada", "operator")
    assert refused_by(
        live, say_proved(live, proof_of(live, to_confirm.statement, ada), content=to_confirm.content)
    ) == ["may-change-it"]
    record = trail(live)[-1]
    assert (record.action, record.actor) == ("change.refused", f"oid:{ada.oid}")
    assert record.proof is not None


def test_a_proof_of_another_statement_or_with_an_old_sign_in_does_not_count(live: Live) -> None:
    to_confirm, unrelated = weaken(live, "one"), weaken(live, "two")
    wrong = proof_of(live, to_confirm.statement, of=unrelated.statement)
    assert refused_by(live, say_proved(live, wrong, content=to_confirm.content)) == ["proof-holds"]
    record = trail(live)[-1]
    assert (record.actor, record.details["on_behalf_of"]) == ("slipway", f"oid:{SIGNS_IN.oid}")

    to_confirm = weaken(live, "one", "two")
    stale = proof_of(live, to_confirm.statement, ago=timedelta(minutes=8))
    assert refused_by(live, say_proved(live, stale, content=to_confirm.content)) == ["sign-in-is-fresh"]
    assert number(live, "one") == number(live, "two") == 1


def test_a_statement_counts_only_once_even_after_its_change_was_reverted(live: Live) -> None:
    to_confirm = weaken(live, "one")
    proof = proof_of(live, to_confirm.statement)
    content = {digest: live.incoming.documents[digest] for digest in to_confirm.content}  # type: ignore[attr-defined]
    say_proved(live, proof, content=to_confirm.content)
    live.hear()
    assert number(live, "one") == 2
    rewrite(live, "one", required=2)
    live.apply()
    assert number(live, "one") == 3

    live.incoming.documents.update(content)  # type: ignore[attr-defined] # a front that says it once more
    assert refused_by(live, say_proved(live, proof, content=to_confirm.content)) == ["proof-is-new"]
    assert number(live, "one") == 3


def test_an_interrupted_row_goes_on_where_it_stopped(live: Live) -> None:
    to_confirm = weaken(live, *NAMES)
    receipt = say_proved(live, proof_of(live, to_confirm.statement), content=to_confirm.content)
    (row,) = [item for item in live.app.inbox.unread(limit=9) if isinstance(item, Received)]
    commits: list[str] = []
    applying, versions = live.app.applying, live.app.applying.versions

    class Dying:
        """Versions that end the process after the first commit."""

        def __getattr__(self, name: str) -> Any:
            return getattr(versions, name)

        def commit(self, *args: Any, **options: Any) -> Any:
            if commits:
                raise KeyboardInterrupt
            commits.append("one")
            return versions.commit(*args, **options)

    with pytest.raises(KeyboardInterrupt):
        replace(applying, versions=Dying()).take(row)  # type: ignore[arg-type]
    assert sum(number(live, name) for name in NAMES) == 4
    live.hear()
    assert [number(live, name) for name in NAMES] == [2, 2, 2]
    assert live.reply(receipt).state is StatementState.COUNTED


def test_a_change_waits_while_the_identity_provider_is_away(live: Live) -> None:
    to_confirm = weaken(live, "one")
    receipt = say_proved(live, proof_of(live, to_confirm.statement), content=to_confirm.content)
    live.provider.issuer.away = True
    live.hear()
    assert live.reply(receipt).state is StatementState.RECEIVED
    live.provider.issuer.away = False
    live.wait(timedelta(minutes=1))
    live.reconcile()
    assert live.reply(receipt).state is StatementState.COUNTED

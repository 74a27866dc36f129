"""Changes of the catalogue go through the inbox: the front says them, the worker judges them again and makes them."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from azure.functions.timer import TimerRequest

from functions import timers
from slipway.catalogue.sent import SentDocuments
from slipway.catalogue.stored import StoredDocument
from slipway.commands.saying import StatementReceipt
from slipway.domain.answers import StatementState
from slipway.domain.audit import AuditRecord
from slipway.domain.inbox import InboxKind, InboxRow, Received, Speaker, Via
from slipway.domain.model import sha256
from slipway.domain.statement import CatalogueChange, CatalogueStatement
from slipway.domain.versions import Subject, SubjectKind
from slipway.inbound.reading import BadInput
from slipway.ledger import keys
from slipway.ledger.blobs import INCOMING_LIMIT
from slipway.ledger.table import Act, Write
from slipway.testing import write_application
from slipway.testing.sign_in import person
from tests.beginnings import applied, begun
from tests.unit.commands.live import OLGA, Live

SHOP = Subject(kind=SubjectKind.APPLICATION, name="shop")
SALT = "AAAAAAAAAAAAAAAAAAAAAA"
NAME = "slipway.example.com"


@pytest.fixture
def live(tmp_path: Path) -> Live:
    return begun(applied, tmp_path)


def trail(live: Live, chain: str = keys.INSTALLATION) -> list[AuditRecord]:
    return [record for record in live.app.ledger.audit(chain) if isinstance(record, AuditRecord)]


def change_of(live: Live, stored: StoredDocument) -> CatalogueChange:
    before = live.app.versions.current(stored.subject).document
    return CatalogueChange(subject=str(stored.subject), before=before, after=sha256(stored.content))


def lying_row(
    live: Live,
    documents: Sequence[StoredDocument],
    *,
    speaker: Speaker = OLGA,
    changes: Sequence[CatalogueChange] | None = None,
    content: bytes | None = None,
    installation: str = NAME,
) -> InboxRow:
    """A row as a front would write it that checks nothing."""
    payload = SentDocuments(salt=SALT, documents=tuple(documents)).content if content is None else content
    digest = sha256(payload)
    live.incoming.documents[digest] = payload  # type: ignore[attr-defined] # also what is too large for our own front
    row_changes = tuple(changes) if changes is not None else tuple(change_of(live, document) for document in documents)
    statement = CatalogueStatement(installation=installation, salt=SALT, changes=row_changes)
    return InboxRow(kind=InboxKind.CATALOGUE, said=statement, speaker=speaker, content=(digest,))


def submit(live: Live, row: InboxRow, partition: str = keys.INSTALLATION) -> StatementReceipt:
    receipt = live.app.inbox_writer.say(partition, row)
    live.hear()
    return receipt


def shop_of(live: Live) -> list[StoredDocument]:
    return [document for document in live.documents() if document.subject == SHOP]


# ---- from the front to the ledger
def test_a_change_is_received_and_nothing_is_in_force_until_the_worker_has_made_it(live: Live) -> None:
    live.edit_environment("staging", rollout_within="7m")
    marker = live.app.versions.marker()
    receipt = live.say()
    assert live.reply(receipt).state is StatementState.RECEIVED
    assert live.app.versions.marker() == marker
    live.hear()
    assert live.reply(receipt).state is StatementState.COUNTED
    assert live.app.versions.current(SHOP).number == 2


def test_forty_applications_are_one_row_and_each_has_a_record_of_its_own(live: Live) -> None:
    names = [f"app-{number:02}" for number in range(40)]
    for name in names:
        write_application(live.deliveries, name)
    receipt = live.say()
    assert isinstance(receipt, StatementReceipt)
    assert len(list(live.inbox_table.everything(limit=100))) == 1
    live.hear()
    outcome = live.reply(receipt).answered
    assert outcome is not None
    outcomes = {change.subject: (change.outcome, change.number) for change in outcome.changes}
    assert outcomes == {
        "project:team": ("unchanged", 1),
        "application:shop": ("unchanged", 1),
        **{f"application:{name}": ("created", 1) for name in names},
    }
    for name in names:
        (record,) = trail(live, name)
        assert (record.action, record.inbox) == ("application.applied", receipt.id)
        assert record.received_at is not None
        assert live.verify(name).intact


def test_a_lost_hint_only_delays(live: Live) -> None:
    live.edit_environment("staging", rollout_within="7m")
    receipt = live.say()
    live.bus.raw.clear()
    live.wait(timedelta(minutes=1))
    live.reconcile()
    assert live.reply(receipt).state is StatementState.COUNTED


def test_a_row_that_is_read_several_times_makes_one_version(live: Live) -> None:
    live.edit_environment("staging", rollout_within="7m")
    receipt = live.say()
    (received,) = live.app.inbox.unread(limit=10)
    assert isinstance(received, Received)
    for _ in range(3):
        live.app.applying.take(received)
    assert live.app.versions.current(SHOP).number == 2
    assert [record.action for record in trail(live, "shop")].count("application.applied") == 2
    live.hear()
    live.app.applying.take(received)  # by somebody who read the row before it was answered and removed
    assert live.reply(receipt).state is StatementState.COUNTED
    assert list(live.app.parking.all()) == []


def test_the_documents_leave_the_store_once_the_change_is_answered(live: Live) -> None:
    live.edit_environment("staging", rollout_within="7m")
    live.apply()
    assert live.incoming.documents == {}  # type: ignore[attr-defined] # the store in memory


def test_the_same_documents_sent_again_under_one_id_are_one_row(live: Live) -> None:
    id = live.app.inbox_writer.new_id()
    live.edit_environment("staging", rollout_within="7m")
    documents = live.documents()
    first = live.app.submitting.apply(documents, OLGA, reason="", id=id)
    assert live.app.submitting.apply(documents, OLGA, reason="", id=id) == first
    live.hear()
    assert live.app.versions.current(SHOP).number == 2


# ---- cut short, and overtaken
def cut_short(live: Live, *, after: str) -> StatementReceipt:
    """The worker ends once it has made the version of `after`; the row stays."""
    receipt = live.say()
    assert isinstance(receipt, StatementReceipt)
    (received,) = live.app.inbox.unread(limit=10)
    assert isinstance(received, Received)
    commit, versions = live.app.versions.commit, live.app.versions

    def ends(before: Any, version: Any, *args: Any, **more: Any) -> Any:
        committed = commit(before, version, *args, **more)
        if version.subject.name == after:
            raise RuntimeError("the process ends")
        return committed

    versions.commit = ends  # type: ignore[method-assign]
    with pytest.raises(RuntimeError, match="the process ends"):
        live.app.applying.take(received)
    versions.commit = commit  # type: ignore[method-assign]
    return receipt


def test_an_interrupted_statement_is_finished_without_repeating_anything(live: Live) -> None:
    for name in ("cart", "search"):
        write_application(live.deliveries, name)
    receipt = cut_short(live, after="cart")
    live.hear()
    outcome = live.reply(receipt).answered
    assert outcome is not None
    numbers = {change.subject: change.number for change in outcome.changes}
    assert (numbers["application:cart"], numbers["application:search"]) == (1, 1)
    assert [record.action for record in trail(live, "cart")] == ["application.applied"]
    assert sorted(live.app.catalogue.entries) == ["cart", "search", "shop"]


def test_an_interrupted_statement_that_another_overtook_says_which_parts_took_effect(live: Live) -> None:
    for name in ("cart", "search"):
        write_application(live.deliveries, name)
    live.apply()
    for name in ("cart", "search"):
        live.edit_environment("staging", name, rollout_within="7m")
    receipt = cut_short(live, after="cart")
    live.edit_environment("staging", "search", rollout_within="9m")
    raw_messages = list(live.bus.raw)
    live.bus.raw.clear()
    live.apply(app="search")
    live.bus.raw.extend(raw_messages)
    live.hear()
    reply = live.reply(receipt)
    assert reply.state is StatementState.REFUSED
    assert reply.answered is not None
    numbers = {change.subject: change.number for change in reply.answered.changes}
    assert (numbers["application:cart"], numbers["application:search"]) == (2, 0)
    refusal = trail(live)[-1]
    assert (refusal.action, refusal.details["made"]) == ("change.refused", ["application:cart"])


def test_a_change_made_from_an_outdated_version_is_refused_with_the_reason(live: Live) -> None:
    live.edit_environment("staging", rollout_within="7m")
    first = live.say()
    live.edit_environment("staging", rollout_within="9m")
    second = live.say()
    live.hear()
    assert live.reply(first).state is StatementState.COUNTED
    reply = live.reply(second)
    assert reply.state is StatementState.REFUSED
    assert reply.answered is not None
    (rule,), (problem,) = reply.answered.rules, reply.answered.problems
    assert rule.name == "starts-from-what-is-in-force"
    in_force = str(live.app.versions.current(SHOP).document)
    assert (problem.file, problem.field) == ("application:shop", "from")
    assert in_force in problem.expected
    assert problem.got != in_force
    assert "compare again" in problem.message
    refusal = trail(live)[-1]
    assert (refusal.action, refusal.details["rules"]) == ("change.refused", ["starts-from-what-is-in-force"])
    assert isinstance(second, StatementReceipt)
    assert refusal.inbox == second.id
    assert live.verify(keys.INSTALLATION).intact


def test_a_list_of_everything_that_lacks_a_version_just_made_is_mended_by_the_repeat(live: Live) -> None:
    write_application(live.deliveries, "cart")
    receipt = cut_short(live, after="cart")
    subject = Subject(kind=SubjectKind.APPLICATION, name="cart")
    live.table.transact(keys.INSTALLATION, [Write(act=Act.DELETE, key=keys.listed(str(subject)))])
    live.hear()
    assert live.reply(receipt).state is StatementState.COUNTED
    live.restart()
    assert sorted(live.app.catalogue.entries) == ["cart", "shop"]


# ---- a front that lies
def test_the_worker_finds_a_weaker_gate_that_the_front_let_pass(live: Live) -> None:
    live.edit_gate(deadline="90h")
    receipt = submit(live, lying_row(live, shop_of(live)))
    reply = live.reply(receipt)
    assert reply.state is StatementState.REFUSED
    assert reply.answered is not None
    assert [rule.name for rule in reply.answered.rules] == ["proof-is-given"]
    assert live.app.versions.current(SHOP).number == 1


@pytest.mark.parametrize(
    "speaker",
    [
        Speaker(oid=person(1, "Ada").oid, roles=("reader", "leads"), via=Via.API),
        Speaker(name="app:00000000-0000-4000-8000-000000000001", roles=("operator",), via=Via.API),
        Speaker(name="key:ci", roles=("operator",), via=Via.API),
    ],
    ids=["a person", "an application", "a key"],
)
def test_the_worker_refuses_a_change_by_anybody_who_may_not_make_it(live: Live, speaker: Speaker) -> None:
    live.edit_environment("staging", rollout_within="7m")
    reply = live.reply(submit(live, lying_row(live, shop_of(live), speaker=speaker)))
    assert reply.state is StatementState.REFUSED
    assert reply.answered is not None
    assert [rule.name for rule in reply.answered.rules] == ["may-change-it"]
    assert live.app.versions.current(SHOP).number == 1


@pytest.mark.parametrize("owner", ["role:leads", "app:00000000-0000-4000-8000-000000000001"])
def test_owners_are_people_and_applications_and_never_the_holder_of_a_key(live: Live, owner: str) -> None:
    live.edit_project(lambda value: value.update(owners={"apply": [owner]}))
    live.apply(app="team")
    kind, _, name = owner.partition(":")
    owner_speaker = {
        "role": Speaker(oid=person(1, "Ada").oid, roles=(name,), via=Via.API),
        "app": Speaker(name=owner, via=Via.API),
    }[kind]
    key_holder = Speaker(name="key:ci", roles=(name,) if kind == "role" else (), via=Via.API)
    live.edit_environment("staging", rollout_within="7m")
    assert live.reply(submit(live, lying_row(live, shop_of(live), speaker=key_holder))).state is StatementState.REFUSED
    assert (
        live.reply(submit(live, lying_row(live, shop_of(live), speaker=owner_speaker))).state is StatementState.COUNTED
    )


def test_a_mistake_that_the_front_let_pass_is_reported_by_the_worker_with_file_and_field(live: Live) -> None:
    live.edit(notify=["inbx"])
    reply = live.reply(submit(live, lying_row(live, shop_of(live))))
    assert reply.state is StatementState.REFUSED
    assert reply.answered is not None
    (problem,) = reply.answered.problems
    assert (problem.file, problem.field) == ("shop/application.yaml", "notify[0]")
    assert "a channel of this installation" in problem.expected
    assert "inbx" in problem.got
    assert [rule.name for rule in reply.answered.rules] == ["documents-are-in-order"]
    assert trail(live)[-1].action == "change.refused"


def parked(live: Live, row: InboxRow, partition: str = keys.INSTALLATION) -> str:
    reply = live.reply(submit(live, row, partition))
    assert reply.state is StatementState.PARKED
    assert live.app.versions.current(SHOP).number == 1
    return reply.reason


def test_documents_that_the_statement_does_not_name_are_parked(live: Live) -> None:
    before = change_of(live, shop_of(live)[0])
    live.edit_environment("staging", rollout_within="7m")
    assert "not those that the change names" in parked(live, lying_row(live, shop_of(live), changes=[before]))


def test_documents_that_are_gone_changed_or_too_large_are_parked(live: Live) -> None:
    live.edit_environment("staging", rollout_within="7m")
    row = lying_row(live, shop_of(live))
    store: dict[str, bytes] = live.incoming.documents  # type: ignore[attr-defined] # the store in memory
    store.clear()
    assert "are gone: apply them again" in parked(live, row)
    store[row.content[0]] = b"something else"
    assert "was changed" in parked(live, row)
    assert "more than any of ours" in parked(live, lying_row(live, shop_of(live), content=b"x" * (INCOMING_LIMIT + 1)))
    assert "expected JSON" in parked(live, lying_row(live, shop_of(live), content=b"not json"))
    repeated = b'{"v":1,"v":1,"salt":"AAAAAAAAAAAAAAAAAAAAAA","documents":[]}'
    assert "no name occurs twice" in parked(live, lying_row(live, shop_of(live), content=repeated))
    assert "nested" in parked(live, lying_row(live, shop_of(live), content=b"[" * 200_000))


def test_a_change_for_another_installation_or_in_another_partition_is_parked(live: Live) -> None:
    live.edit_environment("staging", rollout_within="7m")
    assert "installation: expected" in parked(live, lying_row(live, shop_of(live), installation="elsewhere"))
    assert "partition: expected" in parked(live, lying_row(live, shop_of(live)), "shop")


def test_a_removal_hidden_among_other_changes_is_parked(live: Live) -> None:
    write_application(live.deliveries, "cart")
    cart = [document for document in live.documents() if document.subject.name == "cart"]
    removal = CatalogueChange(subject="application:shop", before=live.app.versions.current(SHOP).document)
    row = lying_row(live, cart, changes=[change_of(live, cart[0]), removal])
    assert "a removal by itself" in parked(live, row)


def test_a_second_removal_of_an_application_is_refused(live: Live) -> None:
    first, second = live.app.submitting.remove(SHOP, OLGA, reason=""), live.app.submitting.remove(SHOP, OLGA, reason="")
    live.hear()
    assert live.reply(first).state is StatementState.COUNTED
    reply = live.reply(second)
    assert reply.state is StatementState.REFUSED
    assert reply.answered is not None
    assert "there is no application 'shop'" in reply.answered.problems[0].message
    assert live.app.versions.current(SHOP).number == 2


def test_a_document_without_a_canonical_form_or_given_twice_is_refused_by_the_front(live: Live) -> None:
    (shop,) = shop_of(live)
    odd = shop.evolve(value={**shop.value, "odd": 2**60})
    for documents, expected in (([odd], "whole numbers within"), ([shop, shop], "each project and application once")):
        with pytest.raises(ValueError, match=expected):
            live.app.submitting.apply(documents, OLGA, reason="")


def test_documents_over_the_limit_of_the_store_are_refused_by_the_front(live: Live) -> None:
    for number in range(20):
        name = f"app-{number}"
        write_application(live.deliveries, name)
        (live.deliveries / name / "manifests" / "large.yaml").write_text("# " + "x" * (220 * 1024) + "\n")
    documents = live.documents()
    with pytest.raises(BadInput, match=f"documents: expected at most {INCOMING_LIMIT} bytes"):
        live.app.submitting.apply(documents, OLGA, reason="")
    assert list(live.inbox_table.everything(limit=1)) == []


def test_documents_that_nobody_took_from_the_store_are_deleted_after_a_day(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    live.edit_environment("staging", rollout_within="7m")
    live.say()
    store: dict[str, bytes] = live.incoming.documents  # type: ignore[attr-defined] # the store in memory
    monkeypatch.setattr(timers, "parts", lambda: live.app)
    live.wait(timedelta(hours=23))
    timers.clean_up(TimerRequest())
    assert len(store) == 1
    live.wait(timedelta(hours=2))
    timers.clean_up(TimerRequest())
    assert store == {}

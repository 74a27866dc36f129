"""The inbox: a statement arrives even if its hint is lost, counts once, and is answered or parked, never dropped."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from slipway.commands.saying import CommandRequest, StatementReceipt
from slipway.commands.taking import LONGEST, LONGEST_WAIT, InboxReader, RowWaits
from slipway.domain.answers import StatementState
from slipway.domain.commands import Verb
from slipway.domain.errors import NotFound
from slipway.domain.inbox import InboxKind, InboxRow, Received, Speaker, Via
from slipway.domain.release import Phase
from slipway.domain.roles import Role
from slipway.domain.sessions import EndedSessions
from slipway.domain.statement import CommandStatement
from slipway.engine.handle import Contended
from slipway.inbound import BadInput
from slipway.ledger.inbox import Inbox
from slipway.ledger.pruning import prune_answers
from slipway.testing import BASE, Installation
from slipway.testing.identity import TENANT
from tests.beginnings import begun, waiting

OLGA = Speaker(name="olga@example.com", roles=("platform",), via=Via.PAGE)
FREEZE = CommandRequest(verb=Verb.FREEZE, application="shop", environment="production", reason="the sale")
ADA_OID, BEN_OID = (f"aaaaaaaa-0000-4000-8000-{number:012d}" for number in (1, 2))
SALT = "AAAAAAAAAAAAAAAAAAAAAA"


@pytest.fixture
def home(tmp_path: Path) -> Installation:
    return begun(waiting, tmp_path)


def say(
    home: Installation, request: CommandRequest = FREEZE, speaker: Speaker = OLGA, *, id: str = ""
) -> StatementReceipt:
    return home.app.inbox_writer.command(request, speaker, id=id)


def state(home: Installation, receipt: StatementReceipt) -> StatementState:
    return home.app.answers.reply(receipt.partition, receipt.id).state


def unread_rows(home: Installation) -> int:
    return len(list(home.inbox_table.everything(limit=100)))


def test_a_command_is_received_then_counted_and_its_row_goes(home: Installation) -> None:
    receipt = say(home)
    assert (state(home, receipt), unread_rows(home)) == (StatementState.RECEIVED, 1)
    home.hear()
    assert (state(home, receipt), unread_rows(home)) == (StatementState.COUNTED, 0)
    frozen = home.lane("production").freeze
    assert frozen is not None
    assert frozen.owner == "olga@example.com"
    (record,) = [record for record in home.trail() if record.action == "lane.frozen"]
    assert record.details["channel"] == "page"


def test_a_lost_hint_only_delays(home: Installation) -> None:
    receipt = say(home)
    home.bus.raw.clear()
    home.reconcile()
    assert state(home, receipt) is StatementState.RECEIVED, "a hint may still be on its way"
    home.wait(timedelta(seconds=30))
    home.reconcile()
    assert (state(home, receipt), unread_rows(home)) == (StatementState.COUNTED, 0)


def test_a_hint_that_cannot_be_sent_only_delays(home: Installation) -> None:
    home.bus.broken = True
    receipt = say(home)
    home.bus.broken = False
    home.wait(timedelta(minutes=1))
    home.reconcile()
    assert state(home, receipt) is StatementState.COUNTED


def test_a_statement_counts_once_however_often_its_hint_comes(home: Installation) -> None:
    receipt = say(home)
    hints = list(home.bus.raw)
    home.hear()
    for _ in range(3):
        home.bus.raw.extend(hints)
        home.hear()
    assert home.actions().count("lane.frozen") == 1
    assert state(home, receipt) is StatementState.COUNTED


def test_a_command_whose_row_a_crashed_worker_left_behind_is_not_carried_out_again(home: Installation) -> None:
    receipt = say(home)
    received = home.app.inbox.get(receipt.partition, receipt.id)
    assert isinstance(received, Received)
    home.app.commander.carry_out(received)
    assert (state(home, receipt), unread_rows(home)) == (StatementState.COUNTED, 1)
    home.wait(timedelta(minutes=1))
    home.reconcile()
    assert (home.actions().count("lane.frozen"), unread_rows(home)) == (1, 0)


def test_a_statement_that_is_sent_twice_under_one_id_is_one_row(home: Installation) -> None:
    id = home.app.inbox_writer.new_id()
    assert say(home, id=id) == say(home, id=id)
    assert unread_rows(home) == 1


def test_an_inbox_without_rows_costs_reconcile_one_request(home: Installation) -> None:
    calls = list[str]()

    class Counted:
        def __getattr__(self, name: str) -> Callable[..., object]:
            calls.append(name)
            method: Callable[..., object] = getattr(home.inbox_table, name)
            return method

    reader = home.app.inbox_reader
    inbox = Inbox(Counted())  # type: ignore[arg-type] # passes everything on
    InboxReader(**{**vars(reader), "inbox": inbox}).take_all()
    assert calls == ["everything"]


def test_a_command_for_everything_goes_to_the_installations_inbox_and_is_answered_there(home: Installation) -> None:
    receipt = say(home, CommandRequest(verb=Verb.FREEZE, reason="incident 4711"))
    assert receipt.partition == "_installation"
    home.hear()
    assert state(home, receipt) is StatementState.COUNTED
    again = say(home, CommandRequest(verb=Verb.FREEZE, reason="me too"))
    home.hear()
    assert state(home, again) is StatementState.REFUSED
    assert home.app.blocks.everything() is not None


def test_a_replay_puts_parked_input_back_into_its_queue_once(home: Installation) -> None:
    parked = home.app.parking.park(source="runs", reason="a test", body=b"{}")
    receipt = say(home, CommandRequest(verb=Verb.REPLAY, parked=parked.id))
    home.hear()
    assert state(home, receipt) is StatementState.COUNTED
    (message,) = [raw for raw in home.bus.raw if raw.queue == "runs"]
    assert message.body == b"{}"
    stored = home.app.installation.parked(parked.id)
    assert stored is not None
    assert stored.replayed_at is not None


def test_a_replay_of_an_unknown_id_is_parked_with_the_reason(home: Installation) -> None:
    receipt = say(home, CommandRequest(verb=Verb.REPLAY, parked="nothing"))
    home.hear()
    reply = home.app.answers.reply(receipt.partition, receipt.id)
    assert (reply.state, reply.reason) == (StatementState.PARKED, "no parked input has the id 'nothing'")


def end_sessions(person: str) -> CommandRequest:
    return CommandRequest(verb=Verb.SESSION_END, person=person, reason="a laptop was stolen")


def speaker_of(person: str, *roles: str) -> Speaker:
    return Speaker(oid=person, name=f"oid:{person}", roles=roles, via=Via.API)


def test_sessions_end_as_of_the_time_when_the_row_was_written_and_that_is_recorded(home: Installation) -> None:
    receipt = say(home, end_sessions(ADA_OID), speaker_of(ADA_OID))
    written_at = home.now
    home.wait(timedelta(minutes=5))
    home.hear()
    assert state(home, receipt) is StatementState.COUNTED
    assert home.app.signed_out.of(TENANT, ADA_OID) == EndedSessions(since=written_at)
    (record,) = [record for record in home.trail("_installation") if record.action == "session.ended"]
    assert (record.actor, record.details["person"], record.details["sessions"]) == (f"oid:{ADA_OID}", ADA_OID, "all")


def test_ending_sessions_again_after_a_crash_keeps_the_first_time_and_makes_one_record(home: Installation) -> None:
    receipt = say(home, end_sessions(ADA_OID), speaker_of(ADA_OID))
    received = home.app.inbox.get(receipt.partition, receipt.id)
    assert isinstance(received, Received)
    for _ in range(2):
        home.app.commander.carry_out(received)
        home.wait(timedelta(minutes=1))
    assert home.app.signed_out.of(TENANT, ADA_OID).since == received.received_at
    assert [record.action for record in home.trail("_installation")].count("session.ended") == 1


@pytest.mark.parametrize(("roles", "allowed"), [(("operator",), False), ((), False), (("platform",), True)])
def test_only_the_platforms_people_end_the_sessions_of_somebody_else(
    home: Installation, roles: tuple[str, ...], allowed: bool
) -> None:
    receipt = say(home, end_sessions(ADA_OID), speaker_of(BEN_OID, *roles))
    home.hear()
    assert state(home, receipt) is (StatementState.COUNTED if allowed else StatementState.PARKED)
    assert (home.app.signed_out.of(TENANT, ADA_OID) == EndedSessions()) is not allowed


@pytest.mark.parametrize("person", ["", "ada@example.com", "oid:" + "a" * 32, "aaaaaaaa-0000-4000-8000-000000000001\n"])
def test_the_person_whose_sessions_end_is_named_by_an_object_id(home: Installation, person: str) -> None:
    with pytest.raises(BadInput, match="person"):
        say(home, end_sessions(person), OLGA)


@pytest.mark.parametrize(
    ("command", "wrong"),
    [
        (CommandRequest(verb=Verb.CANCEL, release="shop-9", reason="x"), "shop-9"),
        (CommandRequest(verb=Verb.FREEZE, application="nope", environment="production", reason="x"), "nope"),
        (CommandRequest(verb=Verb.FREEZE, application="shop", environment="moon", reason="x"), "staging, production"),
        (CommandRequest(verb=Verb.RESUME, environment="production"), "no application"),
        (CommandRequest(verb=Verb.CANCEL, release="shop-1", application="cart", reason="x"), "that of shop-1"),
    ],
)
def test_a_command_about_something_unknown_is_refused_at_once_and_writes_no_row(
    home: Installation, command: CommandRequest, wrong: str
) -> None:
    with pytest.raises((BadInput, NotFound), match=wrong):
        say(home, command)
    assert unread_rows(home) == 0


def row(statement: CommandStatement, speaker: Speaker = OLGA) -> InboxRow:
    return InboxRow(kind=InboxKind.COMMAND, said=statement, speaker=speaker)


def statement(**fields: object) -> CommandStatement:
    defaults = {"verb": Verb.CANCEL, "application": "shop", "release": 1, "reason": "x"} | fields
    return CommandStatement.model_validate({"installation": "slipway.example.com", "salt": SALT} | defaults)


@pytest.mark.parametrize(
    ("bad_row", "reason"),
    [
        (row(statement(release=9)), "there is no shop-9"),
        (row(statement(application="cart")), "application: expected shop"),
        (row(statement(), Speaker(via=Via.PAGE)), "from: expected a name or an object id"),
        (row(statement(), Speaker(name="r@example.com", roles=(str(Role.READER),), via=Via.PAGE)), "permission cancel"),
        (row(statement(verb=Verb.FREEZE, release=None, environment="moon")), "moon"),
        (row(statement(verb=Verb.FREEZE, release=None, environment="staging", arguments={"until": "x"})), "until"),
    ],
)
def test_a_row_that_a_front_should_not_have_written_is_refused_or_parked_with_the_reason(
    home: Installation, bad_row: InboxRow, reason: str
) -> None:
    receipt = home.app.inbox_writer.say("shop", bad_row)
    home.hear()
    reply = home.app.answers.reply(receipt.partition, receipt.id)
    assert reply.state in (StatementState.PARKED, StatementState.REFUSED)
    reasons = [rule.reason for rule in reply.answered.rules] if reply.answered else [reply.reason]
    assert reason in "; ".join(reasons)
    assert home.phase(1) is Phase.AWAITING_APPROVAL
    assert unread_rows(home) == 0


def test_an_unreadable_row_is_parked_unchanged_and_delays_no_other(home: Installation) -> None:
    home.inbox_table.add("shop", "1764000000000-0000000000000001", {"Data": '{"v": 7, "kind": "wish"}'})
    home.inbox_table.add("shop", "out of order", {"Odd": 1})
    receipt = say(home)
    home.bus.raw.clear()
    home.wait(timedelta(minutes=1))
    home.reconcile()
    assert state(home, receipt) is StatementState.COUNTED
    assert unread_rows(home) == 0
    parked = [item for item in home.app.parking.all() if item.source == "inbox"]
    assert len(parked) == 2
    assert {item.body for item in parked} == {'{"v": 7, "kind": "wish"}', ""}


def reader(home: Installation, handling: Callable[[Received], None]) -> InboxReader:
    return InboxReader(**{**vars(home.app.inbox_reader), "handlers": {InboxKind.COMMAND: handling}})


def failing(error: Exception) -> Callable[[Received], None]:
    def handle(_: Received) -> None:
        raise error

    return handle


@pytest.mark.parametrize(
    ("error", "longest"), [(ValueError("a bug"), LONGEST_WAIT), (RowWaits("the issuer is away"), LONGEST)]
)
def test_a_row_that_cannot_be_handled_yet_waits_but_not_for_ever(
    home: Installation, error: Exception, longest: timedelta
) -> None:
    receipt = say(home)
    broken = reader(home, failing(error))
    broken.take(receipt.partition, receipt.id)
    assert state(home, receipt) is StatementState.RECEIVED
    home.wait(longest - timedelta(seconds=1))
    broken.take_all()
    assert state(home, receipt) is StatementState.RECEIVED
    home.wait(timedelta(seconds=1))
    broken.take_all()
    reply = home.app.answers.reply(receipt.partition, receipt.id)
    assert reply.state is StatementState.PARKED
    assert ("unexpected ValueError" if isinstance(error, ValueError) else str(error)) in reply.reason


def test_a_busy_application_is_tried_again_by_the_queue_and_named_by_reconcile(home: Installation) -> None:
    receipt = say(home)
    busy = reader(home, failing(Contended("shop: busy")))
    with pytest.raises(Contended):
        busy.take(receipt.partition, receipt.id)
    home.wait(timedelta(minutes=1))
    (problem,) = busy.take_all()
    assert "shop: busy" in problem
    assert state(home, receipt) is StatementState.RECEIVED


def test_answers_are_kept_for_thirty_days(home: Installation) -> None:
    receipt = say(home)
    home.hear()
    prune_answers(home.app.table, "shop", home.now - timedelta(minutes=1))
    assert state(home, receipt) is StatementState.COUNTED
    prune_answers(home.app.table, "shop", home.now + timedelta(minutes=1))
    with pytest.raises(NotFound):
        state(home, receipt)
    assert home.actions().count("lane.frozen") == 1


def test_a_statement_is_addressed_to_this_installation(home: Installation) -> None:
    receipt = say(home)
    received = home.app.inbox.get(receipt.partition, receipt.id)
    assert isinstance(received, Received)
    assert received.row.statement is not None
    assert received.row.statement.installation == BASE.removeprefix("https://")
    assert json.loads(received.row.model_dump_json())["from"]["name"] == "olga@example.com"

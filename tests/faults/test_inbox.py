"""A statement arrives once, wherever the front or the worker ends, whichever part is away, and whether or not its hint
comes."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from slipway.bootstrap import Ports
from slipway.catalogue.stored import StoredDocument
from slipway.commands.saying import CommandRequest, StatementReceipt
from slipway.domain.answers import StatementState
from slipway.domain.commands import OPENS, Verb
from slipway.domain.inbox import Speaker, Via
from slipway.domain.proof import Proof
from slipway.effects.messaging import QueueUnavailable
from slipway.engine.handle import Contended
from slipway.ledger import Conflict, LedgerUnavailable
from slipway.ledger.table import Row, RowTable, Value
from slipway.testing import Installation, write_application
from slipway.testing.sign_in import person
from tests.confirming import proof_of, say_proved
from tests.faults.mortal import Crash, Life, is_service, mortal_port, mortal_ports
from tests.unit.commands.live import Live

OLGA = Speaker(oid=person(7, "Olga").oid, name="olga@example.com", roles=("platform",), via=Via.CLI)
SHARES = 5
"""The points are divided into this many shares; `make test` strikes at those of the first."""
AWAY = (LedgerUnavailable, QueueUnavailable, Contended, Conflict)


class MortalRows:
    """A table written row by row, by a process that may end before or after each write, and that may be away."""

    def __init__(self, table: RowTable, life: Life) -> None:
        self._table, self._life = table, life

    def get(self, partition: str, key: str) -> Row | None:
        self._life.go_on("inbox")
        return self._table.get(partition, key)

    def rows(self, partition: str, first: str, last: str, *, limit: int | None = None) -> Iterator[Row]:
        self._life.go_on("inbox")
        yield from self._table.rows(partition, first, last, limit=limit)

    def everything(self, *, limit: int) -> Iterator[tuple[str, Row]]:
        self._life.go_on("inbox")
        yield from self._table.everything(limit=limit)

    def add(self, partition: str, key: str, values: Mapping[str, Value]) -> None:
        self._life.reach("table before inbox row")
        self._table.add(partition, key, values)
        self._life.reach("table after inbox row")

    def remove(self, partition: str, key: str) -> None:
        self._life.reach("table before inbox removal")
        self._table.remove(partition, key)
        self._life.reach("table after inbox removal")


def mortal(life: Life) -> Callable[[Ports], Ports]:
    def wrapped(ports: Ports) -> Ports:
        rows = MortalRows(ports.inbox_table(), life)
        incoming = mortal_port(ports.incoming(), life, "incoming", "put", "remove")
        return replace(mortal_ports(ports, life), inbox_table=lambda: rows, incoming=lambda: incoming)

    return wrapped


COMMANDS = {
    "proved": CommandRequest(verb=Verb.RETRY, release="shop-1"),
    "of a lane": CommandRequest(verb=Verb.FREEZE, application="shop", environment="production", reason="the sale"),
    "of everything": CommandRequest(verb=Verb.FREEZE, reason="incident 4711"),
    "refused": CommandRequest(verb=Verb.CANCEL, release="shop-1"),
}
RECORDED = {
    "proved": "release.retried",
    "of a lane": "lane.frozen",
    "of everything": "everything.frozen",
    "refused": "command.refused",
}


def say(home: Installation, request: CommandRequest, id: str, proof: Proof | None) -> StatementReceipt | None:
    """Make the statement; None if there was no answer, so that the person repeats it under the same id."""
    try:
        return say_proved(home, proof, id=id) if proof else home.app.inbox_writer.command(request, OLGA, id=id)
    except (Crash, *AWAY):
        return None


def beginning(folder: Path, request: CommandRequest) -> tuple[Installation, Proof | None]:
    """The installation at the moment of the statement, and the person's proof if it needs one."""
    write_application(folder)
    home = Installation(folder)
    home.push("1.0")
    home.settle()
    home.bus.raw.clear()
    if request.verb not in OPENS:
        return home, None
    home.command(Verb.CANCEL, 1)
    return home, proof_of(home, home.app.inbox_writer.statement(request))


def play(
    initial: tuple[Installation, Proof | None], request: CommandRequest, life: Life, *, hinted: bool
) -> tuple[Installation, StatementReceipt]:
    home, proof = initial[0].copy(), initial[1]
    home.restart(wrap=mortal(life))
    id = home.app.inbox_writer.new_id()
    receipt = say(home, request, id, proof)
    if receipt is None:
        life.restart()
        receipt = say(home, request, id, proof)
    assert receipt is not None, "one fault at a time"
    if not hinted:
        home.bus.raw.clear()
    for work in (home.hear, later(home), later(home), later(home)):
        try:
            work()
        except (Crash, *AWAY):
            life.restart()
    return home, receipt


def later(home: Installation) -> Callable[[], None]:
    def work() -> None:
        home.wait(timedelta(minutes=1))
        home.reconcile()

    return work


def lives(fault: str, quiet: Life) -> list[tuple[str, Life]]:
    """A life for each point at which the fault can strike, with a label. Dying right after a write is the same as dying
    before the next one."""
    strikes = list[tuple[str, Life]]()
    for number, point in enumerate(quiet.points):
        at, where = frozenset({number}), f"{fault} at {number}, {point}"
        if fault == "crash" and " after " not in point:
            strikes.append((where, Life(crash_at=at)))
        elif fault == "away" and is_service(point):
            strikes.append((where, Life(fail_at=at)))
    return strikes


def recorded(home: Installation, chain: str, action: str) -> int:
    return sum(getattr(record, "action", "") == action for record in home.app.ledger.audit(chain))


@pytest.mark.sweep(keep=16)
@pytest.mark.parametrize("hinted", [True, False], ids=["hinted", "hint lost"])
@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("fault", ["crash", "away"])
@pytest.mark.parametrize("share", range(SHARES))
def test_a_command_is_decided_once_and_answered_wherever_one_fault_strikes(
    tmp_path: Path, name: str, fault: str, share: int, *, hinted: bool
) -> None:
    quiet, initial = Life(), beginning(tmp_path, COMMANDS[name])
    play(initial, COMMANDS[name], quiet, hinted=hinted)
    cases = lives(fault, quiet)
    assert len(cases) >= 12, "there are at least that many points"
    for where, life in cases[share::SHARES]:
        home, receipt = play(initial, COMMANDS[name], life, hinted=hinted)
        reply = home.app.answers.reply(receipt.partition, receipt.id)
        assert reply.state is (StatementState.REFUSED if name == "refused" else StatementState.COUNTED), where
        assert recorded(home, receipt.partition, RECORDED[name]) == 1, where
        assert list(home.inbox_table.everything(limit=10)) == [], where


def changed(
    initial: Live, documents: list[StoredDocument], life: Life, *, hinted: bool
) -> tuple[Live, StatementReceipt]:
    """The front submits one changed and one new application, and the worker makes the change; a fault strikes one."""
    home = initial.copy()
    home.restart(wrap=mortal(life))
    id = home.app.inbox_writer.new_id()
    receipt = None
    while not isinstance(receipt, StatementReceipt):
        try:
            receipt = home.app.submitting.apply(documents, OLGA, reason="", id=id)
        except (Crash, *AWAY):
            life.restart()
    if not hinted:
        home.bus.raw.clear()
    for work in (home.hear, later(home), later(home), later(home)):
        try:
            work()
        except (Crash, *AWAY):
            life.restart()
    return home, receipt


@pytest.mark.sweep(keep=4)
@pytest.mark.parametrize("hinted", [True, False], ids=["hinted", "hint lost"])
@pytest.mark.parametrize("fault", ["crash", "away"])
@pytest.mark.parametrize("share", range(SHARES))
def test_a_change_of_the_catalogue_is_made_once_wherever_one_fault_strikes(
    tmp_path: Path, fault: str, share: int, *, hinted: bool
) -> None:
    write_application(tmp_path)
    initial, quiet = Live(tmp_path), Life()
    initial.apply()
    write_application(tmp_path, "cart")
    initial.edit_environment("staging", rollout_within="7m")
    documents = initial.documents()
    changed(initial, documents, quiet, hinted=hinted)
    cases = lives(fault, quiet)
    assert len(cases) >= 25, "there are at least that many points"
    for where, life in cases[share::SHARES]:
        home, receipt = changed(initial, documents, life, hinted=hinted)
        reply = home.app.answers.reply(receipt.partition, receipt.id)
        assert reply.state is StatementState.COUNTED, (where, reply)
        assert reply.answered is not None
        numbers = {change.subject: change.number for change in reply.answered.changes}
        assert numbers == {"project:team": 1, "application:shop": 2, "application:cart": 1}, where
        assert [recorded(home, name, "application.applied") for name in ("shop", "cart")] == [2, 1], where
        home.restart()
        assert sorted(home.app.catalogue.entries) == ["cart", "shop"], where
        assert home.verify("shop").intact, where
        assert list(home.inbox_table.everything(limit=10)) == [], where

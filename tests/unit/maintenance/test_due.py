"""Reconcile looks at what is due and at a few in turn: a quiet minute costs the same for ten applications and for a
thousand, and still nothing is forgotten."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import pytest

from slipway.catalogue.entries import Catalogue
from slipway.domain.commands import Verb
from slipway.domain.errors import present
from slipway.domain.release import Phase
from slipway.engine.freezing import FreezeOrder
from slipway.ledger import LedgerUnavailable, keys
from slipway.ledger.due import EVERYTHING, MUCH_LATER
from slipway.ledger.table import Act, Row, Write
from slipway.maintenance.reconcile import GATE_SHOWN, IN_TURN, Reconciled
from slipway.testing import Installation, MemoryTable, write_application
from tests.unit.commands.live import Live

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


class CountingTable(MemoryTable):
    """Counts requests as they are charged, and dies or is away if a test wants it."""

    def __init__(self) -> None:
        super().__init__()
        self.requests = 0
        self.away: str | None = None
        """Commits into this partition find the table away."""
        self.dies_after: str | None = None
        """The process ends once it has committed into this partition."""

    def get(self, partition: str, key: str) -> Row | None:
        self.requests += 1
        return super().get(partition, key)

    def rows(self, partition: str, first: str, last: str, *, limit: int | None = None) -> Iterator[Row]:
        self.requests += 1
        return super().rows(partition, first, last, limit=limit)

    def transact(self, partition: str, writes: Sequence[Write]) -> tuple[str, ...]:
        self.requests += 1
        if partition == self.away:
            raise LedgerUnavailable("the table is away")
        etags = super().transact(partition, writes)
        if partition == self.dies_after:
            self.dies_after = None
            raise KeyboardInterrupt
        return etags


@dataclass(kw_only=True)
class Many(Installation):
    """The given number of applications: the shop and copies of it, whose manifests still name the shop's image."""

    applications: int = 10
    table: CountingTable = field(default_factory=CountingTable)

    def __post_init__(self) -> None:
        super().__post_init__()
        shop = present(self.app.catalogue.get("shop"), "the shop").definition
        definitions = {"shop": shop}
        for number in range(self.applications - 1):
            name = f"app-{number:04d}"
            image = present(shop.application.image, "its image").evolve(repository=f"team/{name}")
            definitions[name] = replace(shop, application=shop.application.evolve(application=name, image=image))
        self.catalogue = Catalogue(definitions)
        self.restart(wrap=lambda ports: replace(ports, catalogue=lambda: self.catalogue))

    def minute(self) -> int:
        """A minute of the timer; returns the requests to the table."""
        self.wait(MINUTE)
        before = self.table.requests
        self.reconcile()
        return self.table.requests - before


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    return write_application(tmp_path / "shop", "shop").parent


def run_by_index(installation: Installation, *, minutes: int = 2) -> Reconciled:
    """What the timer does in that many minutes by the index alone, taking no application in turn."""
    total = Reconciled()
    for _ in range(minutes):
        installation.wait(MINUTE)
        total = total.plus(replace(installation.app.reconciler, in_turn=0).run(look_for_pushes=False))
    return total


def quiet_minutes(many: Many) -> list[int]:
    """The requests of each quiet minute of half an hour, after each application has had a release that is over."""
    for name in many.catalogue.entries:
        many.push("1.0", app=name)
        many.command(Verb.CANCEL, 1, app=name)
    many.bus.sent.clear()
    for _ in range(int(MUCH_LATER / MINUTE) + 2):
        many.minute()
    return [many.minute() for _ in range(32)]


@pytest.mark.parametrize("applications", [120, pytest.param(1000, marks=pytest.mark.thorough)])
def test_a_quiet_minute_costs_as_much_with_many_applications_as_with_ten(shop: Path, applications: int) -> None:
    ten, forty, many = (quiet_minutes(Many(shop, applications=count)) for count in (10, 40, applications))
    assert set(ten) == set(forty) == set(many)
    assert max(many) <= 40


# ---- what the index alone finishes
def test_messages_that_a_process_left_unsent_when_it_died_are_found_by_the_index(shop: Path) -> None:
    many = Many(shop, applications=40)
    many.table.dies_after = "app-0030"
    with pytest.raises(KeyboardInterrupt):
        many.push("1.0", app="app-0030")
    many.restart()
    assert many.steps() == []
    result = run_by_index(many)
    assert (result.sent, result.counted > 0) == (1, True)
    assert [step.application for step in many.steps()] == ["app-0030"]


def test_a_commit_that_lands_after_the_first_look_at_its_entry_is_found_by_the_second(shop: Path) -> None:
    """A storage call that hung: its entry was looked at and forgotten before the commit was there."""
    many = Many(shop, applications=40)
    many.table.away = "app-0030"
    with pytest.raises(LedgerUnavailable):
        many.push("1.0", app="app-0030")
    run_by_index(many, minutes=3)
    assert many.table.get(keys.DUE_INDEX, first_entry(many)) is not None
    many.table.away, many.table.dies_after = None, "app-0030"
    with pytest.raises(KeyboardInterrupt):
        without_announcing(many, "app-0030")
    many.restart()
    assert run_by_index(many, minutes=2).sent == 0
    assert run_by_index(many, minutes=int(MUCH_LATER / MINUTE)).sent == 1


def first_entry(many: Many) -> str:
    return next(iter(many.table.rows(keys.DUE_INDEX, *keys.range_of(keys.DUE)))).key


def without_announcing(many: Many, name: str) -> None:
    """A push whose commit is sent again by the storage client, long after its entry was written."""
    many.app.ledger.due.announce = lambda application, now: None  # type: ignore[method-assign]
    many.push("1.0", app=name)


def test_deadlines_and_reminders_whose_messages_were_lost_are_found_by_the_index(shop: Path) -> None:
    many = Many(shop, applications=40)
    many.push("1.0")
    many.settle()
    assert many.phase(1) is Phase.AWAITING_APPROVAL
    many.bus.sent.clear()
    result = run_by_index(many, minutes=int(timedelta(hours=24) / MINUTE) + 2)
    assert result.reminders > 0
    assert result.deadlines == 1
    assert many.phase(1) is Phase.EXPIRED


def test_an_open_gate_is_looked_at_every_quarter_of_an_hour_and_no_more_often(shop: Path) -> None:
    many = Many(shop, applications=40)
    many.push("1.0")
    many.settle()
    many.bus.sent.clear()
    run_by_index(many, minutes=15)
    looks = 0
    for _ in range(60):
        many.wait(MINUTE)
        looks += len(many.app.ledger.due.at(many.now)) > 0
        replace(many.app.reconciler, in_turn=0).run(look_for_pushes=False)
    assert looks == HOUR / GATE_SHOWN


def test_a_message_that_no_queue_took_stays_due_until_one_does(shop: Path) -> None:
    many = Many(shop, applications=40)
    many.bus.broken = True
    many.push("1.0", app="app-0030")
    assert run_by_index(many, minutes=5).sent == 0
    many.bus.broken = False
    assert run_by_index(many, minutes=1).sent == 1


def test_applications_that_missed_a_freeze_of_everything_get_it_through_the_index(shop: Path) -> None:
    many = Many(shop, applications=40)
    for name in many.catalogue.entries:
        many.push("1.0", app=name)
    run_by_index(many, minutes=int(MUCH_LATER / MINUTE) + 1)
    many.table.dies_after = keys.INSTALLATION
    order = FreezeOrder(
        verb=Verb.FREEZE,
        actor="oid:1",
        reason="fire",
        channel="cli",
        submission="message-1",
        received_at=many.now,
    )
    with pytest.raises(KeyboardInterrupt):
        many.app.freezer.carry_out(order)
    many.restart()
    assert [name for name in many.catalogue.entries if many.app.ledger.head(name).freeze] == []
    run_by_index(many)
    assert [name for name in many.catalogue.entries if many.app.ledger.head(name).freeze is None] == []
    assert EVERYTHING not in {entry.application for entry in many.app.ledger.due.at(many.now)}


def test_a_release_that_is_held_back_is_planned_again_when_its_application_changes(tmp_path: Path) -> None:
    write_application(tmp_path / "team")
    live = Live(tmp_path / "team")
    live.apply()
    live.command(Verb.FREEZE, environment="staging")
    live.push("1.0")
    live.settle()
    assert live.phase(1) is Phase.HELD_BACK
    run_by_index(live, minutes=2 * int(MUCH_LATER / MINUTE))
    assert live.app.ledger.due.at(live.now + HOUR) == ()
    live.edit_environment("staging", rollout_within="7m")
    live.apply()
    run_by_index(live)
    assert live.phase(1) is Phase.PLANNING


def test_after_a_change_of_a_project_every_application_is_due(tmp_path: Path) -> None:
    write_application(tmp_path / "team")
    live = Live(tmp_path / "team")
    live.apply()
    run_by_index(live, minutes=2 * int(MUCH_LATER / MINUTE))
    live.edit_project(lambda value: value.update(waive=[]))
    live.apply()
    assert EVERYTHING in {entry.application for entry in live.app.ledger.due.at(live.now + 2 * MINUTE)}


# ---- what the index lacks, and trouble
def test_a_message_that_the_index_has_lost_is_found_when_its_application_has_its_turn(shop: Path) -> None:
    many = Many(shop, applications=40)
    many.bus.broken = True
    many.push("1.0", app="app-0038")
    many.bus.broken = False
    removed_keys = [row.key for row in many.table.rows(keys.DUE_INDEX, *keys.range_of(keys.DUE))]
    many.table.transact(keys.DUE_INDEX, [Write(act=Act.DELETE, key=key) for key in removed_keys])
    assert run_by_index(many, minutes=15).sent == 0
    for _ in range(40 // IN_TURN):
        many.wait(MINUTE)
        if many.reconcile().sent == 1:
            return
    pytest.fail("it was not sent")


def test_each_application_has_its_turn_in_as_many_minutes_as_it_takes_and_forgets_all_its_old_marks(
    shop: Path,
) -> None:
    many = Many(shop, applications=20)
    for name in many.catalogue.entries:
        many.push("1.0", app=name)
    many.bus.sent.clear()
    many.wait(timedelta(days=31))
    marked = {name for name in many.catalogue.entries if list(many.table.rows(name, *keys.range_of(keys.SEEN)))}
    assert len(marked) == 20
    for _ in range(256 * 20 // IN_TURN):
        many.minute()
    old_time = (many.now - timedelta(days=30)).isoformat()
    remaining = [
        row.key
        for name in marked
        for row in many.table.rows(name, *keys.range_of(keys.SEEN))
        if str(row.values["At"]) < old_time
    ]
    assert remaining == []


def test_an_application_that_cannot_be_looked_at_has_one_entry_and_keeps_nobody_waiting(shop: Path) -> None:
    many = Many(shop, applications=40)
    for name in ("app-0030", "app-0031"):
        many.push("1.0", app=name)
    many.bus.sent.clear()
    many.table.transact("app-0030", [Write(act=Act.PUT, key=keys.HEAD, values={"Data": "garbage"})])
    result = run_by_index(many, minutes=30)
    assert {problem.partition(":")[0] for problem in result.problems} == {"app-0030"}
    assert len(result.problems) == 30, "once a minute"
    assert result.deadlines > 0, "the other one's step was sent again"
    entries = [row.key for row in many.table.rows(keys.DUE_INDEX, *keys.range_of(keys.DUE))]
    assert len([key for key in entries if key.endswith("app-0030")]) == 1


def test_an_entry_of_an_application_that_is_not_known_is_kept_for_a_while_and_then_forgotten(shop: Path) -> None:
    many = Many(shop, applications=10)
    many.app.ledger.due.wait_until("new", many.now)
    run_by_index(many, minutes=3)
    assert [entry.application for entry in many.app.ledger.due.at(many.now)] == ["new"]
    run_by_index(many, minutes=int(MUCH_LATER / MINUTE))
    assert many.app.ledger.due.at(many.now) == ()

"""Anchors: one a day, whatever happens, and every witness is told once."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from slipway.domain.anchor import Anchor, AnchorCheck
from slipway.domain.audit import AuditRecord
from slipway.effects.notification import NotificationError
from slipway.ledger import keys
from slipway.ledger.anchors import AnchorsDamaged
from slipway.ledger.rows import pack, pack_audit, unpack_audit
from slipway.ledger.table import Act, Write
from slipway.maintenance.anchoring import AnchoringRun
from slipway.testing import MemoryLog, MemoryTable, write_application
from tests.contract.audit.installation import Audited
from tests.faults.mortal import Crash, Life, MortalTable, mortal_port

DAY = timedelta(days=1)


@pytest.fixture
def deliveries(tmp_path: Path) -> Path:
    write_application(tmp_path)
    return tmp_path


@pytest.fixture
def installation(deliveries: Path) -> Audited:
    found = Audited(deliveries, settings={"witnesses": ["inbox"]})
    found.deliver("1.0")
    found.inbox.messages.clear()
    return found


def lines(installation: Audited) -> Iterator[Anchor]:
    for month in installation.app.anchors.months():
        for line in installation.app.anchors.of(month).splitlines():
            yield Anchor.model_validate_json(line)


def own_trail(installation: Audited) -> list[str]:
    found = installation.app.ledger.audit(keys.INSTALLATION)
    return [record.action for record in found if isinstance(record, AuditRecord)]


def is_chained(installation: Audited) -> bool:
    check = AnchorCheck()
    return all(check.feed(anchor) is None for anchor in lines(installation))


def test_the_first_run_of_a_day_writes_its_anchor_and_the_others_do_nothing(installation: Audited) -> None:
    assert installation.app.anchoring.run() == AnchoringRun(written=1, told=("inbox",))
    for _ in range(3):
        installation.wait(timedelta(hours=1))
        assert installation.app.anchoring.run() == AnchoringRun()
    (anchor,) = lines(installation)
    head = installation.app.ledger.head("shop")
    assert (anchor.heads["shop"].sequence, anchor.heads["shop"].hash) == (head.sequence, head.hash)
    assert own_trail(installation) == ["anchor.written", "anchor.sent"]


def test_each_anchor_holds_the_hash_of_the_one_before_it_also_over_months(installation: Audited) -> None:
    for _ in range(10):
        installation.app.anchoring.run()
        installation.wait(DAY)
    assert installation.app.anchors.months() == ["2026-11", "2026-12"]
    assert [anchor.number for anchor in lines(installation)] == list(range(1, 11))
    assert is_chained(installation)


def test_after_days_without_the_app_one_anchor_closes_them_and_says_so(installation: Audited) -> None:
    installation.app.anchoring.run()
    installation.wait(4 * DAY)
    installation.app.anchoring.run()
    first, second = lines(installation)
    assert (f"{first.since}", f"{first.day}") == ("2026-11-23", "2026-11-23")
    assert (f"{second.since}", f"{second.day}") == ("2026-11-24", "2026-11-27")


def test_a_clock_that_goes_back_makes_no_anchor(installation: Audited) -> None:
    installation.app.anchoring.run()
    installation.wait(-3 * DAY)
    assert installation.app.anchoring.run().written is None


def test_the_installations_own_chain_is_anchored_too(installation: Audited) -> None:
    installation.app.anchoring.run()
    installation.wait(DAY)
    installation.app.anchoring.run()
    first, second = lines(installation)
    assert set(first.heads) == {"shop"}, "nothing was written in the installation's chain before the first anchor"
    assert set(second.heads) == {"shop", keys.INSTALLATION}


def test_a_witness_gets_the_whole_line(installation: Audited) -> None:
    installation.app.anchoring.run()
    (message,) = installation.inbox.messages
    (anchor,) = lines(installation)
    assert message.notice == "anchor-written"
    assert Anchor.model_validate_json(message.anchor) == anchor
    assert anchor.hash in message.headline


def test_a_witness_that_cannot_be_reached_is_told_an_hour_later(installation: Audited) -> None:
    installation.inbox.errors.append(NotificationError("channel inbox: no answer", retryable=True))
    assert installation.app.anchoring.run() == AnchoringRun(written=1, problems=("channel inbox: no answer",))
    installation.wait(timedelta(hours=1))
    assert installation.app.anchoring.run() == AnchoringRun(told=("inbox",))
    assert installation.app.anchoring.run() == AnchoringRun()


def test_a_chain_that_was_changed_since_the_last_anchor_is_noticed_by_the_app_itself(
    installation: Audited,
) -> None:
    installation.app.anchoring.run()
    end = installation.app.ledger.head("shop")
    row = installation.app.table.get("shop", keys.audit(end.sequence))
    assert row is not None
    forged = unpack_audit({**row.values, "Actor": "mallory@example.com"})
    forged = forged.evolve(hash=forged.expected_hash())
    installation.app.table.transact(
        "shop",
        [
            Write(act=Act.PUT, key=row.key, values=pack_audit(forged)),
            Write(act=Act.PUT, key=keys.HEAD, values=pack(end.evolve(hash=forged.hash))),
        ],
    )
    installation.wait(DAY)
    assert installation.app.anchoring.run().contradicted == ("shop",)
    assert "anchor.contradicted" in own_trail(installation)
    installation.wait(timedelta(hours=1))
    assert own_trail(installation).count("anchor.contradicted") == 1


def test_nothing_is_written_behind_what_is_no_anchor(installation: Audited) -> None:
    installation.app.anchoring.run()
    (name,) = installation.log.names("anchors/")
    installation.log.append(name, b"garbage\n", at=len(installation.log.read(name)))
    installation.wait(DAY)
    with pytest.raises(AnchorsDamaged, match="its last line is not an anchor"):
        installation.app.anchoring.run()


class Late(MemoryLog):
    """Another instance writes just before the first append."""

    def __init__(self) -> None:
        super().__init__()
        self.other = False

    def append(self, name: str, content: bytes, *, at: int) -> None:
        if not self.other:
            self.other = True
            super().append(name, content, at=at)
        super().append(name, content, at=at)


def test_of_two_instances_one_writes_the_anchor(deliveries: Path) -> None:
    found = Audited(deliveries, log=Late())
    found.deliver("1.0")
    assert found.app.anchoring.run().written is None
    assert len(list(lines(found))) == 1
    found.app.anchoring.run()
    assert own_trail(found) == ["anchor.written"]


def deaths(deliveries: Path) -> int:
    """Points at which a process can die while it anchors two days."""
    life = Life()
    live_through(deliveries, life)
    return len(life.points)


def live_through(deliveries: Path, life: Life) -> Audited:
    table, log = MemoryTable(), MemoryLog()
    before = Audited(deliveries, table=table, log=log)
    before.deliver("1.0")
    mortal = Audited(
        deliveries,
        table=MortalTable(table, life),
        log=mortal_port(log, life, "log", "append"),
        settings={"witnesses": ["inbox"]},
        wrap=lambda ports: replace(
            ports, channel=lambda name: mortal_port(ports.channel(name), life, "channel", "send")
        ),
    )
    for _ in range(2):
        for _ in range(4):
            try:
                mortal.app.anchoring.run()
            except Crash:
                life.restart()
            mortal.wait(timedelta(hours=1))
        mortal.wait(DAY)
    return mortal


def test_a_process_may_die_at_any_point_and_each_day_has_one_recorded_anchor(deliveries: Path) -> None:
    for point in range(deaths(deliveries)):
        life = Life(crash_at=frozenset({point}))
        found = live_through(deliveries, life)
        at = life.points[point]
        assert [anchor.number for anchor in lines(found)] == [1, 2], at
        assert is_chained(found), at
        trail = own_trail(found)
        assert (trail.count("anchor.written"), trail.count("anchor.sent")) == (2, 2), at
        told = {message.id for message in found.inbox.messages}
        assert len(told) == 2, at

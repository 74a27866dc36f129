"""Daily anchors: each chain that has grown gets one, nothing is anchored over a chain that was put back, and every
witness is told once."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from slipway.domain.audit import AuditRecord
from slipway.domain.chain_anchor import AnchorReason, ChainAnchor
from slipway.domain.commands import Verb
from slipway.domain.errors import present
from slipway.effects.notification import NotificationError
from slipway.ledger import keys
from slipway.ledger.chain_anchors import FOLDER
from slipway.ledger.rows import pack, pack_audit, unpack_audit
from slipway.ledger.table import Act, Write
from slipway.maintenance.anchoring import AnchoringRun
from slipway.testing import MemoryAdded, MemoryTable, write_application
from slipway.testing.identity import published_keys
from tests.contract.audit.installation import Audited
from tests.faults.mortal import Crash, Life, MortalTable, mortal_port

DAY = timedelta(days=1)


@pytest.fixture
def deliveries(tmp_path: Path) -> Path:
    write_application(tmp_path)
    return tmp_path


@pytest.fixture
def storage() -> MemoryAdded:
    return MemoryAdded()


@pytest.fixture
def installation(deliveries: Path, storage: MemoryAdded) -> Audited:
    home = Audited(deliveries, added=storage, settings={"witnesses": ["inbox"]})
    home.deliver("1.0")
    home.inbox.messages.clear()
    return home


def anchors(storage: MemoryAdded, chain: str = "application:shop") -> list[ChainAnchor]:
    """Newest first."""
    return [ChainAnchor.model_validate_json(content) for _, content in storage.listed(f"{FOLDER}{chain}/")]


def daily(storage: MemoryAdded, chain: str = "application:shop") -> list[ChainAnchor]:
    return [anchor for anchor in anchors(storage, chain) if anchor.why is AnchorReason.DAILY]


def own_trail(installation: Audited) -> list[str]:
    records = installation.app.ledger.audit(keys.INSTALLATION)
    return [record.action for record in records if isinstance(record, AuditRecord)]


def record_keys(installation: Audited) -> None:
    """Record the keys, which is the first record in a new installation's own chain."""
    app = installation.app
    assert app.installation.record_keys(app.private_keys.ids(), app.public_keys.by_id(), now=installation.now)


def test_an_anchor_names_the_identity_providers_keys_of_its_day_which_are_kept(
    installation: Audited, storage: MemoryAdded
) -> None:
    issuer = installation.provider.issuer
    installation.app.anchoring.run()
    (first,) = daily(storage)
    issuer.kid = "k2"
    installation.deliver("1.1")
    installation.wait(DAY)
    installation.app.anchoring.run()
    second, _ = daily(storage)
    assert [installation.app.blobs.get(present(anchor.keys.issuer, "the keys")) for anchor in (first, second)] == [
        published_keys("k1"),
        published_keys("k2"),
    ]


def test_a_provider_that_is_away_keeps_no_anchor_from_being_written(
    installation: Audited, storage: MemoryAdded
) -> None:
    installation.provider.issuer.away = True
    installation.app.anchoring.run()
    (anchor,) = daily(storage)
    assert anchor.keys.issuer is None


def test_the_first_run_of_a_day_anchors_a_chain_that_has_grown_and_the_others_do_nothing(
    installation: Audited, storage: MemoryAdded
) -> None:
    result = installation.app.anchoring.run()
    (anchor,) = daily(storage)
    assert (result.written, result.witnesses) == ((anchor.name,), ("inbox",))
    head = installation.app.ledger.head("shop")
    assert (anchor.head.sequence, anchor.head.hash) == (head.sequence, head.hash)
    for _ in range(3):
        installation.wait(timedelta(hours=1))
        assert installation.app.anchoring.run() == AnchoringRun()


def test_a_chain_that_has_not_grown_gets_no_anchor(installation: Audited, storage: MemoryAdded) -> None:
    installation.app.anchoring.run()
    before = dict(storage.files)
    for _ in range(5):
        installation.wait(DAY)
        assert installation.app.anchoring.run() == AnchoringRun()
    assert storage.files == before


def test_each_anchor_names_the_anchor_before_it_whatever_it_was_written_for(
    installation: Audited, storage: MemoryAdded
) -> None:
    for number in range(3):
        installation.app.anchoring.run()
        installation.deliver(f"1.{number + 1}")
        installation.wait(DAY)
    chain_anchors = anchors(storage)
    assert {anchor.why for anchor in chain_anchors} == {AnchorReason.DAILY, AnchorReason.GATE}
    assert [newer.before for newer in chain_anchors[:-1]] == [older.hash for older in chain_anchors[1:]]


def test_a_freeze_is_anchored_at_once_as_a_change_of_the_rules(installation: Audited, storage: MemoryAdded) -> None:
    installation.command(Verb.FREEZE, environment="production", reason="the sale")
    newest = anchors(storage)[0]
    assert (newest.why, newest.head.sequence) == (AnchorReason.RULES, installation.app.ledger.head("shop").sequence)


def test_a_change_of_keys_is_anchored_at_once(installation: Audited, storage: MemoryAdded) -> None:
    record_keys(installation)
    (own_anchor,) = anchors(storage, "installation")
    assert (own_anchor.why, own_anchor.head.sequence) == (
        AnchorReason.RULES,
        installation.app.ledger.head(keys.INSTALLATION).sequence,
    )


def test_rules_whose_anchor_could_not_be_written_are_anchored_by_the_reconcile_timer(
    deliveries: Path, storage: MemoryAdded
) -> None:
    life = Life()
    installation = Audited(
        deliveries,
        added=storage,
        wrap=lambda ports: replace(ports, added_blobs=lambda: mortal_port(ports.added_blobs(), life, "anchors", "add")),
    )
    life.fail_at = frozenset({0})
    record_keys(installation)
    assert anchors(storage, "installation") == []
    installation.wait(timedelta(minutes=5))
    installation.app.reconciler.run(look_for_pushes=False)
    (own_anchor,) = anchors(storage, "installation")
    assert own_anchor.why is AnchorReason.RULES


def test_a_witness_gets_the_newest_anchor_of_each_chain(installation: Audited, storage: MemoryAdded) -> None:
    record_keys(installation)
    installation.app.anchoring.run()
    (message,) = installation.inbox.messages
    chain_anchors = [ChainAnchor.model_validate_json(line) for line in message.anchors.splitlines()]
    assert message.notice == "anchor-written"
    assert chain_anchors == [anchors(storage)[0], anchors(storage, "installation")[0]]


def test_a_witness_that_cannot_be_reached_is_notified_an_hour_later(installation: Audited) -> None:
    installation.inbox.errors.append(NotificationError("channel inbox: no answer", retryable=True))
    assert installation.app.anchoring.run().problems == ("channel inbox: no answer",)
    installation.wait(timedelta(hours=1))
    assert installation.app.anchoring.run() == AnchoringRun(witnesses=("inbox",))
    assert installation.app.anchoring.run() == AnchoringRun()


def test_a_changed_chain_gets_no_further_anchor_and_this_is_recorded_once(
    installation: Audited, storage: MemoryAdded
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
    before = anchors(storage)
    for _ in range(2):
        installation.wait(DAY)
        assert installation.app.anchoring.run().contradicted == ("shop",)
    assert own_trail(installation).count("anchor.contradicted") == 1
    assert anchors(storage) == before


def test_a_forged_anchor_in_the_place_of_the_next_one_does_not_keep_it_away(
    installation: Audited, storage: MemoryAdded, caplog: pytest.LogCaptureFixture
) -> None:
    app = installation.app
    true_one = app.chain_anchors.anchor_daily("shop", now=installation.now)
    assert true_one is not None
    place = FOLDER + true_one.name
    storage.files[place] = true_one.evolve(at=installation.now + DAY).document()
    again = app.chain_anchors.anchor_daily("shop", now=installation.now)
    assert again is not None
    assert app.public_keys.fault(again.sig, again.hash.encode()) == ""
    assert [name for name, _ in storage.listed(place)] == [place, f"{place}-1"]
    assert "is passed over: its signature" in caplog.text


def live_through(deliveries: Path, life: Life) -> tuple[Audited, MemoryAdded]:
    table, storage = MemoryTable(), MemoryAdded()
    before = Audited(deliveries, table=table, added=storage)
    before.deliver("1.0")
    mortal = Audited(
        deliveries,
        table=MortalTable(table, life),
        settings={"witnesses": ["inbox"]},
        wrap=lambda ports: replace(
            ports,
            added_blobs=lambda: mortal_port(storage, life, "anchors", "add"),
            channel=lambda name: mortal_port(ports.channel(name), life, "channel", "send"),
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
    return mortal, storage


SHARES = 4
"""The points at which it may die are divided into this many shares; `make test` takes the first."""


@pytest.mark.sweep(keep=1)
@pytest.mark.parametrize("share", range(SHARES))
def test_wherever_a_process_dies_the_chain_is_anchored_and_its_witness_notified(deliveries: Path, share: int) -> None:
    life = Life()
    live_through(deliveries, life)
    assert life.points
    for point in range(share, len(life.points), SHARES):
        life = Life(crash_at=frozenset({point}))
        installation, storage = live_through(deliveries, life)
        at = life.points[point]
        (anchor,) = daily(storage)
        assert anchor.head.sequence == installation.app.ledger.head("shop").sequence, at
        assert {message.anchors for message in installation.inbox.messages} == {anchor.document().decode().rstrip()}, at
        assert list(installation.app.table.rows(keys.INSTALLATION, *keys.range_of(keys.OWED))) == [], at

"""`slipway audit verify` finds every way of tampering with a trail: the test edits the table in Azurite behind the
app's back, and the command checks on its own machine the records that the app's API returns."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from slipway.catalogue.entries import Catalogue
from slipway.domain.audit import AuditRecord
from slipway.domain.chain_anchor import AnchorReason, ChainAnchor
from slipway.ledger import keys
from slipway.ledger.chain_anchors import FOLDER
from slipway.ledger.index_keys import COPIES, by_application, key_on
from slipway.ledger.rows import pack, pack_audit, unpack_audit
from slipway.ledger.table import Act, Value, Write
from slipway.testing import MemoryAdded
from slipway.testing.chains import signed_anew
from tests.contract.audit.installation import Audited

type Ask = Callable[..., dict[str, Any]]

CHAIN = FOLDER + "application:shop/"


class Intruder:
    """Somebody with access to the storage account."""

    def __init__(self, installation: Audited) -> None:
        self.table = installation.app.table
        self.ledger = installation.app.ledger
        self.files = storage_of(installation).files

    @property
    def end(self) -> int:
        return self.ledger.head("shop").sequence

    def values(self, sequence: int) -> Mapping[str, Value]:
        row = self.table.get("shop", keys.audit(sequence))
        assert row is not None
        return row.values

    def put(self, sequence: int, values: Mapping[str, Value], *, key: str = "") -> None:
        self.table.transact("shop", [Write(act=Act.PUT, key=key or keys.audit(sequence), values=values)])

    def remove(self, *sequences: int) -> None:
        self.table.transact("shop", [Write(act=Act.DELETE, key=keys.audit(n)) for n in sequences])

    def records(self) -> list[AuditRecord]:
        return [item for item in self.ledger.audit("shop") if isinstance(item, AuditRecord)]

    def write_head(self, sequence: int, hash: str) -> None:
        head = self.ledger.head("shop").evolve(sequence=sequence, hash=hash)
        self.table.transact("shop", [Write(act=Act.PUT, key=keys.HEAD, values=pack(head))])

    def rehash(self, records: list[AuditRecord]) -> None:
        """Rewrite the whole chain so that it is consistent in itself and with its head."""
        previous = ""
        for record in records:
            draft = {"action": record.action, "actor": record.actor, "details": record.details}
            forged = record.evolve(previous=previous or record.previous, **draft)
            forged = signed_anew(forged)
            self.put(forged.sequence, pack_audit(forged))
            previous = forged.hash
        self.write_head(len(records), previous)


def storage_of(installation: Audited) -> MemoryAdded:
    assert isinstance(installation.added, MemoryAdded)
    return installation.added


@pytest.fixture
def intruder(installation: Audited) -> Intruder:
    return Intruder(installation)


def fault(report: dict[str, Any], chain: str = "shop") -> tuple[int, str]:
    assert report["intact"] is False
    wrong = {item["application"]: item["fault"] for item in report["applications"] if not item["intact"]}
    assert list(wrong) == [chain]
    return wrong[chain]["sequence"], wrong[chain]["reason"]


def anchors(installation: Audited) -> list[ChainAnchor]:
    """Newest first."""
    return [ChainAnchor.model_validate_json(content) for _, content in storage_of(installation).listed(CHAIN)]


def test_an_untouched_trail_is_intact_and_anchored(verdict: Ask, installation: Audited) -> None:
    report = verdict()
    assert (report["intact"], report["anchored"]) == (True, True)
    shop, own_chain = report["applications"]
    assert (shop["application"], own_chain["application"]) == ("shop", "_installation")
    newest = anchors(installation)[0]
    assert (shop["anchors"], shop["anchored"]) == (len(anchors(installation)), newest.head.sequence)
    assert shop["anchored"] == installation.app.ledger.head("shop").sequence


# ---- the chain finds it
def test_a_changed_record_is_found(verdict: Ask, intruder: Intruder) -> None:
    intruder.put(7, {**intruder.values(7), "Actor": "mallory@example.com"})
    assert fault(verdict()) == (7, "its content does not match its hash: it was changed after it was written")


def test_a_record_that_was_taken_out_of_the_index_is_named_and_the_trail_is_intact(
    verdict: Ask, intruder: Intruder, installation: Audited
) -> None:
    """Its index entry under the application is missing, so a search by application does not find it."""
    record = intruder.records()[4]
    lost = Write(act=Act.DELETE, key=key_on(by_application("shop"), record))
    installation.app.index.table.transact(COPIES, [lost])
    report = verdict("shop")
    assert (report["intact"], report["indexed"]) == (True, False)
    assert report["applications"][0]["index"] == {"missing": 1, "wrong": 0, "extra": 0, "records": [record.sequence]}


def test_a_removed_record_is_found(verdict: Ask, intruder: Intruder) -> None:
    intruder.remove(5)
    assert fault(verdict()) == (5, "expected sequence 5, found 6: a record is missing")


def test_an_added_record_is_found(verdict: Ask, intruder: Intruder) -> None:
    end = unpack_audit(intruder.values(intruder.end))
    forged = end.evolve(sequence=end.sequence + 1, previous=end.hash, actor="mallory@example.com")
    intruder.put(forged.sequence, pack_audit(signed_anew(forged)))
    sequence, reason = fault(verdict())
    assert sequence == end.sequence + 2
    assert f"the head names {end.sequence} records" in reason


def test_two_records_that_changed_places_are_found(verdict: Ask, intruder: Intruder) -> None:
    third, fourth = intruder.values(3), intruder.values(4)
    intruder.put(3, {**fourth, "Sequence": 3})
    intruder.put(4, {**third, "Sequence": 4})
    assert fault(verdict()) == (3, "it does not name the hash of the record before it")


def test_a_trail_whose_end_was_cut_off_is_found(verdict: Ask, intruder: Intruder) -> None:
    end = intruder.end
    intruder.remove(end, end - 1)
    assert fault(verdict()) == (end - 1, f"the head names {end} records, {end - 2} were found")


# ---- only the anchor finds it
def test_a_chain_that_was_replaced_by_a_consistent_one_is_found(
    verdict: Ask, intruder: Intruder, installation: Audited
) -> None:
    records = intruder.records()
    records[4] = records[4].evolve(actor="mallory@example.com")
    intruder.rehash(records)
    first = anchors(installation)[-1]
    sequence, reason = fault(verdict())
    assert sequence == first.head.sequence
    assert reason.startswith(f"{first.text} names another hash for it: the chain was replaced")
    assert installation.is_consistent()


def test_a_table_that_was_rolled_back_is_found(verdict: Ask, intruder: Intruder, installation: Audited) -> None:
    """Yesterday's table restored: its head and its records, and nothing of today."""
    newest, day_before, *_ = [anchor for anchor in anchors(installation) if anchor.why is AnchorReason.DAILY]
    yesterday = day_before.head
    for sequence in range(yesterday.sequence + 1, intruder.end + 1):
        intruder.remove(sequence)
    intruder.write_head(yesterday.sequence, yesterday.hash)
    assert installation.is_consistent()
    sequence, reason = fault(verdict())
    assert sequence == yesterday.sequence + 1
    assert newest.text in reason
    assert "rolled back" in reason


def test_a_chain_that_was_removed_altogether_is_found(verdict: Ask, intruder: Intruder) -> None:
    for sequence in range(1, intruder.end + 1):
        intruder.remove(sequence)
    intruder.table.transact("shop", [Write(act=Act.DELETE, key=keys.HEAD)])
    assert fault(verdict())[0] == 1


# ---- the anchors themselves
def test_a_changed_anchor_counts_for_nothing_and_is_named(verdict: Ask, intruder: Intruder) -> None:
    name = next(name for name in sorted(intruder.files) if name.startswith(CHAIN))
    intruder.files[name] = intruder.files[name].replace(b"2026-11-25T", b"2026-11-24T", 1)
    shop = verdict()["applications"][0]
    assert shop["notes"] == ["an anchor does not count: its signature with the key test is wrong"]
    assert shop["intact"] is True


def test_an_anchor_of_a_gate_that_was_removed_is_missed(
    verdict: Ask, intruder: Intruder, installation: Audited
) -> None:
    gate = next(anchor for anchor in anchors(installation) if anchor.why is AnchorReason.GATE)
    del intruder.files[FOLDER + gate.name]
    sequence, reason = fault(verdict())
    assert (sequence > gate.head.sequence, f"the anchor {gate.hash} was written" in reason) == (True, True)


def test_a_trail_whose_anchors_are_gone_is_unproved(
    slipway: Callable[..., Any], intruder: Intruder, installation: Audited
) -> None:
    for name in list(intruder.files):
        if name.startswith(FOLDER + "installation/"):
            del intruder.files[name]
    result = slipway("audit", "verify", "_installation", "--json")
    report = json.loads(result.stdout)
    assert (result.exit_code, report["intact"], report["anchored"]) == (6, True, False)


def test_a_trail_that_was_replaced_with_its_anchors_is_found_by_an_anchor_that_somebody_kept(
    verdict: Ask, intruder: Intruder, installation: Audited, tmp_path: Path
) -> None:
    """Anybody who holds the key can sign any text, but cannot change the anchors that others have kept."""
    anchor_file = tmp_path / "from-the-mail.jsonl"
    anchor_file.write_bytes(anchors(installation)[0].document())
    records = intruder.records()
    records[4] = records[4].evolve(actor="mallory@example.com")
    intruder.rehash(records)
    for name in list(intruder.files):
        if name.startswith(CHAIN):
            del intruder.files[name]
    installation.app.chain_anchors.anchor_daily("shop", now=installation.now)
    assert any("was written" not in reason for _, reason in [fault(verdict("--anchors", str(anchor_file)))])
    assert "names another hash" in fault(verdict("--anchors", str(anchor_file)))[1]


def test_an_application_that_is_no_longer_delivered_is_still_verified(
    verdict: Ask, intruder: Intruder, installation: Audited
) -> None:
    installation.restart(wrap=lambda ports: replace(ports, catalogue=lambda: Catalogue({})))
    assert {item["application"] for item in verdict()["applications"]} == {"shop", "_installation"}
    intruder.remove(2)
    assert fault(verdict())[0] == 2


def test_the_verdict_for_a_person_names_chain_record_and_reason(
    slipway: Callable[..., Any], intruder: Intruder
) -> None:
    intruder.remove(5)
    result = slipway("audit", "verify")
    assert result.exit_code == 7
    assert "✗ broken  shop: record 5: expected sequence 5, found 6" in result.stdout
    assert "✓ intact  _installation: " in result.stdout


def test_a_file_of_kept_anchors_that_holds_none_is_refused(slipway: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("\n")
    assert slipway("audit", "verify", "--anchors", "kept").exit_code == 2
    (tmp_path / "kept").write_text("Dear witness,\n")
    assert slipway("audit", "verify", "--anchors", "kept").exit_code == 2


def test_the_line_of_a_kept_anchor_is_a_json_object(installation: Audited) -> None:
    line = anchors(installation)[0].document()
    assert set(json.loads(line)) == {"v", "chain", "epoch", "head", "before", "at", "why", "gate", "keys", "sig"}

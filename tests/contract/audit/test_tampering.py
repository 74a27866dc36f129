"""Every way of tampering with a trail is found by `slipway audit verify`: the table in Azurite is edited behind the
app's back, and the command computes on its own machine what it gets from the app's API."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from slipway.catalogue.entries import Catalogue
from slipway.domain.anchor import Anchor
from slipway.domain.audit import AuditRecord
from slipway.ledger import keys
from slipway.ledger.azure_logs import AzureLog
from slipway.ledger.rows import pack, pack_audit, unpack_audit
from slipway.ledger.table import Act, Value, Write
from slipway.testing.chains import signed_anew
from tests.contract.audit.installation import Audited

type Ask = Callable[..., dict[str, Any]]

MONTH = "anchors/2026-11.jsonl"


class Intruder:
    """Somebody with access to the storage account."""

    def __init__(self, installation: Audited) -> None:
        self.table = installation.app.table
        self.ledger = installation.app.ledger
        self.log = installation.log

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
        """Write the whole chain anew, consistent in itself, with the head that belongs to it."""
        previous = ""
        for record in records:
            draft = {"action": record.action, "actor": record.actor, "details": record.details}
            forged = record.evolve(previous=previous or record.previous, **draft)
            forged = signed_anew(forged)
            self.put(forged.sequence, pack_audit(forged))
            previous = forged.hash
        self.write_head(len(records), previous)

    def overwrite_anchors(self, lines: list[bytes]) -> None:
        """What only a container without a policy lets anybody do."""
        assert isinstance(self.log, AzureLog)
        blob = self.log._place.client.get_blob_client(MONTH)
        blob.delete_blob()
        self.log.append(MONTH, b"".join(lines), at=0)


@pytest.fixture
def intruder(installation: Audited) -> Intruder:
    return Intruder(installation)


def fault(found: dict[str, Any], chain: str = "shop") -> tuple[int, str]:
    assert found["intact"] is False
    wrong = {item["application"]: item["fault"] for item in found["applications"] if not item["intact"]}
    assert list(wrong) == [chain]
    return wrong[chain]["sequence"], wrong[chain]["reason"]


def anchor_fault(found: dict[str, Any]) -> tuple[int, str]:
    assert found["intact"] is False
    assert all(item["intact"] for item in found["applications"])
    return found["anchors"]["fault"]["number"], found["anchors"]["fault"]["reason"]


def anchors(installation: Audited) -> list[Anchor]:
    return [Anchor.model_validate_json(line) for line in installation.log.read(MONTH).splitlines()]


def test_what_nobody_touched_is_intact(verdict: Ask, installation: Audited) -> None:
    found = verdict()
    assert found["intact"] is True
    assert {item["application"] for item in found["applications"]} == {"shop", "_installation"}
    last = anchors(installation)[-1]
    assert found["anchors"] == {
        "anchors": 3,
        "intact": True,
        "fault": None,
        "last": {"number": 3, "day": "2026-11-25", "hash": last.hash},
    }


# ---- the chain finds it
def test_a_changed_record(verdict: Ask, intruder: Intruder) -> None:
    intruder.put(7, {**intruder.values(7), "Actor": "mallory@example.com"})
    assert fault(verdict()) == (7, "its content does not match its hash: it was changed after it was written")


def test_a_removed_record(verdict: Ask, intruder: Intruder) -> None:
    intruder.remove(5)
    assert fault(verdict()) == (5, "expected sequence 5, found 6: a record is missing")


def test_an_added_record(verdict: Ask, intruder: Intruder) -> None:
    end = unpack_audit(intruder.values(intruder.end))
    forged = end.evolve(sequence=end.sequence + 1, previous=end.hash, actor="mallory@example.com")
    intruder.put(forged.sequence, pack_audit(signed_anew(forged)))
    sequence, reason = fault(verdict())
    assert sequence == end.sequence + 2
    assert f"the head names {end.sequence} records" in reason


def test_records_in_another_order(verdict: Ask, intruder: Intruder) -> None:
    third, fourth = intruder.values(3), intruder.values(4)
    intruder.put(3, {**fourth, "Sequence": 3})
    intruder.put(4, {**third, "Sequence": 4})
    assert fault(verdict()) == (3, "it does not name the hash of the record before it")


def test_a_cut_end(verdict: Ask, intruder: Intruder) -> None:
    end = intruder.end
    intruder.remove(end, end - 1)
    assert fault(verdict()) == (end - 1, f"the head names {end} records, {end - 2} were found")


# ---- only the anchor finds it
def test_a_whole_chain_that_was_replaced_by_a_consistent_one(
    verdict: Ask, intruder: Intruder, installation: Audited
) -> None:
    records = intruder.records()
    records[4] = records[4].evolve(actor="mallory@example.com")
    intruder.rehash(records)
    first = anchors(installation)[0].heads["shop"].sequence
    sequence, reason = fault(verdict())
    assert sequence == first
    assert reason.startswith("anchor 1 of 2026-11-23 names another hash for it: the chain was replaced")
    assert installation.verify().intact is True, "in itself the chain is consistent"


def test_a_table_that_was_rolled_back(verdict: Ask, intruder: Intruder, installation: Audited) -> None:
    """As somebody does who restores yesterday's table: head and records of then, and nothing of today."""
    yesterday = anchors(installation)[1].heads["shop"]
    for sequence in range(yesterday.sequence + 1, intruder.end + 1):
        intruder.remove(sequence)
    intruder.write_head(yesterday.sequence, yesterday.hash)
    assert installation.verify().intact is True, "in itself the chain is consistent"
    sequence, reason = fault(verdict())
    assert sequence == yesterday.sequence + 1
    assert "anchor 3 of 2026-11-25" in reason
    assert "rolled back" in reason


def test_a_chain_that_was_removed_altogether(verdict: Ask, intruder: Intruder) -> None:
    for sequence in range(1, intruder.end + 1):
        intruder.remove(sequence)
    intruder.table.transact("shop", [Write(act=Act.DELETE, key=keys.HEAD)])
    assert fault(verdict())[0] == 1


# ---- the anchors themselves
def test_a_changed_anchor(verdict: Ask, intruder: Intruder, installation: Audited) -> None:
    lines = installation.log.read(MONTH).splitlines(keepends=True)
    lines[1] = lines[1].replace(b"2026-11-24T", b"2026-11-23T", 1)
    intruder.overwrite_anchors(lines)
    assert anchor_fault(verdict()) == (
        2,
        "its content does not match its hash: it was changed after it was written",
    )


def test_a_removed_anchor(verdict: Ask, intruder: Intruder, installation: Audited) -> None:
    lines = installation.log.read(MONTH).splitlines(keepends=True)
    intruder.overwrite_anchors([lines[0], lines[2]])
    assert anchor_fault(verdict()) == (2, "expected anchor 2, found 3: one is missing or out of order")


def test_anchors_whose_last_ones_were_cut_off(verdict: Ask, intruder: Intruder, installation: Audited) -> None:
    intruder.overwrite_anchors(installation.log.read(MONTH).splitlines(keepends=True)[:2])
    number, reason = anchor_fault(verdict())
    assert number == 3
    assert "the installation's trail records it, but it is missing" in reason


def test_trail_and_anchors_both_replaced_are_found_by_whoever_kept_one_anchor(
    verdict: Ask, intruder: Intruder, installation: Audited, tmp_path: Path
) -> None:
    """What a container without a policy cannot prove, a witness can."""
    kept = tmp_path / "from-the-mail.jsonl"
    kept.write_bytes(installation.log.read(MONTH).splitlines(keepends=True)[1])
    forge_everything(intruder, installation)
    assert verdict()["intact"] is True, "whoever can write everything can forge everything"
    assert verdict("--anchors", str(kept))["anchors"]["fault"] == {
        "number": 2,
        "reason": "it is in from-the-mail.jsonl, and here it is another one",
    }


def forge_everything(intruder: Intruder, installation: Audited) -> None:
    """Both chains and all anchors, consistent with each other."""
    records = intruder.records()
    records[4] = records[4].evolve(actor="mallory@example.com")
    intruder.rehash(records)
    hashes = {record.sequence: record.hash for record in intruder.records()}
    forged, previous = list[Anchor](), ""
    for anchor in anchors(installation):
        end = anchor.heads["shop"]
        heads = {"shop": end.model_copy(update={"hash": hashes[end.sequence]})}
        changed = anchor.evolve(heads=heads, previous=previous or anchor.previous)
        forged.append(changed.evolve(hash=changed.expected_hash()))
        previous = forged[-1].hash
    intruder.overwrite_anchors([anchor.line() for anchor in forged])
    own = [item for item in intruder.ledger.audit("_installation") if isinstance(item, AuditRecord)]
    told = {anchor.number: anchor.hash for anchor in forged}
    previous = own[0].previous
    for record in own:
        details = record.details | {"hash": told[record.details["anchor"]]}
        fresh = record.evolve(details=details, previous=previous)
        fresh = signed_anew(fresh)
        values = pack_audit(fresh)
        intruder.table.transact("_installation", [Write(act=Act.PUT, key=keys.audit(fresh.sequence), values=values)])
        previous = fresh.hash
    head = intruder.ledger.head("_installation").evolve(hash=previous)
    intruder.table.transact("_installation", [Write(act=Act.PUT, key=keys.HEAD, values=pack(head))])


def test_an_application_that_is_delivered_no_more_is_still_verified(
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
    assert "✓ intact  3 anchors; the last, of 2026-11-25, is sha256:" in result.stdout


def test_anchors_kept_in_a_file_that_holds_none_is_a_mistake_of_the_caller(
    slipway: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "kept").write_text("\n")
    assert slipway("audit", "verify", "--anchors", "kept").exit_code == 2
    (tmp_path / "kept").write_text("Dear witness,\n")
    assert slipway("audit", "verify", "--anchors", "kept").exit_code == 2


def test_the_line_of_a_kept_anchor_is_json_of_its_own(installation: Audited) -> None:
    line = installation.log.read(MONTH).splitlines()[0]
    assert set(json.loads(line)) == {"number", "since", "day", "time", "heads", "previous", "hash"}

"""Records become rows and come back the same, however long they are and whatever they are written in."""

from typing import Any

import pytest

from slipway.domain.actions import Action
from slipway.domain.audit import AuditDraft, AuditRecord
from slipway.domain.reports import Parked
from slipway.ledger.rows import pack, pack_audit, unpack, unpack_audit
from slipway.ledger.table import Act, Write, check_transaction
from slipway.testing.chains import signed_chain
from tests.unit.domain.samples import MORNING

TEXTS = ["", "plain", "Grüße", "🚢" * 40, "\x00\x1f\u2028\"\\'", "a" * 100_000, "ж" * 100_000, "🚢" * 60_000]


def parked(body: str) -> Parked:
    return Parked(id="1", source="events", reason="a test", body=body, parked_at=MORNING)


def record(**details: object) -> AuditRecord:
    draft = AuditDraft(action=Action.ROLLOUT_DONE, actor="slipway", release=7, environment="staging", details=details)
    (signed_record,) = signed_chain([draft], application="shop", time=MORNING, sequence=0, previous="")
    return signed_record


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: f"{text[:3]!r} {len(text)}")
def test_a_record_comes_back_from_its_row_and_each_column_fits(text: str) -> None:
    columns = pack(parked(text))
    check_transaction([Write(act=Act.CREATE, key="row", values=columns)])
    assert unpack(Parked, columns) == parked(text)


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: f"{text[:3]!r} {len(text)}")
def test_an_audit_record_comes_back_with_the_same_hash_however_long_its_details_are(text: str) -> None:
    original = record(log=text, objects=[{"name": text[:50], "ready": True, "count": 3}] * 3, nothing={})
    columns = pack_audit(original)
    check_transaction([Write(act=Act.CREATE, key="row", values=columns)])
    restored = unpack_audit(columns)
    assert restored == original
    assert restored.expected_hash() == original.hash


def test_each_field_of_a_short_audit_record_is_a_column_of_its_own() -> None:
    columns = pack_audit(record(reason="done"))
    assert columns["Release"] == "shop-7"
    assert columns["Sequence"] == 1
    assert columns["Details"] == '{"reason":"done"}'
    assert "Digest" not in columns
    assert "Details1" not in columns


@pytest.mark.parametrize(
    "damage",
    [
        {"Details": "{"},
        {"Details": "[]"},
        {"Details": "[" * 100_000},
        {"Details1": "}"},
        {"Details2": ""},
        {"Detailsx": ""},
        {"Sequence": "many"},
        {"Sequence": 0},
        {"Time": "yesterday"},
        {"Extra": "column"},
        {"Hash": None},
        {"Details": None},
    ],
    ids=str,
)
def test_a_damaged_row_is_not_an_audit_record(damage: dict[str, Any]) -> None:
    damaged = {**pack_audit(record(reason="done")), **damage}
    columns = {name: value for name, value in damaged.items() if value is not None}
    with pytest.raises((ValueError, RecursionError)):
        unpack_audit(columns)


def test_a_row_that_is_longer_than_the_service_takes_is_refused_by_name() -> None:
    columns = {f"Data{number}": "x" * 30_000 for number in range(18)}
    with pytest.raises(ValueError, match=r"release!1: the row has \d+ bytes, the limit is 1048576"):
        check_transaction([Write(act=Act.PUT, key="release!1", values=columns)])


def test_changed_details_change_the_hash() -> None:
    columns = pack_audit(record(reason="done"))
    restored = unpack_audit({**columns, "Details": '{"reason":"other"}'})
    assert restored.hash == columns["Hash"]
    assert restored.expected_hash() != restored.hash

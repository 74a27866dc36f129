"""The verifier of docs/how-to/verify-the-trail.md, taken from the page and run in an environment that has only
cryptography installed: it finds the same faults as the command."""

import ast
import json
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from local.auditor import TRAIL_VERIFIER, Auditor
from slipway.domain.chain_anchor import AnchorReason, new_anchor
from slipway.domain.keyring import format_keys, with_retired
from slipway.domain.signing import FixedKeys, PrivateSigner, PublicKeys
from slipway.ed25519 import public_key
from slipway.ledger import keys
from slipway.ledger.table import Act, Write
from slipway.testing.chains import PUBLIC_KEYS, SIGNING_KEYS
from tests.contract.audit.installation import Audited
from tests.contract.audit.odd import ODD

KEYS = format_keys(PUBLIC_KEYS.by_id())


@pytest.fixture
def verifier(tmp_path: Path) -> Callable[..., tuple[int, str]]:
    auditor = Auditor(tmp_path / "alone")

    def run(*files: str, keys: str = KEYS) -> tuple[int, str]:
        return auditor.trail(keys, *(tmp_path / name for name in files))

    return run


@pytest.fixture
def exported(slipway: Callable[..., Result], installation: Audited, tmp_path: Path) -> Path:
    """A trail exported by the app, with odd records and anchors."""
    installation.append(*ODD)
    installation.wait(timedelta(days=1))
    installation.app.anchoring.run()
    assert slipway("audit", "export", "--output", "trail.jsonl").exit_code == 0
    return tmp_path / "trail.jsonl"


def test_the_verifier_is_short_has_no_assert_and_imports_only_the_standard_library_and_cryptography() -> None:
    assert len([line for line in TRAIL_VERIFIER.splitlines() if line.strip()]) <= 41
    assert "assert" not in TRAIL_VERIFIER, "python -O would leave it out"
    imports = [node for node in ast.walk(ast.parse(TRAIL_VERIFIER)) if isinstance(node, ast.Import | ast.ImportFrom)]
    names = {alias.name for node in imports if isinstance(node, ast.Import) for alias in node.names}
    names |= {str(node.module).partition(".")[0] for node in imports if isinstance(node, ast.ImportFrom)}
    assert names - sys.stdlib_module_names == {"cryptography"}


def test_the_verifier_finds_the_trail_of_an_app_intact_with_its_anchors(
    verifier: Callable[..., tuple[int, str]], exported: Path, installation: Audited
) -> None:
    end = installation.app.ledger.head("shop").sequence
    code, output = verifier("trail.jsonl", "trail.jsonl.anchors")
    chains_verified = (f"shop to {end}, anchored to {end}" in output, "_installation to" in output)
    assert (code, chains_verified) == (0, (True, True)), output


def test_the_verifier_reads_a_gzipped_export(
    verifier: Callable[..., tuple[int, str]], slipway: Callable[..., Result], installation: Audited
) -> None:
    installation.append(*ODD)
    assert slipway("audit", "export", "--output", "trail.jsonl.gz").exit_code == 0
    assert verifier("trail.jsonl.gz", "trail.jsonl.gz.anchors")[0] == 0


def test_the_verifier_reads_an_export_that_begins_in_the_middle_of_a_trail(
    verifier: Callable[..., tuple[int, str]], slipway: Callable[..., Result], installation: Audited
) -> None:
    assert slipway("audit", "export", "shop", "--after", "9", "--output", "part.jsonl").exit_code == 0
    assert verifier("part.jsonl", "part.jsonl.anchors")[0] == 0


def test_records_signed_by_a_retired_key_count_only_if_a_later_anchor_covers_them(
    verifier: Callable[..., tuple[int, str]], exported: Path, installation: Audited
) -> None:
    newer = {"newer": b"n" * 32}
    public = {kid: public_key(seed) for kid, seed in (SIGNING_KEYS | newer).items()}
    keys = format_keys(with_retired(public, newer))
    code, output = verifier("trail.jsonl", "trail.jsonl.anchors", keys=keys)
    assert (code, "after 0 a retired key signed, and nothing shows that it is older" in output) == (1, True), output
    signer, anchors = PrivateSigner(FixedKeys(newer), PublicKeys(public)), exported.with_name("newer.anchors")
    for chain in ("shop", "_installation"):
        head = installation.app.ledger.head(chain)
        anchor = new_anchor(
            head, why=AnchorReason.DAILY, before=None, keys=PUBLIC_KEYS, signer=signer, now=installation.now
        )
        anchors.open("ab").write(anchor.document())
    code, output = verifier("trail.jsonl", "newer.anchors", keys=keys)
    assert code == 0, output


def changed(lines: list[str], index: int, **fields: Any) -> list[str]:
    record = json.loads(lines[index]) | fields
    return [*lines[:index], json.dumps(record, ensure_ascii=False) + "\n", *lines[index + 1 :]]


@pytest.mark.parametrize(
    "tamper",
    [
        lambda lines: changed(lines, 4, actor="mallory@example.com"),
        lambda lines: changed(lines, 4, details={"a": 1.0}),
        lambda lines: [*lines[:4], *lines[5:]],
        lambda lines: [*lines[:4], lines[5], lines[4], *lines[6:]],
        lambda lines: [*lines[:4], lines[3], *lines[4:]],
        lambda lines: [line for line in lines if json.loads(line)["sequence"] < 30],
    ],
    ids=["changed", "details", "removed", "reordered", "repeated", "cut"],
)
def test_the_verifier_finds_a_trail_that_was_tampered_with(
    verifier: Callable[..., tuple[int, str]], exported: Path, tamper: Callable[[list[str]], list[str]]
) -> None:
    lines = exported.read_text(encoding="utf-8").split("\n")[:-1]
    exported.write_text("".join(tamper([line + "\n" for line in lines])), encoding="utf-8")
    code, output = verifier("trail.jsonl", "trail.jsonl.anchors")
    assert (code, any(word in output for word in ("shop", "InvalidSignature"))) == (1, True), output


def test_the_verifier_finds_one_changed_byte_of_a_record(
    verifier: Callable[..., tuple[int, str]], slipway: Callable[..., Result], tmp_path: Path
) -> None:
    assert slipway("audit", "export", "shop", "--output", "trail.jsonl").exit_code == 0
    file = tmp_path / "trail.jsonl"
    first, remainder = file.read_bytes().split(b"\n", 1)
    assert verifier("trail.jsonl")[0] == 0
    for place in range(0, len(first), 97):  # each check starts a process
        replacement = b"1" if first[place : place + 1] != b"1" else b"2"
        file.write_bytes(first[:place] + replacement + first[place + 1 :] + b"\n" + remainder)
        assert verifier("trail.jsonl")[0] == 1, first[:place]


def test_records_signed_by_a_key_that_is_not_the_installations_are_found(
    verifier: Callable[..., tuple[int, str]], exported: Path
) -> None:
    assert exported.exists()
    code, output = verifier("trail.jsonl", keys=format_keys({"test": public_key(b"o" * 32)}))
    assert (code, "InvalidSignature" in output) == (1, True)


def test_the_verifier_finds_a_changed_anchor(verifier: Callable[..., tuple[int, str]], exported: Path) -> None:
    anchors = exported.with_name("trail.jsonl.anchors")
    anchors.write_bytes(anchors.read_bytes().replace(b'"at":"2026-11-23T', b'"at":"2026-11-22T', 1))
    code, output = verifier("trail.jsonl", "trail.jsonl.anchors")
    assert (code, "InvalidSignature" in output) == (1, True), output


def test_the_verifier_finds_a_trail_that_ends_before_an_anchor(
    verifier: Callable[..., tuple[int, str]], exported: Path
) -> None:
    lines = exported.read_text(encoding="utf-8").split("\n")
    shop_lines = [line for line in lines if '"application":"shop"' in line]
    exported.write_text("\n".join(shop_lines[:-1]) + "\n", encoding="utf-8")
    code, output = verifier("trail.jsonl", "trail.jsonl.anchors")
    assert (code, "an anchor names a later record" in output) == (1, True), output


def test_odd_records_come_back_from_the_table_as_they_were_written(installation: Audited) -> None:
    installation.append(*ODD)
    assert installation.verify().intact
    assert installation.trail()[-len(ODD)].details == {}


def test_a_nan_in_the_details_of_a_record_is_refused(
    verifier: Callable[..., tuple[int, str]], slipway: Callable[..., Result], installation: Audited
) -> None:
    """NaN has no canonical form."""
    end = installation.app.ledger.head("shop").sequence
    row = installation.app.table.get("shop", keys.audit(end))
    assert row is not None
    values = {**row.values, "Details": '{"a":NaN}'}
    installation.app.table.transact("shop", [Write(act=Act.PUT, key=row.key, values=values)])
    result = slipway("audit", "verify", "--json")
    assert (result.exit_code, json.loads(result.stdout)["intact"]) == (7, False)

"""An export can be verified without the app, resumes where it was cut off, and is safe to open in a spreadsheet."""

import csv
import gzip
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from slipway.cli import exporting
from slipway.cli.api import Api
from slipway.cli.exporting import Disk, Export
from slipway.cli.finding import FoundApp
from slipway.cli.proofs import ExportProof
from slipway.domain.actions import Action
from slipway.domain.audit import AuditDraft
from slipway.domain.chain_anchor import AnchorReason, new_anchor
from slipway.domain.export import COLUMNS, ExportFormat, export_line, file_header, read_back
from slipway.domain.keyring import format_keys
from slipway.ledger import keys
from slipway.ledger.table import Act, Write
from slipway.testing.chains import PUBLIC_KEYS, SIGNER
from tests.contract.audit.installation import KEY, Audited
from tests.contract.audit.odd import ODD

KEYS = format_keys(PUBLIC_KEYS.by_id())

type Run = Callable[..., Result]


def verified(slipway: Run, name: str, *more: str) -> dict[str, Any]:
    result = slipway("audit", "verify", "--file", name, "--json", *more)
    report: dict[str, Any] = json.loads(result.stdout)
    assert result.exit_code == (0 if report["intact"] else 7)
    return report


def end(installation: Audited) -> int:
    return installation.app.ledger.head("shop").sequence


def by_name(report: dict[str, Any]) -> dict[str, Any]:
    return {item["application"]: item for item in report["applications"]}


@pytest.fixture(params=["trail.jsonl", "trail.csv.gz"])
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_an_export_is_verified_with_no_app(
    slipway: Run, installation: Audited, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    installation.append(*ODD)
    assert slipway("audit", "export", "--output", name).exit_code == 0
    monkeypatch.setattr(Audited, "url", "http://127.0.0.1:9")
    report = verified(slipway, name)
    shop = by_name(report)["shop"]
    assert (shop["records"], shop["intact"], shop["fault"]) == (end(installation), True, None)
    assert by_name(report)["_installation"]["records"] > 0
    assert (shop["anchors"], shop["anchored"]) == (6, end(installation) - len(ODD))


def test_cloudevents_are_verified_too(slipway: Run, installation: Audited, tmp_path: Path) -> None:
    assert slipway("audit", "export", "--format", "cloudevents", "--output", "events").exit_code == 0
    event = json.loads((tmp_path / "events").read_text().splitlines()[0])
    assert event["specversion"] == "1.0"
    assert (event["id"], event["source"]) == ("shop/1", "/slipway/audit/shop")
    assert event["type"] == f"dev.slipway.audit.{event['data']['action']}"
    assert event["subject"] == event["data"]["release"]
    assert verified(slipway, "events")["intact"] is True


def test_a_second_export_into_the_same_file_adds_only_the_new_records(
    slipway: Run, installation: Audited, name: str, tmp_path: Path
) -> None:
    slipway("audit", "export", "--output", name)
    before = (tmp_path / name).read_bytes()
    assert json.loads(slipway("audit", "export", "--output", name, "--json").stdout)["added"] == 0
    assert (tmp_path / name).read_bytes() == before
    installation.append(*ODD)
    installation.wait(timedelta(days=1))
    installation.app.anchoring.run()
    summary = json.loads(slipway("audit", "export", "--output", name, "--json").stdout)
    assert summary["added"] == len(ODD)
    assert (tmp_path / name).read_bytes().startswith(before)
    report = verified(slipway, name)
    shop = by_name(report)["shop"]
    assert (report["intact"], shop["anchors"], shop["anchored"], shop["records"]) == (
        True,
        7,
        end(installation),
        end(installation),
    )


def test_an_export_that_begins_in_the_middle_names_the_hash_of_the_record_before_it(
    slipway: Run, installation: Audited, name: str, tmp_path: Path
) -> None:
    assert slipway("audit", "export", "shop", "--after", "9", "--output", name).exit_code == 0
    proof = ExportProof.model_validate_json((tmp_path / f"{name}.proof").read_bytes())
    assert proof.chains["shop"].first == 10
    assert proof.chains["shop"].previous == installation.trail()[8].hash
    report = verified(slipway, name)
    assert by_name(report)["shop"]["records"] == end(installation) - 9
    assert f"{end(installation) - 9} records from 10 on" in slipway("audit", "verify", "--file", name).stdout


def test_a_changed_record_in_an_export_is_found(slipway: Run, tmp_path: Path) -> None:
    slipway("audit", "export", "shop", "--output", "trail.jsonl")
    file = tmp_path / "trail.jsonl"
    lines = file.read_bytes().splitlines(keepends=True)
    changed = lines[4].replace(b'"application":"shop"', b'"application":"shop"').replace(b"slipway", b"slipwaz", 1)
    file.write_bytes(b"".join([*lines[:4], changed, *lines[5:]]))
    fault = by_name(verified(slipway, "trail.jsonl"))["shop"]["fault"]
    assert fault["sequence"] == 5


@pytest.mark.parametrize("cut", [1, 100])
def test_an_export_whose_end_is_missing_is_found(slipway: Run, tmp_path: Path, name: str, cut: int) -> None:
    slipway("audit", "export", "--output", name)
    file = tmp_path / name
    file.write_bytes(file.read_bytes()[:-cut])
    result = slipway("audit", "verify", "--file", name)
    assert (result.exit_code, "it was truncated" in result.stderr) == (7, True)


def test_a_csv_whose_cell_has_no_end_is_not_a_trail(slipway: Run, tmp_path: Path) -> None:
    (tmp_path / "endless.csv").write_text(
        file_header(ExportFormat.CSV).decode() + '"' + ("x" * 1023 + "\n") * (17 * 1024)
    )
    result = slipway("audit", "verify", "--file", "endless.csv", "--public-keys", KEYS)
    assert (result.exit_code, "not a CSV export" in result.stderr) == (7, True)


def test_bytes_after_the_end_that_the_proof_names_are_found(slipway: Run, tmp_path: Path) -> None:
    slipway("audit", "export", "--output", "trail.jsonl")
    with (tmp_path / "trail.jsonl").open("ab") as file:
        file.write(b"{}\n")
    result = slipway("audit", "verify", "--file", "trail.jsonl")
    assert (result.exit_code, "3 bytes follow the end that its proof names" in result.stderr) == (7, True)


def test_an_export_without_its_proof_is_verified_if_public_keys_are_given_and_the_command_says_so(
    slipway: Run, tmp_path: Path, name: str
) -> None:
    slipway("audit", "export", "--output", name)
    (tmp_path / f"{name}.proof").unlink()
    unknown = slipway("audit", "verify", "--file", name)
    assert (unknown.exit_code, "it is unknown whose signatures count" in unknown.stderr) == (2, True)
    result = slipway("audit", "verify", "--file", name, "--public-keys", KEYS)
    assert (result.exit_code, "there is no proof next to the file" in result.stderr) == (0, True)


def test_an_export_of_a_replaced_chain_is_contradicted_by_a_kept_anchor(
    slipway: Run, installation: Audited, tmp_path: Path
) -> None:
    anchor_file = tmp_path / "kept.jsonl"
    head = installation.app.ledger.head("shop").evolve(hash="sha256:" + "1" * 64)
    forged = new_anchor(
        head,
        why=AnchorReason.DAILY,
        before=None,
        keys=PUBLIC_KEYS,
        signer=SIGNER,
        now=installation.now,
    )
    anchor_file.write_bytes(forged.document())
    slipway("audit", "export", "shop", "--output", "trail.jsonl")
    (tmp_path / "trail.jsonl.anchors").unlink()
    report = verified(slipway, "trail.jsonl", "--anchors", str(anchor_file))
    assert "names another hash" in by_name(report)["shop"]["fault"]["reason"]


def test_an_export_stops_before_a_record_that_is_wrong_and_says_which(slipway: Run, installation: Audited) -> None:
    installation.app.table.transact("shop", [Write(act=Act.DELETE, key=keys.audit(7))])
    result = slipway("audit", "export", "--output", "trail.jsonl", "--json")
    summary = json.loads(result.stdout)
    assert (result.exit_code, summary["faults"][0]["sequence"]) == (7, 7)
    assert summary["chains"]["shop"]["last"] == 6
    assert summary["chains"]["_installation"]["last"] > 0, "a fault in one trail does not stop the others"


def test_a_file_that_is_not_an_export_is_left_alone(slipway: Run, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine\n")
    assert slipway("audit", "export", "--output", "notes.txt").exit_code == 1
    assert (tmp_path / "notes.txt").read_text() == "mine\n"


def test_an_export_is_not_continued_in_another_format(slipway: Run) -> None:
    slipway("audit", "export", "--output", "trail")
    assert slipway("audit", "export", "--output", "trail", "--format", "csv").exit_code == 2


def test_without_a_file_the_records_go_to_standard_output(slipway: Run, installation: Audited) -> None:
    result = slipway("audit", "export", "shop")
    assert [json.loads(line)["sequence"] for line in result.stdout.splitlines()] == list(
        range(1, end(installation) + 1)
    )


def test_an_export_of_an_unknown_application_is_refused_with_the_name_it_may_mean(slipway: Run, tmp_path: Path) -> None:
    result = slipway("audit", "export", "shoop", "--output", "trail.jsonl")
    assert (result.exit_code, "there is no trail of 'shoop'; did you mean 'shop'?" in result.stderr) == (3, True)


# ---- spreadsheets
def test_no_cell_of_the_csv_is_taken_for_a_formula(slipway: Run, installation: Audited, tmp_path: Path) -> None:
    installation.append(*ODD, AuditDraft(action=Action.INPUT_PARKED, actor="'=1+1"))
    slipway("audit", "export", "shop", "--output", "trail.csv")
    with (tmp_path / "trail.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    assert tuple(rows[0]) == COLUMNS
    for row in rows[1:]:
        assert not [cell for cell in row if cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))]


@pytest.mark.parametrize("text", ["=1", "+1", "-1", "@a", "\tx", "\rx", "'x", "''", "", "'", "a=1", "plain", "é"])
@pytest.mark.parametrize("form", list(ExportFormat))
def test_every_text_is_read_back_from_an_export_unchanged(form: ExportFormat, text: str) -> None:
    numbers = {"sequence": 7, "epoch": 0, "v": 1}
    objects = {"details": {text: text}, "rules": None, "sig": {"kid": text, "value": text}}
    record = dict.fromkeys(COLUMNS, text) | numbers | objects | {"release": None}
    line = export_line(form, record).decode()
    raw: Any = next(csv.reader([line])) if form is ExportFormat.CSV else line
    assert read_back(form, raw) == record


# ---- interrupted runs
class CutError(BaseException):
    """The process died."""


class MortalDisk(Disk):
    """Dies at a chosen write after writing a part of it."""

    def __init__(self, file: Path, *, die_at: int, part: float) -> None:
        super().__init__(file)
        self.die_at, self.part, self.writes = die_at, part, 0

    def batch(self, content: bytes, proof: ExportProof) -> ExportProof:
        self._maybe(self.file, content)
        return super().batch(content, proof)

    def anchors(self, content: bytes, proof: ExportProof) -> ExportProof:
        self._maybe(self.file.with_name(self.file.name + ".anchors"), content)
        return super().anchors(content, proof)

    def _maybe(self, file: Path, content: bytes) -> None:
        self.writes += 1
        if self.writes == self.die_at:
            packed = gzip.compress(content) if self._packed else content
            with file.open("ab") as opened:
                opened.write(packed[: int(len(packed) * self.part)])
            raise CutError


@pytest.mark.sweep(keep=2)
@pytest.mark.parametrize("part", [0.0, 0.5, 1.0], ids=["nothing", "half", "all"])
@pytest.mark.parametrize("name", ["trail.jsonl", "trail.jsonl.gz", "trail.csv.gz"])
def test_a_run_may_be_cut_at_any_write_and_the_next_one_ends_as_if_it_had_not_been(
    slipway: Run, installation: Audited, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, name: str, part: float
) -> None:
    """There are four writes: two pages of one trail, one of the other, and the anchors."""
    monkeypatch.setattr(exporting, "PAGE", end(installation) - 1)
    slipway("audit", "export", "--output", f"whole-{name}")
    expected = (tmp_path / f"whole-{name}").read_bytes()
    api = Api(FoundApp(url=installation.url, key=KEY, source="a test"))
    form = ExportFormat.CSV if "csv" in name else ExportFormat.JSONL
    for die_at in (1, 2, 3, 4):
        file = tmp_path / f"{die_at}-{name}"
        with pytest.raises(CutError), MortalDisk(file, die_at=die_at, part=part) as disk:  # noqa: PT012
            export = Export(api, disk, form)
            for chain in ("shop", "_installation"):
                export.chain(chain, after=0, progress=lambda done, total: None)
            export.anchors()
        assert slipway("audit", "export", "--output", file.name).exit_code == 0
        assert file.read_bytes() == expected, die_at
        assert verified(slipway, file.name)["intact"] is True


def test_two_runs_at_once_do_not_spoil_each_other_s_work(slipway: Run, tmp_path: Path) -> None:
    with Disk(tmp_path / "trail.jsonl"):
        result = slipway("audit", "export", "--output", "trail.jsonl")
    assert (result.exit_code, "another export is writing it" in result.stderr) == (1, True)

"""The export into the container: each record in exactly one blob, wherever a run ends."""

import csv
import gzip
import io
from copy import deepcopy
from pathlib import Path

import pytest

from slipway.domain.audit import AuditRecord
from slipway.domain.export import ExportFormat, read_back
from slipway.ledger import keys
from slipway.ledger.table import Act, Write
from slipway.testing import MemoryAdded, MemoryTable, write_application
from tests.contract.audit.installation import Audited
from tests.contract.audit.odd import ODD
from tests.faults.mortal import Crash, Life, MortalTable, mortal_port


@pytest.fixture
def deliveries(tmp_path: Path) -> Path:
    write_application(tmp_path)
    return tmp_path


@pytest.fixture
def installation(deliveries: Path) -> Audited:
    home = Audited(deliveries)
    home.deliver("1.0")
    home.append(*ODD)
    return home


def exported_records(installation: Audited, form: ExportFormat, chain: str = "shop") -> list[AuditRecord]:
    records = list[AuditRecord]()
    for _, content in installation.added.listed(f"exports/{chain}/"):
        text = gzip.decompress(content).decode()
        lines = (
            list(csv.reader(io.StringIO(text, newline="")))[1:] if form is ExportFormat.CSV else text.split("\n")[:-1]
        )
        records += [AuditRecord.model_validate(read_back(form, line)) for line in lines]
    return records


@pytest.mark.parametrize("form", list(ExportFormat))
def test_everything_is_there_once_and_a_later_run_adds_what_is_new(installation: Audited, form: ExportFormat) -> None:
    installation.container_export(form).run()
    installation.container_export(form).run()
    assert exported_records(installation, form) == installation.trail()
    installation.append(*ODD)
    assert installation.container_export(form).run().records == len(ODD)
    assert exported_records(installation, form) == installation.trail()


def test_blobs_are_named_by_what_they_hold(installation: Audited) -> None:
    installation.container_export().run()
    assert next(iter(installation.added.listed("exports/")))[0] == "exports/shop/000000000001-000000000010.jsonl.gz"


def test_a_missing_record_ends_the_export_of_its_chain_before_it(installation: Audited) -> None:
    installation.app.table.transact("shop", [Write(act=Act.DELETE, key=keys.audit(7))])
    result = installation.container_export().run()
    assert "record 7" in result.problems[0]
    assert [record.sequence for record in exported_records(installation, ExportFormat.JSONL)] == list(range(1, 7))


@pytest.mark.parametrize("form", [ExportFormat.JSONL, ExportFormat.CSV])
def test_a_run_may_end_at_any_point(deliveries: Path, form: ExportFormat) -> None:
    delivered = MemoryTable()
    before = Audited(deliveries, table=delivered)
    before.deliver("1.0")
    before.append(*ODD)

    def live_through(life: Life) -> Audited:
        table, added = deepcopy(delivered), MemoryAdded()
        mortal = Audited(deliveries, table=MortalTable(table, life), added=mortal_port(added, life, "exports", "add"))
        for _ in range(2):
            try:
                mortal.container_export(form).run()
            except Crash:
                life.restart()
        return Audited(deliveries, table=table, added=added)

    quiet = Life()
    live_through(quiet)
    for point in range(len(quiet.points)):
        life = Life(crash_at=frozenset({point}))
        installation = live_through(life)
        assert exported_records(installation, form) == installation.trail(), life.points[point]

"""The audit trail at scale: what the first page costs by each axis on a short and on a long trail, and how fast a trail
is verified, exported and reindexed. On Azurite, through the real Table SDK; `SLIPWAY_BENCH_TRAIL` sets the length of
the long one.
"""

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from azure.data.tables import TableServiceClient

from local.stack import azurite
from slipway.api.audit import ChainEndAnswer
from slipway.cli.api import RawAuditPage
from slipway.cli.checking import Checking
from slipway.cli.exporting import Disk, Export
from slipway.domain.audit import AuditRecord, ChainCheck
from slipway.domain.audit_query import AuditQuery
from slipway.domain.export import ExportFormat
from slipway.domain.keyring import format_keys
from slipway.ledger import Ledger
from slipway.ledger.audit_index import AuditIndex
from slipway.ledger.azure_table import AzureTable
from slipway.testing.chains import PUBLIC_KEYS

from .counting import TableCounter
from .rows import Row, compared_row
from .trail import SMALL, WrittenTrail, shape, write

LONG: Final = int(os.environ.get("SLIPWAY_BENCH_TRAIL", "100000"))
PAGE: Final = 20
ROUNDS: Final = 15
AT_MOST: Final = 8.0
"""Seconds of rounds per axis: Azurite is slow on a long trail."""
LEAST: Final = 3
AIM: Final = 1.3
PERSON: Final = "person-01@contoso.com"
RATED: Final = 20_000
"""Records over which speeds are measured; the speeds do not depend on what else is in the tables."""


def rows() -> list[Row]:
    with tempfile.TemporaryDirectory() as name:
        part, connection = azurite.start(None, log=Path(name) / "azurite.log")
        try:
            return _measured_rows(connection, Path(name))
        finally:
            part.stop()


def _measured_rows(connection: str, folder: Path) -> list[Row]:
    counter = TableCounter()
    service = TableServiceClient.from_connection_string(connection, raw_response_hook=counter)
    short = write(service, "short", shape(SMALL), progress=_say)
    begin = time.monotonic()
    long = write(service, "long", shape(LONG), progress=_say)
    took = time.monotonic() - begin
    results = list[Row]()
    for axis in AXES:
        _say(f"measuring axis {axis}")
        results += _axis(axis, short, long, counter)
    return [*results, *_speeds(service, long, folder), _writing(took)]


# ---- questions
def _filter_by_last(field: str) -> Callable[[WrittenTrail], dict[str, Any]]:
    return lambda written: {field: getattr(written.last, field)}


AXES: Final[dict[str, Callable[[WrittenTrail], dict[str, Any]]]] = {
    "everything": lambda _: {},
    "application": _filter_by_last("application"),
    "idle-application": lambda written: {"application": written.applications[-1]},
    "environment": _filter_by_last("environment"),
    "actor": lambda _: {"actor": PERSON},
    "release": _filter_by_last("release"),
    "digest": lambda written: {"digest": (written.last.digest or "")[:19]},
    "change": lambda _: {"action": "change", "environment": "production"},
    "intervention": lambda _: {"action": "intervention"},
    "application-and-environment": lambda written: {
        "application": written.last.application,
        "environment": "staging",
    },
    "days": lambda written: {"since": written.last.time.replace(day=1, hour=0), "until": written.last.time},
    "nothing": lambda _: {"application": "nobody"},
}
"""The query for each axis. The last application of a long trail has been idle for months. `nobody` has no records, so
that its time is that of the request alone, and of Azurite's scan of its table."""


def _axis(axis: str, short: WrittenTrail, long: WrittenTrail, counter: TableCounter) -> list[Row]:
    costs = dict[str, tuple[int, int, int]]()
    times = {"short": list[float](), "long": list[float]()}
    cpu_times = {"short": list[float](), "long": list[float]()}
    for name, written in (("short", short), ("long", long)):
        query = AuditQuery(**AXES[axis](written))
        written.app.index.find(query, limit=PAGE)  # opens the connection
        before = counter.counts()
        records = len(written.app.index.find(query, limit=PAGE).records)
        charged = counter.counts() - before
        costs[name] = (charged.requests, charged.entities, records)
    end = time.monotonic() + AT_MOST
    for number in range(ROUNDS):
        if number >= LEAST and time.monotonic() > end:
            break
        for name, written in (("short", short), ("long", long)):
            query = AuditQuery(**AXES[axis](written))
            begin, busy = time.perf_counter(), time.thread_time()
            written.app.index.find(query, limit=PAGE)
            times[name].append((time.perf_counter() - begin) * 1000)
            cpu_times[name].append((time.thread_time() - busy) * 1000)
    of = f"of {LONG} records, beside {SMALL}"
    count_rows = [
        Row(
            name=f"audit.{axis}.{kind}",
            ours=costs["long"][index],
            peer=costs["short"][index],
            peer_name=f"first page {of}",
            unit=kind,
            ratio=_ratio(costs["long"][index], costs["short"][index]),
            aim=1.0,
            more={"records": costs["long"][2]},
        )
        for index, kind in enumerate(("requests", "entities"))
    ]
    return [
        *count_rows,
        compared_row(
            f"audit.{axis}.time", times["long"], times["short"], peer_name=f"first page {of}", unit="ms", aim=AIM
        ),
        compared_row(
            f"audit.{axis}.own",
            cpu_times["long"],
            cpu_times["short"],
            peer_name=f"our own CPU time {of}",
            unit="ms",
            aim=AIM,
        ),
    ]


def _ratio(ours: int, peer: int) -> float | None:
    """None when only the peer's count is zero."""
    if peer:
        return ours / peer
    return 1.0 if ours == 0 else None


# ---- speeds
class Direct:
    """Reads the ledger directly, where the CLI would use the API over HTTP."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def audit_page(self, application: str, *, after: int, limit: int) -> RawAuditPage:
        head = self._ledger.head(application)
        entries = list(self._ledger.audit(application, first=after + 1, limit=limit))
        records = [item.model_dump(mode="json") for item in entries if isinstance(item, AuditRecord)]
        following = records[-1]["sequence"] if len(records) == limit else None
        return RawAuditPage(
            application=application,
            head=ChainEndAnswer(sequence=head.sequence, hash=head.hash),
            records=records,
            next=following,
        )

    def public_keys(self) -> str:
        return format_keys(PUBLIC_KEYS.by_id())

    def anchors(self, application: str) -> list[Any]:  # noqa: ARG002 - this trail has no anchors
        return []


def _speeds(service: TableServiceClient, written: WrittenTrail, folder: Path) -> list[Row]:
    records_per_application = -(-written.shape.records // written.shape.applications)
    names = written.applications[: max(1, RATED // records_per_application)]
    file = folder / "trail.jsonl.gz"

    def read() -> int:
        return sum(1 for name in names for _ in written.app.ledger.audit(name))

    def verify() -> int:
        count = 0
        for name in names:
            check = ChainCheck(name, keys=PUBLIC_KEYS)
            for record in written.app.ledger.audit(name):
                assert isinstance(record, AuditRecord)
                assert check.feed(record) is None
            count += check.count
        return count

    def export() -> int:
        with Disk(file) as disk:
            run = Export(Direct(written.app.ledger), disk, ExportFormat.JSONL)
            for name in names:
                assert run.chain(name, after=0, progress=_report_nothing) is None
            return run.records

    def check() -> int:
        # These releases are invented and skip steps: the verification reports exactly that, and still reads everything.
        verdicts = Checking(file).run(_report_nothing)
        assert all(
            verdict.fault is not None and "no step leads from there" in verdict.fault.reason for verdict in verdicts
        )
        return sum(verdict.records for verdict in verdicts)

    def rebuild() -> int:
        index = AuditIndex(AzureTable(service.get_table_client("anew"), makes=True))
        count = 0
        for name in names[:2]:
            records = [item for item in written.app.ledger.audit(name) if isinstance(item, AuditRecord)]
            index.write(records)
            count += len(records)
        return count

    baseline = _rate(read)
    workloads = [
        ("verification", verify),
        ("export-gzip", export),
        ("verification-of-an-export", check),
        ("reindex", rebuild),
    ]
    return [
        Row(
            name=f"audit.{name}",
            ours=rate,
            peer=baseline,
            peer_name="reading the same records from the table",
            unit="records/s",
            note=NOTES.get(name, ""),
        )
        for name, rate in ((name, _rate(work)) for name, work in workloads)
    ]


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _report_nothing(done: int, total: int) -> None:
    """Report no progress."""


NOTES: Final = {
    "reindex": "each record has about six copies in the index; Azurite's inserts are the slow part",
}


def _rate(work: Callable[[], int]) -> float:
    begin = time.perf_counter()
    count = work()
    return count / (time.perf_counter() - begin)


def _writing(seconds: float) -> Row:
    return Row(
        name="audit.generator",
        ours=LONG / seconds,
        peer=None,
        peer_name="rows and index, by transactions",
        unit="records/s",
        note=f"{LONG} records in {seconds:.0f} s, on Azurite",
    )

"""A burst: many pushes of one application at once, through the handler, on Azurite. The time must grow linearly."""

import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Final

from azure.data.tables import TableClient

from local.stack import azurite
from slipway.bootstrap import App, Ports
from slipway.clock import utc_now
from slipway.domain.actions import Action
from slipway.domain.audit import AuditRecord
from slipway.domain.events import ImagePushed
from slipway.engine.backoff import Backoff
from slipway.engine.handle import Contended
from slipway.ledger.azure_table import AzureTable
from slipway.testing import Installation

from .events import digest_of
from .example import APPLICATION, write_example
from .rows import Row

FEW: Final = 100
MANY: Final = 1000
AT_ONCE: Final = 4
"""Events handled at the same time. More would be slower: all of one application compete for one chain head."""
AIM: Final = 1.1
REPEATS: Final = 2
"""How often the smaller burst is run; the median counts."""


@dataclass(frozen=True, kw_only=True)
class Burst:
    """The result of a burst."""

    seconds: float
    again: int
    """How often an event went back to its queue because others were faster."""
    states: Counter[str]
    records: int


def rows() -> list[Row]:
    with tempfile.TemporaryDirectory() as name, _storage(Path(name)) as connection:
        few = [_burst(connection, Path(name), FEW, f"few{n}") for n in range(REPEATS)]
        many = _burst(connection, Path(name), MANY, "many")
    for burst, count in (*((run, FEW) for run in few), (many, MANY)):
        _check(burst, count)
    few_ms = [burst.seconds / FEW * 1000 for burst in few]
    our_ms, peer_ms = many.seconds / MANY * 1000, median(few_ms)
    note = (
        f"of {MANY}: {many.states['live']} under way or live, {many.states['superseded']} superseded, "
        f"{many.states['ignored']} lower than a version that was already on its way, 0 lost; "
        f"{many.again} returns to the queue because others were faster"
    )
    return [
        Row(
            name="burst.time-per-push",
            ours=our_ms,
            peer=peer_ms,
            peer_name=f"per push in a burst of {FEW}",
            unit="ms",
            ratio=our_ms / peer_ms,
            aim=AIM,
            note=note,
            more={"states": dict(many.states), "audit_records": many.records, "seconds": round(many.seconds, 2)},
        )
    ]


def _open(connection: str, example: Path, table: str) -> App:
    """The app with its ledger on Azurite. Everything else is in memory: a burst contends for the ledger's chain."""
    ledger = AzureTable(TableClient.from_connection_string(connection, table), makes=True)

    def in_real_time(ports: Ports) -> Ports:
        return replace(ports, clock=utc_now, backoff=Backoff())

    return Installation(example, table=ledger, wrap=in_real_time).app


def _burst(connection: str, folder: Path, count: int, table: str) -> Burst:
    app = _open(connection, write_example(folder / table), f"burst{table}")

    def take(number: int) -> int:
        for retries in range(1000):
            try:
                app.handler.handle(push(number))
            except Contended:
                continue  # as the queue would redeliver it
            return retries
        raise RuntimeError(f"push {number} was never handled")

    begin = time.monotonic()
    with ThreadPoolExecutor(AT_ONCE) as threads:
        retries = sum(threads.map(take, range(1, count + 1)))
    seconds = time.monotonic() - begin
    phases = Counter(release.phase.value for release in app.ledger.releases(APPLICATION, limit=count + 10))
    superseded = phases.pop("superseded", 0)
    records = list(app.ledger.audit(APPLICATION))
    ignored = sum(isinstance(record, AuditRecord) and record.known_action is Action.IMAGE_IGNORED for record in records)
    states = Counter(live=phases.total(), superseded=superseded, ignored=ignored)
    return Burst(seconds=seconds, again=retries, states=states, records=len(records))


def push(number: int) -> ImagePushed:
    now = datetime.now(UTC)
    return ImagePushed(
        received_at=now,
        registry="nonprod",
        repository=APPLICATION,
        digest=digest_of(f"burst {number}"),
        tag=f"1.0.{number}",
        pushed_at=now,
    )


def _check(burst: Burst, count: int) -> None:
    if burst.states["live"] != 1 or burst.states.total() != count:
        raise RuntimeError(
            f"expected 1 live candidate and {count - 1} superseded or ignored, as a higher version was on its way "
            f"before them, got {dict(burst.states)}"
        )


@contextmanager
def _storage(folder: Path) -> Iterator[str]:
    part, connection = azurite.start(folder / "azurite", log=folder / "azurite.log")
    try:
        yield connection
    finally:
        part.stop()

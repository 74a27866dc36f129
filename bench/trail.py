"""A realistic trail of any length, as the ledger would have written it, and its index: real rows, valid chains.

Each application writes the same number of records a month; a longer trail has more applications and more months. So the
first page of a query has the same size on every trail, and only what must not matter differs.
"""

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import batched
from typing import Final
from urllib.parse import urlsplit

from azure.data.tables import TableServiceClient

from local.stack.options import EXAMPLE
from slipway.bootstrap import App
from slipway.domain.actions import Action
from slipway.domain.audit import AuditDraft, AuditRecord
from slipway.domain.model import sha256
from slipway.domain.release import Head
from slipway.ledger import index_keys, keys
from slipway.ledger.azure_table import AzureTable
from slipway.ledger.rows import pack, pack_audit
from slipway.testing import Installation
from slipway.testing.chains import signed_chain

from .bulk import Bulk, Rows

NOW: Final = datetime(2026, 11, 26, tzinfo=UTC)
A_MONTH: Final = 200
"""Records that one application writes in a month: about twenty releases."""
SMALL: Final = 1_000
AT_ONCE: Final = 10
"""Applications that are written together: the more, the fuller the transactions."""


@dataclass(frozen=True, kw_only=True)
class Shape:
    """The length of a trail, and its spread over applications and time."""

    records: int
    applications: int
    months: int
    people: int

    @property
    def records_per_application(self) -> int:
        """Records of one application; the last may have fewer."""
        return A_MONTH * self.months


def shape(records: int) -> Shape:
    """The shape for that many records: a thousand is five teams in one month, a hundred thousand 42 teams in a year."""
    if records <= SMALL:
        return Shape(records=records, applications=-(-records // A_MONTH), months=1, people=4)
    months = 12 if records >= 24 * A_MONTH else 2
    applications = -(-records // (A_MONTH * months))
    return Shape(records=records, applications=applications, months=months, people=max(4, applications))


@dataclass(frozen=True, kw_only=True)
class WrittenTrail:
    """A trail in the tables, and the app that reads it."""

    shape: Shape
    app: App
    """It reads the written tables, and delivers nothing."""
    last: AuditRecord
    """One of the newest records with a release, a digest and an environment, by which queries can filter."""

    @property
    def applications(self) -> list[str]:
        return names(self.shape)


def names(shape: Shape) -> list[str]:
    return [f"team-{number:03d}" for number in range(shape.applications)]


def write(service: TableServiceClient, name: str, shape: Shape, *, progress: Callable[[str], None]) -> WrittenTrail:
    """Write a trail into the tables `<name>` and `<name>index`, which must be new."""
    ledger, index = (AzureTable(service.create_table_if_not_exists(table)) for table in (name, f"{name}index"))
    port = urlsplit(service.url).port
    assert port is not None
    begin, written_count, last = time.monotonic(), 0, None
    for team in batched(names(shape), AT_ONCE, strict=False):
        rows: dict[str, Rows] = {}
        copies: Rows = []
        for application in team:
            records = trail(application, shape)[
                : shape.records - shape.records_per_application * names(shape).index(application)
            ]
            # from the first application, whose trail is never cut short; that of the last one may end months ago
            last = last or next(r for r in reversed(records) if r.release and r.digest and r.environment)
            rows[application] = _ledger(application, records)
            for record in records:
                columns = index_keys.values(record)
                copies += [(key, columns) for key in index_keys.copies(record)]
        Bulk(port=port, table=name).create(rows)
        Bulk(port=port, table=f"{name}index").create({index_keys.COPIES: copies})
        written_count += sum(len(chain) - 1 for chain in rows.values())
        progress(f"{name}: {written_count} of {shape.records} records in {time.monotonic() - begin:.0f} s")
    assert last is not None
    app = Installation(EXAMPLE, table=ledger, index_table=index).app
    return WrittenTrail(shape=shape, app=app, last=last)


def trail(application: str, shape: Shape) -> list[AuditRecord]:
    """The application's whole chain, oldest first."""
    dice = random.Random(application)  # so that the trail is the same in each run
    records, number = list[AuditRecord](), 0
    for month in range(shape.months - 1, -1, -1):
        begin = _month(month)
        step = timedelta(days=24) / A_MONTH
        for drafts in _stories(application, number, dice, shape.people):
            number += 1
            head = records[-1] if records else None
            time_of_drafts = begin + step * (len(records) % A_MONTH) + timedelta(microseconds=dice.randrange(10**6))
            records += signed_chain(
                drafts,
                application=application,
                time=time_of_drafts,
                sequence=head.sequence if head else 0,
                previous=head.hash if head else "",
            )
    return records


def _month(months_ago: int) -> datetime:
    """The first day of the month that many months ago."""
    months = NOW.year * 12 + NOW.month - 1 - months_ago
    return datetime(months // 12, months % 12 + 1, 1, tzinfo=UTC)


def _stories(application: str, last_release: int, dice: random.Random, people: int) -> Iterator[list[AuditDraft]]:
    """A month's releases, ten records each: most go to production, some are rejected or rolled back."""
    for release in range(last_release + 1, last_release + 1 + A_MONTH // 10):
        digest = sha256(f"{application} {release}".encode())
        approver, other_person = (f"person-{dice.randrange(people):02d}@contoso.com" for _ in range(2))
        plan = sha256(f"plan {application} {release}".encode())
        outcome = dice.random()
        decision = (
            (Action.VOTE_REJECTED, Action.RELEASE_REJECTED)
            if outcome < 0.15
            else (Action.VOTE_APPROVED, Action.GATE_PASSED)
        )
        end_action = Action.ROLLBACK_DONE if outcome > 0.85 else Action.RELEASE_LIVE
        yield [
            AuditDraft(
                action=action, actor=actor, release=release, environment=environment, digest=digest, details=details
            )
            for action, actor, environment, details in (
                (
                    Action.RELEASE_CREATED,
                    f"pipeline:{application}",
                    None,
                    {"tag": f"1.{release}.0", "run": 1000 + release},
                ),
                (Action.PLAN_MADE, "slipway", "staging", {"plan": plan, "changes": 4}),
                (Action.ROLLOUT_APPLIED, "slipway", "staging", {"objects": 4, "seconds": dice.randrange(9, 90)}),
                (Action.RELEASE_LIVE, "slipway", "staging", {"passed": ["job acceptance", "GET /healthz"]}),
                (Action.GATE_OPENED, "slipway", "production", {"plan": plan, "asked": [approver, other_person]}),
                (decision[0], approver, "production", {"plan": plan, "reason": "looked at staging"}),
                (decision[1], approver, "production", {"plan": plan, "votes": 1}),
                (Action.COPY_DONE, "slipway", "production", {"bytes": dice.randrange(10**7, 10**9), "blobs": 11}),
                (Action.ROLLOUT_APPLIED, "slipway", "production", {"objects": 4, "seconds": dice.randrange(9, 90)}),
                (end_action, "slipway", "production", {"passed": ["GET /healthz"]}),
            )
        ]


def _ledger(application: str, records: list[AuditRecord]) -> Rows:
    """The keys and columns of the chain's rows, and of its head."""
    head = Head(application=application, sequence=records[-1].sequence, hash=records[-1].hash)
    return [*((keys.audit(r.sequence), pack_audit(r)) for r in records), (keys.HEAD, dict(pack(head)))]

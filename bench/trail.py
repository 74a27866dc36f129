"""A realistic trail of any length, as the ledger would have written it, and its index: real rows, valid chains.

Each application writes equally much in a month, regardless of the trail's length; a longer trail has more applications
and more months. So the first page of a question finds as much on it, and what differs is only what must not matter.
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
"""Applications that are written together: the more, the fuller are the transactions."""


@dataclass(frozen=True, kw_only=True)
class Shape:
    """The length of a trail, and its spread over applications and time."""

    records: int
    applications: int
    months: int
    people: int

    @property
    def each(self) -> int:
        """Records of one application; the last may have fewer."""
        return A_MONTH * self.months


def shape(records: int) -> Shape:
    """A thousand records: five teams in one month. A hundred thousand: 42 of them in a year."""
    if records <= SMALL:
        return Shape(records=records, applications=-(-records // A_MONTH), months=1, people=4)
    months = 12 if records >= 24 * A_MONTH else 2
    applications = -(-records // (A_MONTH * months))
    return Shape(records=records, applications=applications, months=months, people=max(4, applications))


@dataclass(frozen=True, kw_only=True)
class Written:
    """The place of a trail."""

    shape: Shape
    app: App
    """Over the tables that were written; it delivers nothing."""
    last: AuditRecord
    """One of the newest records that has a release, a digest and an environment: what questions can ask for."""

    @property
    def applications(self) -> list[str]:
        return names(self.shape)


def names(of: Shape) -> list[str]:
    return [f"team-{number:03d}" for number in range(of.applications)]


def write(service: TableServiceClient, name: str, of: Shape, *, progress: Callable[[str], None]) -> Written:
    """Into the tables `<name>` and `<name>index`, which must be new."""
    ledger, index = (AzureTable(service.create_table_if_not_exists(each)) for each in (name, f"{name}index"))
    port = urlsplit(service.url).port
    assert port is not None
    begin, done, last = time.monotonic(), 0, None
    for team in batched(names(of), AT_ONCE, strict=False):
        rows: dict[str, Rows] = {}
        copies: Rows = []
        for application in team:
            records = trail(application, of)[: of.records - of.each * names(of).index(application)]
            # of the first application, whose trail is never cut short: that of the last may end months ago
            last = last or next(r for r in reversed(records) if r.release and r.digest and r.environment)
            rows[application] = _ledger(application, records)
            for record in records:
                values = index_keys.values(record)
                copies += [(key, values) for key in index_keys.copies(record)]
        Bulk(port=port, table=name).create(rows)
        Bulk(port=port, table=f"{name}index").create({index_keys.COPIES: copies})
        done += sum(len(found) - 1 for found in rows.values())
        progress(f"{name}: {done} of {of.records} records in {time.monotonic() - begin:.0f} s")
    assert last is not None
    app = Installation(EXAMPLE, table=ledger, index_table=index).app
    return Written(shape=of, app=app, last=last)


def trail(application: str, of: Shape) -> list[AuditRecord]:
    """The application's whole chain, oldest first."""
    dice = random.Random(application)  # a trail that is the same in each run
    records, number = list[AuditRecord](), 0
    for month in range(of.months - 1, -1, -1):
        begin = _month(month)
        step = timedelta(days=24) / A_MONTH
        for drafts in _stories(application, number, dice, of.people):
            number += 1
            end = records[-1] if records else None
            at = begin + step * (len(records) % A_MONTH) + timedelta(microseconds=dice.randrange(10**6))
            records += signed_chain(
                drafts,
                application=application,
                time=at,
                sequence=end.sequence if end else 0,
                previous=end.hash if end else "",
            )
    return records


def _month(back: int) -> datetime:
    """The first day of the month so many months before."""
    months = NOW.year * 12 + NOW.month - 1 - back
    return datetime(months // 12, months % 12 + 1, 1, tzinfo=UTC)


def _stories(application: str, number: int, dice: random.Random, people: int) -> Iterator[list[AuditDraft]]:
    """A month's releases, ten records each: most go to production, some are rejected or rolled back."""
    for each in range(number + 1, number + 1 + A_MONTH // 10):
        digest = sha256(f"{application} {each}".encode())
        person, other = (f"person-{dice.randrange(people):02d}@contoso.com" for _ in range(2))
        plan = sha256(f"plan {application} {each}".encode())
        kind = dice.random()
        decided = (
            (Action.VOTE_REJECTED, Action.RELEASE_REJECTED)
            if kind < 0.15
            else (Action.VOTE_APPROVED, Action.GATE_PASSED)
        )
        ended = Action.ROLLBACK_DONE if kind > 0.85 else Action.RELEASE_LIVE
        yield [
            AuditDraft(action=action, actor=actor, release=each, environment=where, digest=digest, details=details)
            for action, actor, where, details in (
                (Action.RELEASE_CREATED, f"pipeline:{application}", None, {"tag": f"1.{each}.0", "run": 1000 + each}),
                (Action.PLAN_MADE, "slipway", "staging", {"plan": plan, "changes": 4}),
                (Action.ROLLOUT_APPLIED, "slipway", "staging", {"objects": 4, "seconds": dice.randrange(9, 90)}),
                (Action.RELEASE_LIVE, "slipway", "staging", {"passed": ["job acceptance", "GET /healthz"]}),
                (Action.GATE_OPENED, "slipway", "production", {"plan": plan, "asked": [person, other]}),
                (decided[0], person, "production", {"plan": plan, "reason": "looked at staging"}),
                (decided[1], person, "production", {"plan": plan, "votes": 1}),
                (Action.COPY_DONE, "slipway", "production", {"bytes": dice.randrange(10**7, 10**9), "blobs": 11}),
                (Action.ROLLOUT_APPLIED, "slipway", "production", {"objects": 4, "seconds": dice.randrange(9, 90)}),
                (ended, "slipway", "production", {"passed": ["GET /healthz"]}),
            )
        ]


def _ledger(application: str, records: list[AuditRecord]) -> Rows:
    """Key and columns of the chain's rows, and of its head."""
    head = Head(application=application, sequence=records[-1].sequence, hash=records[-1].hash)
    return [*((keys.audit(r.sequence), pack_audit(r)) for r in records), (keys.HEAD, dict(pack(head)))]

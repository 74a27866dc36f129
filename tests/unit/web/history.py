"""Half a year of releases, as the trail tells of them: most go live, some fail, and people take their time."""

import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache

from slipway.domain.actions import Action
from slipway.domain.audit import AuditDraft, AuditRecord
from slipway.ledger import Ledger, keys
from slipway.ledger.rows import pack, pack_audit
from slipway.ledger.table import Act, Write
from slipway.queries.numbers import Numbers
from slipway.testing.chains import signed_chain
from tests.unit.web.fleet import NOW, Fleet

STEPS = (
    (Action.RELEASE_CREATED, 0.6),
    (Action.RELEASE_STARTED, 0),
    (Action.PLAN_REQUESTED, 0.1),
    (Action.PLAN_MADE, 0),
    (Action.GATE_OPENED, 90),
    (Action.GATE_PASSED, 0),
    (Action.COPY_REQUESTED, 0.8),
    (Action.COPY_DONE, 0),
    (Action.ROLLOUT_REQUESTED, 0.1),
    (Action.ROLLOUT_APPLIED, 1.5),
    (Action.ROLLOUT_DONE, 0),
    (Action.VERIFICATION_REQUESTED, 2),
)
WELL = ((Action.VERIFICATION_DONE, 0), (Action.RELEASE_LIVE, 0), (Action.RELEASE_COMPLETED, 0))
BADLY = (
    (Action.VERIFICATION_FAILED, 0),
    (Action.ROLLBACK_REQUESTED, 3),
    (Action.ROLLBACK_DONE, 0),
    (Action.RELEASE_ROLLED_BACK, 0),
)


@cache
def history(application: str, *, weeks: int, seed: int, per_week: int = 6) -> tuple[AuditRecord, ...]:
    """Records in order, up to `NOW`."""
    chance, events = random.Random(seed), list[tuple[datetime, int, Action]]()
    number, at = 0, NOW - timedelta(weeks=weeks)
    while at < NOW - timedelta(hours=12):
        number += 1
        at += timedelta(hours=chance.uniform(8, 2 * 168 / per_week))
        for action, minutes in (*STEPS, *(BADLY if chance.random() < 0.16 else WELL)):
            events.append((at, number, action))
            at += timedelta(minutes=minutes * chance.lognormvariate(0, 0.9))
    return tuple(_records(application, events))


def _records(application: str, events: list[tuple[datetime, int, Action]]) -> list[AuditRecord]:
    records = list[AuditRecord]()
    for at, number, action in events:
        where = None if action in (Action.RELEASE_CREATED, Action.RELEASE_STARTED) else "production"
        draft = AuditDraft(action=action, actor="slipway", release=number, environment=where)
        sequence, previous = (records[-1].sequence, records[-1].hash) if records else (0, "")
        records += signed_chain([draft], application=application, time=at, sequence=sequence, previous=previous)
    return records


def keep(ledger: Ledger, records: Sequence[AuditRecord]) -> None:
    """Write the records, and the head that ends in them."""
    application = records[0].application
    for start in range(0, len(records), 100):
        portion = records[start : start + 100]
        ledger.table.transact(
            application,
            [Write(act=Act.CREATE, key=keys.audit(r.sequence), values=pack_audit(r)) for r in portion],
        )
    head = ledger.head(application).evolve(sequence=records[-1].sequence, hash=records[-1].hash)
    ledger.table.transact(application, [Write(act=Act.PUT, key=keys.HEAD, values=pack(head))])


def numbers(fleet: Fleet, *, weeks: int = 26, histories: int = 3, caught_up: bool = True) -> Numbers:
    """The numbers of a fleet whose first applications have a history."""
    for seed, name in enumerate(list(fleet.app.catalogue.entries)[:histories]):
        keep(fleet.app.ledger, history(name, weeks=weeks, seed=seed))
        if caught_up:
            fleet.app.numbers.catch_up(name)
    return fleet.app.numbers

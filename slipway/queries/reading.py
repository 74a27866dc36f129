"""Read models for pages, API and CLI over the ledger; read-only, and all JSON-serialisable."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Any

from ..catalogue.entries import Catalogue, Entry
from ..clock import Clock, utc_now
from ..domain.application import Application
from ..domain.audit import AuditRecord, Damaged, verify_record
from ..domain.blocks import Freeze
from ..domain.drift import Drift
from ..domain.environment import Environment
from ..domain.errors import NotFound
from ..domain.explain import Explanation, explain, lookups_to_explain
from ..domain.gate import ApprovalGate
from ..domain.later_reports import LOOKED_AT, LOOKED_BACK, waits_or_waited
from ..domain.model import NAME_PATTERN, parse_release_id, release_id
from ..domain.plan import Plan, Preview
from ..domain.promotion import StepState
from ..domain.proof import hidden_until
from ..domain.release import Head, Release
from ..domain.reports import NotShown
from ..domain.snapshot import Lookups, Snapshot
from ..domain.versions import SubjectKind
from ..ledger import Blobs, Ledger
from ..ledger.keys import AUDIT, INSTALLATION
from ..ledger.table import ReadOfEach, Row, gathered, read_each
from ..text import moment

PAGE_LIMIT = 500


@dataclass(frozen=True, kw_only=True)
class Reader:
    """Queries about one installation."""

    ledger: Ledger
    blobs: Blobs
    catalogue: Catalogue
    clock: Clock = utc_now

    def snapshot(self, entry: Entry, lookups: Lookups) -> Snapshot:
        """An application's current snapshot, with the named lookups. Raises `LedgerUnavailable`."""
        return self.ledger.load(entry.policy(self.clock()), lookups).snapshot

    def read_each_application[T](self, read: Callable[[Entry], T], *, after: str = "") -> Iterator[T | NotShown]:
        """The result for each application, in order of name; for an application that is not shown, a note with the
        reason. Raises `LedgerUnavailable`."""
        entries = [entry for name, entry in sorted(self.catalogue.entries.items()) if name > after]
        yield from read_each(entries, read)
        for broken in self.catalogue.broken if not after else ():
            name = broken.name.removeprefix(f"{SubjectKind.APPLICATION}:")
            yield NotShown(application=name, why="; ".join(broken.problems))

    def applications(self) -> ReadOfEach[dict[str, Any]]:
        """Every application with its environments and lanes."""
        return gathered(
            self.read_each_application(lambda entry: overview(self.snapshot(entry, Lookups(in_lanes=False))))
        )

    def releases(self, application: str, *, limit: int, before: int | None = None) -> tuple[Release, ...]:
        """An application's releases, newest first."""
        return tuple(self.ledger.releases(application, limit=limit, older_than=before))

    def newest_releases(self, *, limit: int) -> ReadOfEach[Release]:
        """The newest of all applications by time."""
        each = gathered(
            self.read_each_application(lambda entry: self.releases(entry.application.application, limit=limit))
        )
        newest = sorted(chain.from_iterable(each.read), key=lambda release: release.created_at, reverse=True)
        return ReadOfEach(read=tuple(newest[:limit]), not_shown=each.not_shown)

    def release(self, release_id: str) -> Release:
        """The release by its id. Raises `NotFound`, also for a text that is not a release id."""
        try:
            application, number = parse_release_id(release_id)
        except ValueError as error:
            raise NotFound(str(error)) from error
        release = self.ledger.release(_known_form(application), number)
        if release is None:
            newest = next(iter(self.ledger.releases(application, limit=1)), None)
            if newest is None:
                self.catalogue.entry(application)  # it says which name was probably meant
            advice = f"; the newest is {newest.id}" if newest else f": {application} has none yet"
            raise NotFound(f"there is no release {release_id}{advice}")
        return release

    def release_of(self, application: Application, *, tag: str = "", digest: str = "") -> Release | None:
        """The newest release of a tag or of a digest, if there is one; without both, the release that is live in the
        first environment.

        Raises `NotFound`.
        """
        name, first = application.application, application.environments[0].name
        if tag or digest:
            number = self.ledger.release_of_tag(name, tag) if tag else self.ledger.release_of(name, digest)
            return self.release(f"{name}-{number}") if number is not None else None
        lane = self.ledger.lanes(name).get(first)
        if lane is None or lane.live is None:
            raise NotFound(f"{name} has no release live in {first}; push an artifact, or name one that was pushed")
        return self.release(f"{name}-{lane.live.release}")

    def under_way(self, release: Release) -> StepState | None:
        """The progress of the release's step and the reason why it waits; None if the step has reported none, or if no
        step is under way."""
        if release.step is None:
            return None
        environment = release.step.split("/")[1]
        state = self.ledger.under_way.read(release.application, release.number, environment)
        return state if state and state.step == release.step else None

    def explain(self, release: Release) -> Explanation:
        entry = self.catalogue.get(release.application)
        if entry is None:
            raise NotFound(f"this installation no longer delivers the application {release.application!r}")
        snapshot = self.snapshot(entry, lookups_to_explain(release))
        records = self._about_its_beginning(release) if waits_or_waited(release) else ()
        return explain(snapshot, snapshot.release(release.number) or release, records)

    def _about_its_beginning(self, release: Release) -> Iterator[AuditRecord]:
        """The records of the release's beginning. Damaged records are left out; they are named where records are
        shown."""
        after = max(release.first_sequence - LOOKED_BACK, 0)
        records = self.verified(release.application, after=after, limit=LOOKED_AT)
        return (record for record in records if isinstance(record, AuditRecord))

    def plan(self, plan_hash: str) -> Plan:
        content = self.blobs.get(plan_hash)
        if content is None:
            raise NotFound(f"there is no plan {plan_hash}")
        return Plan.model_validate_json(content)

    def preview(self, release: Release, plan_hash: str | None) -> Preview:
        """The changes of the release's plan by the cluster's answer; empty if that is no longer kept."""
        stored = release.preview_of(plan_hash)
        content = self.blobs.get(stored) if stored else None
        return Preview.model_validate_json(content) if content else Preview()

    def evidence(self, digest: str) -> bytes:
        content = self.blobs.get(digest)
        if content is None:
            raise NotFound(f"there is no document {digest}")
        if (until := hidden_until(content)) is not None and until > self.clock():
            # The token is a credential until it expires.
            raise NotFound(f"the proof {digest} is kept, and shown once its token has expired, after {moment(until)}")
        return content

    def gate_of(self, release: Release, environment: str) -> ApprovalGate | None:
        policy = self.catalogue.environment(release.application, environment)
        return policy.gate if policy and isinstance(policy.gate, ApprovalGate) else None

    def drift_of(self, release: Release) -> dict[str, Drift]:
        """By environment, how the cluster differs from this release, if it is live there."""
        lanes = self.ledger.lanes(release.application)
        return {
            name: lane.drift
            for name, lane in lanes.items()
            if lane.drift is not None and lane.live is not None and lane.live.release == release.number
        }

    # ---- the trail
    def head(self, application: str) -> Head:
        return self.ledger.head(_known_form(application))

    def audit(
        self, application: str, *, after: int = 0, limit: int = PAGE_LIMIT, release: Release | None = None
    ) -> Iterator[AuditRecord | Damaged]:
        """Records in order, from sequence `after` + 1; only those of `release` if it is given."""
        first = max(after + 1, release.first_sequence if release else 1)
        count = 0
        for row in self.ledger.audit(_known_form(application), first=first, limit=None if release else limit):
            item = _readable(application, row)
            if release is not None and isinstance(item, AuditRecord) and item.release != release.id:
                continue
            yield item
            count += 1
            if count >= limit:
                return

    def verified(
        self, application: str, *, after: int = 0, limit: int = PAGE_LIMIT, release: Release | None = None
    ) -> Iterator[AuditRecord | Damaged]:
        """As `audit`, for showing: each record's hash and signature are verified, and a record that does not verify is
        damaged. Raises `KeysUnavailable`."""
        for item in self.audit(application, after=after, limit=limit, release=release):
            yield item if isinstance(item, Damaged) else verify_record(item, self.ledger.public_keys)


def overview(snapshot: Snapshot) -> dict[str, Any]:
    return {
        "application": snapshot.application.application,
        "frozen": _freeze(snapshot.head.freeze, snapshot.now),
        "environments": [_lane(snapshot, environment) for environment in snapshot.application.environments],
    }


def _lane(snapshot: Snapshot, environment: Environment) -> dict[str, Any]:
    lane, application = snapshot.lane(environment.name), snapshot.application.application

    def name(number: int | None) -> str | None:
        return release_id(application, number) if number else None

    return {
        "environment": environment.name,
        "gate": environment.gate.kind,
        "live": {"release": name(lane.live.release), "tag": lane.live.tag, "at": lane.live.at.isoformat()}
        if lane.live
        else None,
        "in_progress": name(lane.in_progress),
        "waiting": name(lane.waiting),
        "next": name(lane.next),
        "rollback": name(lane.rollback),
        "frozen": _freeze(lane.freeze, snapshot.now),
        "drift": _drift(application, lane.drift) if lane.drift else None,
        "hold": {"owner": lane.hold.owner, "reason": lane.hold.reason, "release": name(lane.hold.release)}
        if lane.hold
        else None,
    }


def _drift(application: str, drift: Drift) -> dict[str, Any]:
    findings = drift.seen.model_dump(mode="json")
    release = release_id(application, drift.release)
    return {"since": drift.since.isoformat(), "release": release, "summary": drift.seen.summary, **findings}


def _freeze(freeze: Freeze | None, now: datetime) -> dict[str, Any] | None:
    """The freeze in JSON form; None if it is not in force."""
    if freeze is None or not freeze.in_force(now):
        return None
    until = freeze.until.isoformat() if freeze.until else None
    return {"owner": freeze.owner, "reason": freeze.reason, "until": until}


def _known_form(application: str) -> str:
    """The name, if it has the form of an application's name, since it becomes part of a key. Raises `NotFound`
    otherwise."""
    if application != INSTALLATION and re.fullmatch(NAME_PATTERN, application) is None:
        raise NotFound(f"there is no application {application[:80]!r}")
    return application


def _readable(application: str, row: AuditRecord | Row) -> AuditRecord | Damaged:
    if isinstance(row, AuditRecord):
        return row
    reason = str(row.values.get("Damaged", "its row is not an audit record any more"))
    return Damaged(application=application, sequence=_sequence(row), damaged=reason)


def _sequence(row: Row) -> int:
    digits = row.key.removeprefix(AUDIT)
    return int(digits) if digits.isdigit() else 0

"""Decides from the evidence alone whether every promise was kept. Pure: `tests/unit/local/test_chaos_judge.py` plants
each fault that the judge must find."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from slipway.domain.actions import Action, end_action
from slipway.domain.phases import Phase
from slipway.domain.steps import Notice

from .applications import APPLICATIONS, ENVIRONMENTS
from .evidence import FINAL, Evidence, Intent

ENDS: Final = frozenset(map(end_action, FINAL))
UNKNOWN: Final = "it could not be looked at"


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """One promise, and how it was broken."""

    promise: str
    faults: tuple[str, ...]

    @property
    def holds(self) -> bool:
        return not self.faults


def judge(evidence: Evidence) -> tuple[Verdict, ...]:
    """A verdict on every promise. One that could not be checked counts as broken."""
    return tuple(Verdict(promise=promise, faults=tuple(find(evidence))) for promise, find in PROMISES.items())


def _releases(evidence: Evidence) -> Iterator[str]:
    if evidence.releases is None or evidence.records is None:
        yield UNKNOWN
        return
    if not evidence.pushed:
        yield "nothing was pushed"
    release_counts = Counter((release["application"], release["digest"]) for release in evidence.releases)
    too_late = {
        record["details"].get("pushed")
        for records in evidence.records.values()
        for record in records
        if record["action"] == Action.IMAGE_IGNORED
    }
    for pushed in evidence.pushed:
        count = release_counts.pop((pushed.application, pushed.digest), 0)
        if count != 1 and (count or pushed.intent is not Intent.OVERTAKEN or pushed.digest not in too_late):
            yield f"{pushed.application}:{pushed.tag} has {count} releases"
    for application, digest in release_counts:
        yield f"{application} has a release of {digest}, and nobody pushed it"


def _ends(evidence: Evidence) -> Iterator[str]:
    if evidence.releases is None or evidence.records is None:
        yield UNKNOWN
        return
    intents = {(version.application, version.digest): version.intent for version in evidence.pushed}
    for release in evidence.releases:
        phase = Phase.of_text(release["phase"])
        release_records = [
            record for record in evidence.records[release["application"]] if record["release"] == release["id"]
        ]
        ends = [record["action"] for record in release_records if record["action"] in ENDS]
        if phase not in FINAL or ends != [end_action(phase)]:
            yield f"{release['id']} is {release['phase']}, and ended {len(ends)} times by its trail: {', '.join(ends)}"
        intent = intents.get((release["application"], release["digest"]))
        if intent is not None and phase not in intent.may_end:
            yield f"{release['id']} was intended to be {intent}, and is {release['phase']}: {release.get('reason', '')}"


def _clusters(evidence: Evidence) -> Iterator[str]:
    if evidence.live is None or evidence.namespaces is None:
        yield UNKNOWN
        return
    for application in APPLICATIONS:
        for environment in ENVIRONMENTS:
            place = application.name, environment
            live, content = evidence.live.get(place), evidence.namespaces[place]
            label = f"{application.name} in {environment}"
            ledger_says = f"{label}: the ledger says {f'{live.release} ({live.tag})' if live else 'nothing'} is live, "
            if content.images != (frozenset({live.digest}) if live else frozenset()):
                yield f"{ledger_says}the cluster runs {_join_sorted(content.images)}"
            if content.own_to_versions != (frozenset({live.tag}) if live else frozenset()):
                yield f"{ledger_says}the cluster has objects of {_join_sorted(content.own_to_versions)}"
            for name, order in content.orders.items():
                if order != content.lease:
                    yield f"{label}: {name} has order {order}, and the Lease {content.lease}"


def _orders(evidence: Evidence) -> Iterator[str]:
    yield from evidence.went_back
    if evidence.records is None:
        yield UNKNOWN
        return
    for application, records in evidence.records.items():
        newest = dict[str, int]()
        for record in records:
            if record["action"] == Action.RELEASE_LIVE:
                number, environment = int(record["release"].rpartition("-")[2]), record["environment"]
                if number < newest.get(environment, 0):
                    yield f"{application}: {number} went live in {environment} after {newest[environment]}"
                newest[environment] = number


def _trails(evidence: Evidence) -> Iterator[str]:
    if evidence.trail_faults is None:
        yield UNKNOWN
        return
    missing = {application.name for application in APPLICATIONS} - evidence.trail_faults.keys()
    yield from (f"{name}: its trail was not verified" for name in sorted(missing))
    yield from (f"{name}: {fault}" for name, fault in evidence.trail_faults.items() if fault)


def _messages(evidence: Evidence) -> Iterator[str]:
    if evidence.waiting is None or evidence.parked is None:
        yield UNKNOWN
        return
    yield from (f"{count} {place}" for place, count in evidence.waiting.items() if count)
    yield from (f"parked: {reason}" for reason in evidence.parked)


def _votes(evidence: Evidence) -> Iterator[str]:
    if evidence.releases is None or evidence.records is None:
        yield UNKNOWN
        return
    counted = _count_votes(evidence.records, Action.VOTE_APPROVED) + _count_votes(
        evidence.records, Action.VOTE_REJECTED
    )
    yield from (
        f"{release}: {voter} was told that the vote counted, and no record says so"
        for release, voter in sorted(evidence.votes)
        if not counted[release, voter]
    )
    yield from (
        f"{release}: the vote of {voter} counts {count} times"
        for (release, voter), count in counted.items()
        if count > 1
    )
    voters = {application.name: len(application.voters) for application in APPLICATIONS}
    for release in evidence.releases:
        of_release = sum(1 for name, _ in counted if name == release["id"])
        if release["phase"] == Phase.COMPLETED and of_release != voters[release["application"]]:
            yield f"{release['id']} is completed with {of_release} votes"


def _count_votes(trails: Mapping[str, Sequence[Mapping[str, Any]]], action: Action) -> Counter[tuple[str, str]]:
    """How many such votes there are, by release and voter."""
    votes = (record for records in trails.values() for record in records if record["action"] == action)
    return Counter((vote["release"], vote["actor"].removeprefix("oid:")) for vote in votes)


def _notices(evidence: Evidence) -> Iterator[str]:
    if evidence.releases is None or evidence.records is None:
        yield UNKNOWN
        return
    by_name = {application.name: application for application in APPLICATIONS}
    for records in evidence.records.values():
        for record in records:
            if record["action"] == Action.NOTIFICATION_FAILED:
                yield f"{record['release']}: {record['details'].get('reason', '')}"
    notices = {(notice, release) for notice, release, _ in evidence.notices}
    asked_about = {
        record["release"]
        for records in evidence.records.values()
        for record in records
        if record["action"] == Action.GATE_OPENED
    }
    for release in evidence.releases:
        concerns = release["phase"] in FINAL - {Phase.SUPERSEDED} or release["id"] in asked_about
        if concerns and (Notice.ENDED, release["id"]) not in notices:
            yield f"{release['id']} has ended, and nobody was told"
        if release["phase"] == Phase.COMPLETED:
            for person in by_name[release["application"]].voters:
                if (Notice.GATE_OPENED, release["id"], person.mail) not in evidence.notices:
                    yield f"{release['id']}: {person.name} was never asked"


def _health(evidence: Evidence) -> Iterator[str]:
    yield from [UNKNOWN] if evidence.doctor is None else evidence.doctor


PROMISES: Final[Mapping[str, Callable[[Evidence], Iterator[str]]]] = {
    "each push has one release": _releases,
    "each release has one end, the one that was meant": _ends,
    "the clusters hold what the ledger says is live": _clusters,
    "nothing of an older release came later": _orders,
    "each trail verifies, with its votes and its index": _trails,
    "nothing is left unsent, unread, dead or parked": _messages,
    "each vote is counted once": _votes,
    "everybody was told": _notices,
    "the doctor finds nothing": _health,
}


def _join_sorted(texts: frozenset[str]) -> str:
    return ", ".join(sorted(texts)) or "nothing"

"""Decides from the evidence alone whether every promise was kept. Pure: `tests/unit/local/test_chaos_judge.py` plants
each fault that it has to find."""

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
class Judged:
    """One promise, and the places where it was broken."""

    promise: str
    faults: tuple[str, ...]

    @property
    def holds(self) -> bool:
        return not self.faults


def judged(evidence: Evidence) -> tuple[Judged, ...]:
    """The verdict on every promise. One that could not be checked counts as broken."""
    return tuple(Judged(promise=promise, faults=tuple(find(evidence))) for promise, find in PROMISES.items())


def _releases(evidence: Evidence) -> Iterator[str]:
    if evidence.releases is None or evidence.records is None:
        yield UNKNOWN
        return
    if not evidence.pushed:
        yield "nothing was pushed"
    made = Counter((each["application"], each["digest"]) for each in evidence.releases)
    too_late = {
        record["details"].get("pushed")
        for records in evidence.records.values()
        for record in records
        if record["action"] == Action.IMAGE_IGNORED
    }
    for pushed in evidence.pushed:
        count = made.pop((pushed.application, pushed.digest), 0)
        if count != 1 and (count or pushed.intent is not Intent.OVERTAKEN or pushed.digest not in too_late):
            yield f"{pushed.application}:{pushed.tag} has {count} releases"
    for application, digest in made:
        yield f"{application} has a release of {digest}, and nobody pushed it"


def _ends(evidence: Evidence) -> Iterator[str]:
    if evidence.releases is None or evidence.records is None:
        yield UNKNOWN
        return
    intents = {(each.application, each.digest): each.intent for each in evidence.pushed}
    for release in evidence.releases:
        phase = Phase.of_text(release["phase"])
        mine = [record for record in evidence.records[release["application"]] if record["release"] == release["id"]]
        ends = [record["action"] for record in mine if record["action"] in ENDS]
        if phase not in FINAL or ends != [end_action(phase)]:
            yield f"{release['id']} is {release['phase']}, and ended {len(ends)} times by its trail: {', '.join(ends)}"
        intent = intents.get((release["application"], release["digest"]))
        if intent is not None and phase not in intent.may_end:
            yield f"{release['id']} was to be {intent}, and is {release['phase']}: {release.get('reason', '')}"


def _clusters(evidence: Evidence) -> Iterator[str]:
    if evidence.live is None or evidence.held is None:
        yield UNKNOWN
        return
    for application in APPLICATIONS:
        for environment in ENVIRONMENTS:
            at = application.name, environment
            live, held = evidence.live.get(at), evidence.held[at]
            where = f"{application.name} in {environment}"
            says = f"{where}: the ledger says {f'{live.release} ({live.tag})' if live else 'nothing'} is live, "
            if held.images != (frozenset({live.digest}) if live else frozenset()):
                yield f"{says}the cluster runs {_sorted(held.images)}"
            if held.own_to_versions != (frozenset({live.tag}) if live else frozenset()):
                yield f"{says}the cluster has objects of {_sorted(held.own_to_versions)}"
            for name, order in held.orders.items():
                if order != held.lease:
                    yield f"{where}: {name} has order {order}, and the Lease {held.lease}"


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
    if evidence.verified is None:
        yield UNKNOWN
        return
    missing = {each.name for each in APPLICATIONS} - evidence.verified.keys()
    yield from (f"{name}: its trail was not verified" for name in sorted(missing))
    yield from (f"{name}: {fault}" for name, fault in evidence.verified.items() if fault)


def _messages(evidence: Evidence) -> Iterator[str]:
    if evidence.waiting is None or evidence.parked is None:
        yield UNKNOWN
        return
    yield from (f"{count} {what}" for what, count in evidence.waiting.items() if count)
    yield from (f"parked: {each}" for each in evidence.parked)


def _votes(evidence: Evidence) -> Iterator[str]:
    if evidence.releases is None or evidence.records is None:
        yield UNKNOWN
        return
    counted = _cast(evidence.records, Action.VOTE_APPROVED) + _cast(evidence.records, Action.VOTE_REJECTED)
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
    voters = {each.name: len(each.voters) for each in APPLICATIONS}
    for release in evidence.releases:
        of_release = sum(1 for name, _ in counted if name == release["id"])
        if release["phase"] == Phase.COMPLETED and of_release != voters[release["application"]]:
            yield f"{release['id']} is completed with {of_release} votes"


def _cast(trails: Mapping[str, Sequence[Mapping[str, Any]]], action: Action) -> Counter[tuple[str, str]]:
    """The number of such votes by release and voter."""
    votes = (record for records in trails.values() for record in records if record["action"] == action)
    return Counter((vote["release"], vote["actor"].removeprefix("oid:")) for vote in votes)


def _notices(evidence: Evidence) -> Iterator[str]:
    if evidence.releases is None or evidence.records is None:
        yield UNKNOWN
        return
    by_name = {each.name: each for each in APPLICATIONS}
    for records in evidence.records.values():
        for record in records:
            if record["action"] == Action.NOTIFICATION_FAILED:
                yield f"{record['release']}: {record['details'].get('reason', '')}"
    told_to = {(notice, release) for notice, release, _ in evidence.told}
    people_were_asked = {
        record["release"]
        for records in evidence.records.values()
        for record in records
        if record["action"] == Action.GATE_OPENED
    }
    for release in evidence.releases:
        concerns = release["phase"] in FINAL - {Phase.SUPERSEDED} or release["id"] in people_were_asked
        if concerns and (Notice.ENDED, release["id"]) not in told_to:
            yield f"{release['id']} has ended, and nobody was told"
        if release["phase"] == Phase.COMPLETED:
            for person in by_name[release["application"]].voters:
                if (Notice.GATE_OPENED, release["id"], person.mail) not in evidence.told:
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


def _sorted(texts: frozenset[str]) -> str:
    return ", ".join(sorted(texts)) or "nothing"

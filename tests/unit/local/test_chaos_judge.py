"""The judge of `make chaos` finds each planted fault, and calls only that promise broken."""

from collections.abc import Mapping
from dataclasses import fields, replace
from itertools import pairwise
from typing import Any

import pytest

from local.chaos.applications import ADA, APPLICATIONS, BEN, ENVIRONMENTS, PRODUCTION, STAGING
from local.chaos.blows import rows
from local.chaos.evidence import Evidence, Intent, Live, NamespaceContent, Pushed
from local.chaos.judge import PROMISES, judge
from slipway.domain.order import Order

FIRST, SECOND = "sha256:" + "1" * 64, "sha256:" + "2" * 64
RELEASES, ENDS, CLUSTERS, ORDERS, TRAILS, MESSAGES, VOTES, NOTICES, HEALTH = PROMISES


def pushed(application: str, tag: str, digest: str, intent: Intent) -> Pushed:
    return Pushed(application=application, tag=tag, digest=digest, intent=intent)


def release(application: str, number: int, phase: str) -> dict[str, Any]:
    digest, tag = (FIRST, "1.0.0") if number == 1 else (SECOND, "1.1.0")
    id = f"{application}-{number}"
    return {"id": id, "application": application, "tag": tag, "digest": digest, "phase": phase, "reason": ""}


def record(release: str, action: str, *, environment: str = "", actor: str = "") -> dict[str, Any]:
    return {"release": release, "action": action, "environment": environment, "actor": actor, "details": {}}


def votes(application: str) -> list[dict[str, Any]]:
    (of,) = (each for each in APPLICATIONS if each.name == application)
    return [record(f"{application}-2", "vote.approved", actor=f"oid:{voter.oid}") for voter in of.voters]


def trail(application: str) -> list[dict[str, Any]]:
    """The first version was rejected in production, the second one completed."""
    one, two = f"{application}-1", f"{application}-2"
    return [
        record(one, "release.live", environment=STAGING),
        record(one, "vote.rejected", actor=f"oid:{ADA.oid}"),
        record(one, "release.rejected"),
        record(two, "release.live", environment=STAGING),
        *votes(application),
        record(two, "release.live", environment=PRODUCTION),
        record(two, "release.completed"),
    ]


CONTENT = NamespaceContent(
    images=frozenset({SECOND}),
    orders={"hello Deployment": Order(epoch=0, number=2)},
    lease=Order(epoch=0, number=2),
    own_to_versions=frozenset({"1.1.0"}),
)
NAMES = tuple(each.name for each in APPLICATIONS)
PLACES = [(name, environment) for name in NAMES for environment in ENVIRONMENTS]
GOOD = Evidence(
    pushed=[
        each
        for name in NAMES
        for each in (
            pushed(name, "1.0.0", FIRST, Intent.REJECTED),
            pushed(name, "1.1.0", SECOND, Intent.APPROVED),
        )
    ],
    votes=frozenset((f"{each.name}-2", voter.oid) for each in APPLICATIONS for voter in each.voters),
    notices=frozenset(
        notice
        for each in APPLICATIONS
        for notice in (
            ("ended", f"{each.name}-1", ""),
            ("ended", f"{each.name}-2", ""),
            *(("gate-opened", f"{each.name}-2", voter.mail) for voter in each.voters),
        )
    ),
    went_back=(),
    releases=[each for name in NAMES for each in (release(name, 1, "rejected"), release(name, 2, "completed"))],
    records={name: trail(name) for name in NAMES},
    live={at: Live(release=f"{at[0]}-2", tag="1.1.0", digest=SECOND) for at in PLACES},
    namespaces=dict.fromkeys(PLACES, CONTENT),
    trail_faults=dict.fromkeys((*NAMES, "_installation"), ""),
    waiting={"rows of the outbox": 0, "dead letters of steps": 0},
    doctor=(),
    parked=(),
)


def broken(evidence: Evidence) -> list[str]:
    return [each.promise for each in judge(evidence) if not each.holds]


def with_trail(*more: Mapping[str, Any], without: str = "") -> Evidence:
    """The good evidence, with more records for one application, or without its records of one action."""
    records = {name: [each for each in trail(name) if each["action"] != without] for name in NAMES[:1]}
    return replace(GOOD, records={**(GOOD.records or {}), NAMES[0]: [*records[NAMES[0]], *more]})


def with_content(**more: Any) -> Evidence:
    return replace(GOOD, namespaces={**(GOOD.namespaces or {}), PLACES[0]: replace(CONTENT, **more)})


LOST, STUCK = (GOOD.releases or ())[1:], release(NAMES[0], 2, "deploying")
PLANTED = {
    "a release is lost": (replace(GOOD, releases=LOST), [RELEASES]),
    "a push has two releases": (replace(GOOD, releases=[*(GOOD.releases or ()), LOST[0]]), [RELEASES]),
    "nothing was pushed": (replace(GOOD, pushed=(), releases=()), [RELEASES]),
    "a release has not ended": (replace(GOOD, releases=[(GOOD.releases or ())[0], STUCK, *LOST[1:]]), [ENDS]),
    "a release ended twice": (with_trail(record("orders-2", "release.failed")), [ENDS]),
    "a release has no end on record": (with_trail(without="release.rejected"), [ENDS]),
    "an approved release failed": (
        replace(
            with_trail(record("orders-2", "release.failed"), without="release.completed"),
            releases=[(GOOD.releases or ())[0], release("orders", 2, "failed"), *LOST[1:]],
        ),
        [ENDS],
    ),
    "another digest than was pushed": (
        replace(GOOD, releases=[{**(GOOD.releases or ())[0], "digest": "sha256:3"}, *LOST]),
        [RELEASES],
    ),
    "the cluster runs another image": (with_content(images=frozenset({FIRST})), [CLUSTERS]),
    "two images run": (with_content(images=frozenset({FIRST, SECOND})), [CLUSTERS]),
    "an object of an older version is left": (with_content(own_to_versions=frozenset({"1.0.0", "1.1.0"})), [CLUSTERS]),
    "an object has an older order": (with_content(orders={"hello Service": Order(epoch=0, number=1)}), [CLUSTERS]),
    "the Lease is gone": (with_content(lease=None), [CLUSTERS]),
    "an older order was seen later": (replace(GOOD, went_back=["orders-staging: 1 after 2"]), [ORDERS]),
    "an older release went live later": (
        with_trail(record("orders-1", "release.live", environment=STAGING)),
        [ORDERS],
    ),
    "a trail is broken": (replace(GOOD, trail_faults={**(GOOD.trail_faults or {}), "mail": "a hash"}), [TRAILS]),
    "a trail is missing": (replace(GOOD, trail_faults={"orders": "", "stock": ""}), [TRAILS]),
    "a message is left": (replace(GOOD, waiting={"dead letters of steps": 1}), [MESSAGES]),
    "something is parked": (replace(GOOD, parked=["steps: tried too often"]), [MESSAGES]),
    "a vote counts twice": (with_trail(*votes("orders")), [VOTES]),
    "a vote is lost": (with_trail(without="vote.approved"), [VOTES]),
    "one of two votes is missing": (
        replace(
            GOOD,
            votes=frozenset(vote for vote in GOOD.votes if vote[1] != BEN.oid),
            records={
                **(GOOD.records or {}),
                "stock": [each for each in trail("stock") if BEN.oid not in each["actor"]],
            },
        ),
        [VOTES],
    ),
    "nobody was told of an end": (replace(GOOD, notices=GOOD.notices - {("ended", "mail-1", "")}), [NOTICES]),
    "nobody was told that what they had been asked about was superseded": (
        replace(
            with_trail(
                record("orders-1", "gate.opened"), record("orders-1", "release.superseded"), without="release.rejected"
            ),
            pushed=[pushed("orders", "1.0.0", FIRST, Intent.OVERTAKEN), *GOOD.pushed[1:]],
            releases=[release("orders", 1, "superseded"), *LOST],
            notices=GOOD.notices - {("ended", "orders-1", "")},
        ),
        [NOTICES],
    ),
    "a voter was not asked": (replace(GOOD, notices=GOOD.notices - {("gate-opened", "stock-2", BEN.mail)}), [NOTICES]),
    "a notice was given up": (with_trail(record("orders-2", "notification.failed")), [NOTICES]),
    "the doctor complains": (replace(GOOD, doctor=["clock: 8 s"]), [HEALTH]),
}


def test_a_run_in_which_all_went_well_is_called_good() -> None:
    assert broken(GOOD) == []


@pytest.mark.parametrize("planted", PLANTED)
def test_a_planted_fault_is_found_and_nothing_else(planted: str) -> None:
    evidence, promises = PLANTED[planted]
    assert broken(evidence) == promises


KEPT_BY_THE_RUN = ("pushed", "votes", "notices", "went_back")


@pytest.mark.parametrize("part", [each.name for each in fields(Evidence) if each.name not in KEPT_BY_THE_RUN])
def test_evidence_that_could_not_be_read_is_no_pass(part: str) -> None:
    unknown: dict[str, Any] = {part: None}
    assert broken(replace(GOOD, **unknown))


@pytest.mark.parametrize("intent", Intent)
def test_only_a_version_that_is_meant_to_be_overtaken_may_end_without_a_release(intent: Intent) -> None:
    late = pushed("orders", "1.0.1", "sha256:3", intent)
    ignored = {**record("", "image.ignored"), "details": {"pushed": late.digest}}
    records = {**(GOOD.records or {}), "orders": [*trail("orders"), ignored]}
    evidence = replace(GOOD, pushed=[*GOOD.pushed, late], records=records)
    assert broken(evidence) == ([] if intent is Intent.OVERTAKEN else [RELEASES])
    assert broken(replace(evidence, records=GOOD.records)) == [RELEASES]


def test_a_seed_gives_the_same_blows_each_time_and_those_of_a_row_do_not_overlap() -> None:
    for seed in range(50):
        both = rows(seed, 5)
        assert both == rows(seed, 5)
        assert both != rows(seed + 1, 5)
        for row in both:
            assert row
            assert all(before.at + before.lasts < after.at for before, after in pairwise(row))

"""Events come several times, in any order, on two instances at once: the outcome is the same as if each came once."""

import random
from concurrent.futures import ThreadPoolExecutor

import pytest

from local.ci.pipeline import build_complete
from local.person import Approver
from slipway.cli.public_keys import read_public_keys
from slipway.domain.audit import AuditRecord, ChainCheck
from tests.integration.system import System, until

pytestmark = pytest.mark.stack


@pytest.mark.parametrize(("version", "seed"), [("1.0.0", 1), ("1.1.0", 2)])
def test_repeated_and_shuffled_events_make_one_release(system: System, version: str, seed: int) -> None:
    application = system.application("repeats")
    digest = application.push(version)
    push_data = system.push_data("team/repeats", digest, version)
    hook = build_complete(application.runs[version], pipeline="repeats-ci")
    calls = [lambda i=i: system.event(push_data, instance=i % 2, cloud=i > 2).status for i in range(6)]
    calls += [lambda i=i: system.hook(hook, instance=i % 2).status for i in range(4)]
    random.Random(seed).shuffle(calls)
    with ThreadPoolExecutor(max_workers=10) as together:
        statuses = list(together.map(lambda call: call(), calls))
    assert sorted(set(statuses)) in ([200, 202], [202])
    opened = application.reached("gate.opened", tag=version)

    Approver().decide(system.approval_link(opened["release"]), "approve", "twice is fine")
    application.reached("release.completed", tag=version)
    releases = [release for release in application.releases if release["tag"] == version]
    assert [(release["digest"], release["phase"]) for release in releases] == [(digest, "completed")]
    once = ("release.created", "release.joined", "plan.made", "rollout.applied", "vote.approved", "release.completed")
    actions = application.actions(opened["release"])
    assert [actions.count(action) for action in once] == [1, 1, 2, 2, 1, 1]


def test_the_chain_verifies_and_both_instances_return_the_same_records(system: System) -> None:
    application = system.application("repeats")
    until(lambda: application.records() == application.records(instance=1), "both instances return the same")
    trail = system.get("/api/v1/audit/repeats?limit=500")
    check = ChainCheck("repeats", keys=read_public_keys(system.get("/api/v1/public-keys")["text"]))
    faults = [check.feed(AuditRecord.model_validate(record)) for record in trail["records"]]
    assert not any(faults)
    assert check.finish(sequence=trail["head"]["sequence"], head_hash=trail["head"]["hash"]) is None

"""How releases start: from pushes, from CI runs, and from both joined in either order."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from slipway.domain.application import Start, Versions
from slipway.domain.decide import Decision
from slipway.domain.release import Phase
from slipway.domain.steps import StepKind
from tests.unit.domain.samples import MORNING, application, ci_run, digest, unattended
from tests.unit.domain.world import World

NO_VERSION = "tag nightly is not a semantic version such as 1.4.2; semver >=1.0.0 needs one"


def test_a_push_starts_a_release_where_the_application_starts_from_pushes() -> None:
    world = World(application())
    world.push("v1", actor="builder")
    release = world.releases[1]
    assert (release.id, release.phase, release.environment) == ("shop-1", Phase.PLANNING, "staging")
    assert release.digest == digest("v1")
    assert world.last("release.created").actor == "builder"


def test_the_story_of_a_release_begins_at_its_first_record() -> None:
    world = World(unattended())
    world.push("v1")
    world.settle()
    world.push("v2")
    first = world.audit[world.releases[2].first_sequence - 1]
    assert (first.action, first.release) == ("release.created", "shop-2")


def test_a_push_that_is_reported_again_changes_nothing() -> None:
    world = World(application())
    world.push("v1")
    state_before = (world.head, dict(world.releases), len(world.outbox))
    assert world.push("v1").nothing
    assert world.push("v1", source="reconcile").nothing
    assert (world.head, world.releases, len(world.outbox)) == state_before


def test_another_tag_on_a_known_image_is_recorded_and_starts_nothing() -> None:
    world = World(application())
    world.push("v1")
    world.push("stable", "v1")
    assert list(world.releases) == [1]
    assert world.last("image.tagged").details["tag"] == "stable"
    assert world.tags["stable"] == 1


def test_a_tag_that_is_pushed_again_with_other_content_starts_a_release_of_its_own() -> None:
    world = World(unattended())
    world.push("latest", "first")
    world.settle()
    world.push("latest", "second", at=MORNING + timedelta(minutes=1))
    world.settle()
    assert [world.releases[n].digest for n in (1, 2)] == [digest("first"), digest("second")]
    assert world.live("production") == 2


def test_a_push_whose_tag_does_not_match_is_recorded_and_starts_nothing() -> None:
    world = World(application().evolve(versions=Versions(range=">=1.0.0")))
    decision = world.push("nightly")
    assert not world.releases
    assert [rule.name for rule in decision.rules] == ["tag-matches"]
    assert world.last("image.ignored").details["reason"] == NO_VERSION


def test_a_run_starts_a_release_whose_image_is_looked_up_by_its_tag() -> None:
    world = World(application(start=Start.RUN))
    world.effects.registry["20261123.1"] = digest("image")
    world.run(ci_run("20261123.1"))
    assert world.phase(1) is Phase.RESOLVING
    world.settle()
    assert world.releases[1].digest == digest("image")
    assert world.live("staging") == 1


def test_a_run_that_names_its_image_needs_no_look_up() -> None:
    world = World(application(start=Start.RUN))
    world.run(ci_run("7"), image="image", tag="v7")
    assert world.phase(1) is Phase.PLANNING
    assert not world.steps(StepKind.RESOLVE)


@pytest.mark.parametrize(("number", "tag"), [("7", "7"), ("release/7", f"digest-{digest('image')[7:19]}")])
def test_a_run_with_a_digest_and_no_tag_takes_its_name_as_the_tag_if_that_is_a_valid_one(number: str, tag: str) -> None:
    world = World(application(start=Start.RUN))
    world.run(ci_run(number), image="image")
    assert (world.releases[1].tag, world.releases[1].digest) == (tag, digest("image"))


@pytest.mark.parametrize("number", ["release/2026.11", "1.2.3+abc", "a b", "x" * 200])
def test_a_run_that_names_no_image_and_whose_name_is_not_a_tag_is_recorded_in_plain_words(number: str) -> None:
    world = World(application(start=Start.RUN))
    world.run(ci_run(number))
    assert not world.releases
    ignored = world.last("run.ignored").details
    assert ignored["rule"] == "run-names-its-image"
    assert repr(number) in ignored["reason"]
    assert "set pipeline.tag" in ignored["reason"]


@pytest.mark.parametrize("number", ["7", "release/7"])
def test_a_run_that_came_first_and_named_a_digest_only_is_joined_by_the_push_of_any_tag(number: str) -> None:
    world = World(application(start=Start.BOTH))
    world.run(ci_run(number), image="image")
    assert world.phase(1) is Phase.JOINING
    world.push("v7", "image")
    assert (world.releases[1].tag, world.live("staging")) == ("v7", None)
    world.settle()
    assert world.live("staging") == 1


def test_a_push_whose_tag_does_not_count_joins_no_run() -> None:
    world = World(application(start=Start.BOTH).evolve(versions=Versions(range=">=1.0.0")))
    world.run(ci_run("7"), image="image")
    world.push("nightly", "image")
    assert world.phase(1) is Phase.JOINING
    assert world.last("image.ignored").details["tag"] == "nightly"


def test_a_run_whose_tag_the_registry_does_not_have_fails_its_release() -> None:
    world = World(application(start=Start.RUN))
    world.run(ci_run("7"))
    world.settle()
    assert world.phase(1) is Phase.FAILED
    assert world.releases[1].reason == "the registry has no tag 7"


def test_a_push_that_comes_while_the_tag_is_looked_up_does_not_lose_the_run() -> None:
    world = World(application(start=Start.RUN))
    world.run(ci_run("7"))
    world.push("7")
    assert [world.phase(n) for n in (1, 2)] == [Phase.RESOLVING, Phase.JOINING]
    world.settle()
    assert [world.phase(n) for n in (1, 2)] == [Phase.SUPERSEDED, Phase.AWAITING_APPROVAL]
    assert world.releases[2].run == ci_run("7")


def test_a_push_after_its_tag_was_looked_up_changes_nothing() -> None:
    world = World(application(start=Start.RUN))
    world.effects.registry["7"] = digest("7")
    world.run(ci_run("7"))
    world.settle()
    assert world.push("7").nothing


@pytest.mark.parametrize("named_by", ["digest", "tag", "convention"])
@pytest.mark.parametrize("first", ["push", "run"])
def test_push_and_run_are_joined_in_either_order(first: str, named_by: str) -> None:
    world = World(application(start=Start.BOTH))
    image, tag = {"digest": ("7", "7"), "tag": (None, "7"), "convention": (None, None)}[named_by]
    facts: list[Callable[[], Decision]] = [
        lambda: world.push("7"),
        lambda: world.run(ci_run("7"), image=image, tag=tag),
    ]
    for fact in facts if first == "push" else reversed(facts):
        assert 1 not in world.releases or world.phase(1) is Phase.JOINING
        fact()
    release = world.releases[1]
    assert list(world.releases) == [1]
    assert (release.phase, release.digest, release.run) == (Phase.PLANNING, digest("7"), ci_run("7"))
    assert release.push is not None
    assert release.dated_at == release.push.at


def test_a_push_and_a_run_that_are_reported_twice_are_joined_once() -> None:
    world = World(application(start=Start.BOTH))
    for _ in range(2):
        world.push("7")
    for _ in range(2):
        world.run(ci_run("7"))
    assert list(world.releases) == [1]
    assert world.actions(1).count("release.joined") == 1


def test_a_failed_run_cancels_the_release_that_waited_for_it() -> None:
    world = World(application(start=Start.BOTH))
    world.push("7")
    world.run(ci_run("7", result="failed"))
    assert world.phase(1) is Phase.CANCELLED
    assert world.releases[1].reason == "CI run 7 ended as failed"
    assert not world.head.active


def test_a_failed_run_that_belongs_to_no_release_is_recorded() -> None:
    world = World(application(start=Start.BOTH))
    world.run(ci_run("7", result="canceled"))
    assert not world.releases
    assert world.last("run.failed").details["result"] == "canceled"


def test_a_failed_run_does_not_touch_a_release_that_started_already() -> None:
    world = World(unattended())
    world.push("7")
    world.run(ci_run("7", result="failed"))
    world.settle()
    assert world.phase(1) is Phase.COMPLETED
    assert "run.failed" in world.actions(1)


def test_a_run_that_succeeds_when_run_again_delivers_the_image_that_was_pushed_the_first_time() -> None:
    world = World(application(start=Start.BOTH))
    world.push("7")
    world.run(ci_run("7", result="failed"))
    world.run(ci_run("7", at=MORNING + timedelta(minutes=9)))
    assert (world.phase(1), world.phase(2)) == (Phase.CANCELLED, Phase.PLANNING)
    assert world.releases[2].digest == digest("7")
    assert world.digests[digest("7")] == 2


def test_a_failure_that_is_reported_late_does_not_cancel_a_run_that_has_succeeded_since() -> None:
    world = World(application(start=Start.BOTH))
    world.run(ci_run("7", at=MORNING + timedelta(minutes=9)))
    world.run(ci_run("7", at=MORNING, result="failed"))
    world.push("7")
    assert world.phase(1) is Phase.PLANNING


def test_a_second_run_with_the_same_tag_starts_a_release_of_its_own() -> None:
    world = World(application(start=Start.RUN, tag="latest"))
    for number in ("1", "2"):
        world.effects.registry["latest"] = digest(number)
        world.run(ci_run(number, at=world.now))
        world.settle()
        world.wait(timedelta(minutes=1))
    assert [world.releases[n].digest for n in (1, 2)] == [digest("1"), digest("2")]


def test_a_second_run_of_a_known_image_is_recorded() -> None:
    world = World(application(start=Start.RUN))
    world.run(ci_run("1"), image="image", tag="v1")
    world.run(ci_run("2"), image="image", tag="v1")
    assert list(world.releases) == [1]
    assert world.last("run.recorded").details["reason"] == "shop-1 has a CI run already"


def test_a_tag_that_is_looked_up_and_names_a_known_image_gives_way_to_its_release() -> None:
    world = World(unattended(start=Start.RUN))
    world.run(ci_run("1"), image="image", tag="v1")
    world.effects.registry["2"] = digest("image")
    world.run(ci_run("2"))
    world.settle()
    assert (world.phase(1), world.phase(2)) == (Phase.COMPLETED, Phase.SUPERSEDED)
    assert world.releases[2].superseded_by == 1


def test_a_run_of_another_branch_is_recorded_and_starts_nothing() -> None:
    world = World(application(start=Start.RUN))
    decision = world.run(ci_run("7", branch="refs/heads/feature"))
    assert not world.releases
    assert {rule.name: rule.passed for rule in decision.rules} == {
        "run-is-proved": True,
        "built-by-run": True,
        "run-succeeded": True,
        "branch-counts": False,
        "tag-matches": True,
    }
    assert world.last("run.ignored").details["rule"] == "branch-counts"


def test_a_run_is_evidence_where_the_application_starts_from_pushes() -> None:
    world = World(application())
    world.run(ci_run("6"))
    assert "no release of its image" in world.last("run.recorded").details["reason"]
    world.push("7")
    world.run(ci_run("7"))
    assert world.releases[1].run == ci_run("7")
    assert world.phase(1) is Phase.PLANNING


def test_a_release_that_waits_for_its_run_is_superseded_when_its_tag_starts_again() -> None:
    world = World(application(start=Start.BOTH))
    world.push("latest", "first")
    world.wait(timedelta(minutes=1))
    world.push("latest", "second")
    world.run(ci_run("2", at=world.now), tag="latest")
    assert (world.phase(1), world.phase(2)) == (Phase.SUPERSEDED, Phase.PLANNING)
    assert world.releases[1].superseded_by == 2


def test_a_tag_names_its_newest_image_even_when_an_older_push_arrives_last() -> None:
    world = World(application(start=Start.BOTH))
    world.push("latest", "second", at=MORNING + timedelta(minutes=1))
    world.push("latest", "first", at=MORNING)
    world.run(ci_run("2", at=MORNING + timedelta(minutes=2)), tag="latest")
    assert (world.phase(1), world.phase(2)) == (Phase.PLANNING, Phase.SUPERSEDED)
    assert world.releases[1].digest == digest("second")


@pytest.mark.parametrize("first", ["run", "newer"])
def test_a_run_whose_push_was_ignored_gives_way_to_the_newer_release_that_begins(first: str) -> None:
    """Nothing else would ever join it: its push came after the push of a higher version."""
    world = World(application(start=Start.BOTH))
    world.push("1.5.0", at=MORNING + timedelta(minutes=2))
    facts: list[Callable[[], Decision]] = [
        lambda: world.run(ci_run("4", at=MORNING + timedelta(minutes=1)), image="1.4.0"),
        lambda: world.run(ci_run("5", at=MORNING + timedelta(minutes=3)), image="1.5.0"),
    ]
    for fact in facts if first == "run" else reversed(facts):
        fact()
    assert [world.phase(number) for number in (1, 2)] == [Phase.PLANNING, Phase.SUPERSEDED]
    assert world.releases[2].superseded_by == 1


def test_a_newer_release_that_waits_is_left_alone_when_an_older_one_begins() -> None:
    world = World(application(start=Start.BOTH))
    world.push("1", at=MORNING)
    world.push("2", at=MORNING + timedelta(minutes=1))
    world.run(ci_run("1", at=MORNING + timedelta(minutes=2)), image="1")
    assert [world.phase(number) for number in (1, 2)] == [Phase.PLANNING, Phase.JOINING]

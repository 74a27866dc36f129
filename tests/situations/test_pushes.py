"""What is pushed to the registry, under which tag and in which order."""

from collections.abc import Callable

import pytest

from tests.situations.kit import (
    Artifact,
    Installation,
    buildkit_cache,
    empty_index,
    helm_chart,
    image,
    oci_artifact,
    shop,
)

pytestmark = pytest.mark.sweep(keep=1)

Install = Callable[..., Installation]


def test_a_revert_that_builds_the_same_bytes_goes_out(install: Install) -> None:
    installation = install(shop(approvers=()))
    before, after = image("A"), image("B")
    for tag, artifact in (("b1", before), ("b2", after), ("b3", before)):
        installation.push(tag, artifact)
        installation.settle()
        installation.wait(hours=1)
    assert installation.running("production") == before.digest


def test_an_image_whose_release_failed_goes_out_when_it_is_pushed_under_a_new_tag(install: Install) -> None:
    installation = install(shop(approvers=()))
    artifact = image("A")
    installation.break_down("staging", artifact)
    installation.push("b1", artifact)
    installation.settle()
    installation.mend("staging")
    installation.wait(hours=1)
    installation.push("b2", artifact)
    installation.settle()
    assert installation.live("production") == "b2"


@pytest.mark.parametrize("minutes", [10, 3 * 24 * 60])
def test_a_tag_that_is_moved_back_brings_the_older_image_back_or_leaves_a_trace(install: Install, minutes: int) -> None:
    installation = install(shop(environments=("staging",)))
    older, newer = image("A"), image("B")
    for artifact in (older, newer):
        installation.push("latest", artifact)
        installation.settle()
        installation.wait(minutes=minutes)
    reasons_before = installation.reasons()
    installation.push("latest", older)
    installation.settle()
    assert installation.running("staging") == older.digest or installation.reasons() != reasons_before


@pytest.mark.parametrize("build", [buildkit_cache, empty_index, helm_chart, oci_artifact])
def test_an_artifact_that_is_not_an_image_starts_no_release(install: Install, build: Callable[[], Artifact]) -> None:
    installation = install(shop(approvers=()))
    artifact = installation.push("v1")
    installation.settle()
    installation.wait(seconds=20)
    installation.push("buildcache", build())
    installation.settle()
    assert (installation.running("staging"), len(installation.releases())) == (artifact.digest, 1)


@pytest.mark.parametrize(("live", "patch"), [("2.0.0", "1.4.3"), ("1.10.0", "1.9.1"), ("v2.0.1", "v2.0.0")])
def test_with_a_semver_rule_a_lower_version_does_not_replace_a_higher_one_by_itself(
    install: Install, live: str, patch: str
) -> None:
    installation = install(shop(approvers=(), tags={"semver": ">=1.0.0"}))
    for tag in (live, patch):
        installation.push(tag)
        installation.settle()
        installation.wait(minutes=10)
    assert installation.live("production") == live


@pytest.mark.parametrize(
    ("tags", "versions"),
    [
        ({"semver": ">=1.0.0"}, {"order": "time"}),
        ({"semver": ">=1.0.0"}, {"lines": ["1.x", "2.x"]}),
        ({"glob": "*"}, {}),
    ],
)
def test_a_patch_of_an_older_line_goes_out_where_the_application_says_so(
    install: Install, tags: dict[str, str], versions: dict[str, object]
) -> None:
    installation = install(shop(approvers=(), tags=tags, versions=versions))
    for tag in ("2.0.0", "1.4.3"):
        installation.push(tag)
        installation.settle()
        installation.wait(minutes=10)
    assert installation.live("production") == "1.4.3"
    assert "1.4.3 is a downgrade: 2.0.0 is live here" in installation.release_page(2)


def another_repository(installation: Installation) -> None:
    installation.push("v1", repository="team/other")


def a_base_image(installation: Installation) -> None:
    installation.push("latest", repository="python")


def another_pipeline(installation: Installation) -> None:
    installation.run_ended("20261128.1", pipeline="nightly", definition=31)


@pytest.mark.parametrize("happens", [another_repository, a_base_image, another_pipeline])
def test_an_event_that_concerns_no_delivery_is_not_parked(
    install: Install, happens: Callable[[Installation], None]
) -> None:
    installation = install(shop(start="both"))
    happens(installation)
    installation.settle()
    assert installation.parked_reasons() == []

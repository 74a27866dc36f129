"""The copy into production's registry: what is known before people vote, and what real registries answer."""

from collections.abc import Callable

import pytest

from tests.situations.kit import (
    ADA,
    Answer,
    Artifact,
    Installation,
    error_answer,
    image,
    index,
    sbom,
    shop,
    signature,
    windows_image,
)

pytestmark = pytest.mark.sweep(keep=1)

Install = Callable[..., Installation]
AMD, ARM = image("amd"), image("arm", architecture="arm64")
FOREIGN = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
ORDINARY = "application/vnd.docker.image.rootfs.diff.tar.gzip"


def promote(installation: Installation) -> tuple[str, str]:
    """Approve, and let the release go on: returns the phase in which it ends, and the reason."""
    installation.settle()
    installation.approve(ADA)
    release = installation.release()
    return release.phase, release.reason


@pytest.mark.parametrize("tag", ["latest", "1.0"])
def test_a_tag_that_is_taken_in_production_is_reported_before_anybody_is_asked(install: Install, tag: str) -> None:
    installation = install(shop())
    installation.prod.hold(image("A"), tag)
    installation.push(tag, image("B"))
    installation.settle()
    assert installation.release().phase != "awaiting_approval" or "promotion.tag" in installation.page(ADA).text


@pytest.mark.parametrize(("purged", "platform"), [(ARM, "linux/arm64"), (AMD, "linux/amd64")], ids=["arm64", "amd64"])
def test_a_platform_of_an_index_that_was_purged_is_named_before_anybody_is_asked(
    install: Install, purged: Artifact, platform: str
) -> None:
    installation = install(shop())
    installation.push("m1", index(AMD, ARM))
    installation.ci.purge(purged)
    installation.settle()
    release = installation.release()
    assert release.phase != "awaiting_approval"
    assert platform in release.reason


@pytest.mark.parametrize("base_layer", [FOREIGN, ORDINARY], ids=["foreign", "ordinary with urls"])
def test_a_layer_that_is_offered_elsewhere_too_is_copied_when_the_registry_holds_it(
    install: Install, base_layer: str
) -> None:
    installation = install(shop())
    installation.push("w1", index(AMD, windows_image(base_layer=base_layer)))
    phase, reason = promote(installation)
    assert phase == "completed", reason


def test_a_purged_referrer_that_is_listed_under_a_tag_does_not_stop_the_copy(install: Install) -> None:
    installation = install(shop())
    root = installation.push("v1", index(AMD, ARM))
    purged = signature(root)
    installation.ci.list_under_a_tag(root, purged)
    installation.ci.purge(purged)
    phase, reason = promote(installation)
    assert phase == "completed", reason


@pytest.mark.parametrize("attach", [signature, sbom])
def test_a_referrer_that_goes_between_list_and_read_does_not_stop_the_copy(
    install: Install, attach: Callable[[Artifact], Artifact]
) -> None:
    installation = install(shop())
    root = installation.push("v1", AMD)
    attached = attach(root)
    installation.ci.hold(attached)
    installation.ci.lose_on_reading(attached)
    phase, reason = promote(installation)
    assert phase == "completed", reason


NO_REFERRERS_API = {
    **{str(status): Answer(status=status, body=b"nope") for status in (400, 405, 406, 501)},
    "a redirect to a page": Answer(status=302, headers={"Location": "https://ui.example/"}),
    "a page": Answer(status=200, headers={"Content-Type": "text/html"}, body=b"<html>"),
}


@pytest.mark.parametrize("answer", NO_REFERRERS_API.values(), ids=NO_REFERRERS_API.keys())
@pytest.mark.parametrize("end", ["ci", "prod"])
def test_a_registry_without_the_referrers_api_may_say_so_in_its_own_way(
    install: Install, end: str, answer: Answer
) -> None:
    installation = install(shop())
    root = installation.push("v1", AMD)
    if end == "prod":
        installation.ci.hold(signature(root))
    getattr(installation, end).answer_referrers_with(answer)
    phase, reason = promote(installation)
    assert phase == "completed", reason


@pytest.mark.parametrize("status", [405, 400, 415])
def test_a_target_that_takes_no_manifests_with_a_subject_gets_the_image_or_is_reported(
    install: Install, status: int
) -> None:
    installation = install(shop())
    installation.ci.hold(sbom(installation.push("v1", AMD)))
    installation.prod.refuse_manifests_with_a_subject(error_answer(status, "UNSUPPORTED"))
    phase, reason = promote(installation)
    assert phase == "completed" or "subject" in reason


LOST_SESSIONS = [(404, "BLOB_UPLOAD_UNKNOWN"), (400, "BLOB_UPLOAD_INVALID"), (416, "BLOB_UPLOAD_INVALID")]


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize(("status", "code"), LOST_SESSIONS)
def test_a_blob_is_sent_again_when_the_registry_lost_its_upload_session(
    install: Install, status: int, code: str, times: int
) -> None:
    installation = install(shop())
    installation.push("v1", AMD)
    installation.prod.lose_upload_sessions(error_answer(status, code), times=times)
    phase, reason = promote(installation)
    assert phase == "completed", reason

"""Unexpected answers of production's registry: they are understood, or the reason says what can be done."""

from collections.abc import Callable

import pytest

from tests.situations.kit import (
    ADA,
    Answer,
    Installation,
    error_answer,
    image,
    image_with_sha512_layer,
    index,
    shop,
    signature,
)

pytestmark = pytest.mark.sweep(keep=1)

Install = Callable[..., Installation]
AMD = image("amd")


def outcome(installation: Installation) -> tuple[str, str]:
    """Let the release go on, and approve it if people are asked: the phase in which it ends, and the reason."""
    installation.settle()
    if installation.release().phase == "awaiting_approval":
        installation.approve(ADA)
    release = installation.release()
    return release.phase, release.reason


IMMUTABLE = "The image tag already exists and cannot be overwritten because the repository is immutable."
TO_MANIFESTS = {
    "locked": (error_answer(405, "REGISTRY_DISALLOWED_OPERATION"), "unlock it first"),
    "immutable": (error_answer(400, "TAG_INVALID", IMMUTABLE), "push under a new tag"),
    "of a kind that it does not take": (error_answer(400, "MANIFEST_INVALID"), "a format that this registry takes"),
}
TO_UPLOADS = {
    "no repository": (error_answer(404, "NAME_UNKNOWN"), "have it made first"),
    "no such name": (error_answer(400, "NAME_INVALID"), "use names that this registry takes"),
    "a cache": (error_answer(405, "UNSUPPORTED"), "name the registry that takes pushes"),
    "a proxy's limit": (Answer(status=413, body=b"<html>"), "raise that limit at the registry or at the proxy"),
    "full": (error_answer(403, "DENIED", "storage limit of 500 GiB reached"), "delete what is no longer needed"),
}


@pytest.mark.parametrize(
    ("method", "answer", "to_do"),
    [
        *(pytest.param("answer_new_manifests_with", *case, id=name) for name, case in TO_MANIFESTS.items()),
        *(pytest.param("answer_uploads_with", *case, id=name) for name, case in TO_UPLOADS.items()),
    ],
)
def test_the_reason_after_a_registrys_refusal_says_what_can_be_done(
    install: Install, method: str, answer: Answer, to_do: str
) -> None:
    installation = install(shop())
    installation.push("v1", AMD)
    getattr(installation.prod, method)(answer)
    phase, reason = outcome(installation)
    assert phase == "failed"
    assert to_do in reason
    assert to_do == "unlock it first" or "unlock" not in reason


def test_an_index_with_too_many_manifests_is_refused_with_slipways_own_limit(install: Install) -> None:
    installation = install(shop())
    installation.push("v1", index(*(image(str(number)) for number in range(520))))
    phase, reason = outcome(installation)
    assert phase == "failed"
    assert "expected at most 500 manifests, got more; that limit is Slipway's own" in reason


def test_a_layer_with_a_sha512_digest_is_refused_in_words_that_say_so(install: Install) -> None:
    installation = install(shop())
    installation.push("v1", image_with_sha512_layer("amd"))
    installation.settle()
    assert installation.releases() == []
    expected = "layers.0.digest: expected a sha256 digest, got a sha512 one; build and push it with sha256 digests"
    assert any(expected in reason for reason in installation.recorded_reasons())


def test_a_registry_behind_a_proxy_that_ends_tls_gets_the_image_over_https(install: Install) -> None:
    installation = install(shop())
    installation.push("v1", index(AMD, image("arm", architecture="arm64")))
    installation.ci.stand_behind_a_proxy_for_tls()
    installation.prod.stand_behind_a_proxy_for_tls()
    phase, reason = outcome(installation)
    assert phase == "completed", reason


def test_the_reason_names_the_address_that_a_registrys_firewall_refuses(install: Install) -> None:
    installation = install(shop())
    installation.push("v1", AMD)
    refusal = error_answer(403, "DENIED", "client with IP '203.0.113.7' is not allowed access")
    installation.prod.answer_everything_with(refusal)
    installation.settle()
    assert "client with IP '203.0.113.7' is not allowed access); let that address in" in installation.release().reason


def test_a_registry_that_ends_an_upload_since_it_has_the_bytes_gets_the_image(install: Install) -> None:
    installation = install(shop())
    installation.push("v1", AMD)
    installation.prod.hold(signature(AMD))
    installation.prod.hold(AMD)
    installation.prod.purge(AMD)
    installation.prod.answer_uploads_as_if_over()
    phase, reason = outcome(installation)
    assert phase == "completed", reason


@pytest.mark.parametrize("media_type", ["text/plain; charset=utf-8", "application/octet-stream"])
def test_a_manifest_that_is_served_as_plain_text_is_read_by_its_own_media_type(
    install: Install, media_type: str
) -> None:
    installation = install(shop())
    for end in (installation.ci, installation.prod):
        end.serve_manifests_as(media_type)
    installation.push("v1", index(AMD, image("arm", architecture="arm64")))
    phase, reason = outcome(installation)
    assert phase == "completed", reason


@pytest.mark.parametrize("times", [2, 4])
def test_a_sign_in_that_is_refused_for_a_moment_is_tried_again(install: Install, times: int) -> None:
    installation = install(shop())
    installation.prod.ask_for_a_token(refused=times)
    installation.push("v1", AMD)
    phase, reason = outcome(installation)
    assert phase == "completed", reason

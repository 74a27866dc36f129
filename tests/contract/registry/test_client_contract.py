"""What `Registry` promises, on every kind of registry."""

from pathlib import Path
from typing import Any

import pytest
import urllib3

from slipway.effects.registry import (
    Anonymous,
    BasicCredential,
    Denied,
    DigestMismatch,
    EntraCredential,
    Forgotten,
    Lock,
    ManifestRefused,
    NotInRegistry,
    Registry,
    RegistryEndpoint,
    RequestRejected,
    SignInRefused,
    TagTaken,
    TakesNoPushes,
    new_pool,
)
from slipway.testing.artifacts import OCI_MANIFEST, digest_of, image, index, push_artifact, refer, referrer
from tests.contract.registry.conftest import KINDS, Places
from tests.contract.registry.places import DOCKER_REGISTRY, Place, docker_registry

LAYER = b"layer" * 500_000  # more than one chunk


def test_a_manifest_comes_back_byte_for_byte(place: Place, repository: str) -> None:
    registry = place.client()
    root = index(image(b"amd"), image(b"arm", architecture="arm64"))
    push_artifact(registry, repository, root, "482")

    by_tag, by_digest = registry.manifest(repository, "482"), registry.manifest(repository, root.digest)

    assert by_tag == by_digest
    assert (by_tag.raw, by_tag.media_type, by_tag.digest) == (root.raw, root.media_type, root.digest)


def test_docker_media_types_are_kept(place: Place, repository: str) -> None:
    registry = place.client()
    root = index(image(b"amd", docker=True), docker=True)
    push_artifact(registry, repository, root, "482")

    assert registry.manifest(repository, "482").media_type == root.media_type
    assert registry.manifest(repository, root.children[0].digest).media_type == root.children[0].media_type


def test_a_tag_resolves_to_its_digest_and_an_unknown_one_to_none(place: Place, repository: str) -> None:
    registry = place.client()
    built = image(b"x")
    push_artifact(registry, repository, built, "482")

    assert registry.resolve(repository, "482") == built.digest
    assert registry.resolve(repository, built.digest) == built.digest
    assert registry.resolve(repository, "483") is None
    assert registry.resolve(repository + "x", "482") is None


@pytest.mark.parametrize("content", [b"", b"x", LAYER])
def test_a_blob_of_any_size_comes_back(place: Place, repository: str, content: bytes) -> None:
    registry, digest = place.client(), digest_of(content)
    assert not registry.blob_exists(repository, digest)

    registry.put_blob(repository, digest, len(content), lambda: [content])

    assert registry.blob_exists(repository, digest)
    assert b"".join(registry.open_blob(repository, digest, len(content))) == content


def test_the_registry_itself_refuses_bytes_of_another_digest(place: Place, repository: str) -> None:
    registry = place.client()

    with pytest.raises(DigestMismatch, match="DIGEST_INVALID"):
        registry.put_blob(repository, digest_of(b"right"), 5, lambda: [b"wrong"], verify=False)

    assert not registry.blob_exists(repository, digest_of(b"right"))


class Losing:
    """Connections to a registry that loses the next uploads just before their bytes arrive."""

    def __init__(self, uploads: int) -> None:
        self._pool = new_pool()
        self.remaining = uploads

    def request(self, method: str, url: str, **options: Any) -> urllib3.BaseHTTPResponse:
        if method == "PUT" and "/blobs/uploads/" in url and self.remaining:
            self.remaining -= 1
            session = url.rpartition("digest=")[0].rstrip("?&")
            headers = {name: value for name, value in options["headers"].items() if name == "Authorization"}
            assert self._pool.request("DELETE", session, headers=headers).status == 204
        return self._pool.request(method, url, **options)


def test_an_upload_that_the_registry_has_lost_is_begun_again(place: Place, repository: str) -> None:
    pool = Losing(uploads=2)
    registry = Registry(RegistryEndpoint(place.login_server), place.credential, pool=pool, pause=lambda _: None)
    content = b"layer" * 100_000

    registry.put_blob(repository, digest_of(content), len(content), lambda: [content])

    assert pool.remaining == 0
    assert b"".join(registry.open_blob(repository, digest_of(content), len(content))) == content


def test_a_manifest_before_its_blobs_is_refused(place: Place, repository: str) -> None:
    built = image(b"x")

    with pytest.raises((Forgotten, NotInRegistry), match="BLOB_UNKNOWN"):
        place.client().put_manifest(repository, built.digest, built.raw, built.media_type)


def test_a_missing_manifest_or_blob_is_not_found(place: Place, repository: str) -> None:
    registry = place.client()

    with pytest.raises(NotInRegistry, match=f"{repository}:482"):
        registry.manifest(repository, "482")
    with pytest.raises(NotInRegistry, match=f"{repository}@sha256"):
        b"".join(registry.open_blob(repository, digest_of(b"x"), 1))


def test_a_blob_is_mounted_from_a_repository_that_has_it(place: Place, repository: str) -> None:
    registry, digest = place.client(), digest_of(b"shared")
    registry.put_blob(repository, digest, 6, lambda: [b"shared"])

    assert registry.mount_blob(repository + "/copy", digest, repository)
    assert registry.blob_exists(repository + "/copy", digest)


def test_a_blob_that_the_other_repository_does_not_have_is_not_mounted(place: Place, repository: str) -> None:
    assert not place.client().mount_blob(repository + "/copy", digest_of(b"missing"), repository)


def test_referrers_are_listed_by_the_registry_or_under_their_tag(place: Place, repository: str) -> None:
    registry = place.client()
    built = image(b"x")
    push_artifact(registry, repository, built)
    assert registry.referrers(repository, built.digest).listed == ()
    statements = [referrer(built, b"one"), referrer(built, b"two")]

    refer(registry, repository, built, *statements)

    referrers = registry.referrers(repository, built.digest)
    assert referrers.by_registry == place.is_acr
    assert {entry.digest for entry in referrers.listed} == {entry.digest for entry in statements}


def test_recent_tags_come_newest_first_or_last_by_name(place: Place, repository: str) -> None:
    registry = place.client()
    built = image(b"x")
    for tag in ("9", "1", "5"):
        push_artifact(registry, repository, built, tag)

    tags = registry.recent_tags(repository, 2)

    assert [entry.tag for entry in tags] == (["5", "1"] if place.is_acr else ["9", "5"])
    assert {entry.digest for entry in tags} == {built.digest}
    assert all((entry.updated_at is not None) == place.is_acr for entry in tags)


def test_the_tags_of_an_unknown_repository_are_not_found(place: Place, repository: str) -> None:
    with pytest.raises(NotInRegistry, match=repository):
        place.client().recent_tags(repository, 2)


def test_a_locked_tag_can_no_longer_be_moved(place: Place, repository: str) -> None:
    registry = place.client()
    built, replacement = image(b"x"), image(b"y")
    push_artifact(registry, repository, built, "482")
    push_artifact(registry, repository, replacement)

    lock = registry.lock(repository, "482", built.digest)

    if place.is_acr:
        assert lock is Lock.LOCKED
        with pytest.raises((RequestRejected, Denied)):
            registry.put_manifest(repository, "482", replacement.raw, replacement.media_type)
        assert registry.resolve(repository, "482") == built.digest
        assert registry.lock(repository, "482", built.digest) is Lock.LOCKED
    else:
        assert lock is Lock.NOT_SUPPORTED


def test_only_a_tag_that_names_the_digest_is_locked(place: Place, repository: str) -> None:
    registry = place.client()
    push_artifact(registry, repository, image(b"x"), "482")

    with pytest.raises(TagTaken):
        registry.lock(repository, "482", digest_of(b"other"))
    with pytest.raises(Forgotten, match="not there to be locked"):
        registry.lock(repository, "483", digest_of(b"other"))


@pytest.mark.parametrize(
    ("kind", "message"),
    [(KINDS[1], "configured; configure the credential"), (KINDS[2], "without a credential; configure the credential")],
)
def test_an_identity_without_rights_is_denied(places: Places, kind: str, message: str, repository: str) -> None:
    with pytest.raises(Denied, match=message):
        places(kind).client(Anonymous()).resolve(repository, "482")


@pytest.mark.parametrize("kind", KINDS[1:])
def test_a_wrong_password_is_named_as_the_cause_without_being_shown(places: Places, kind: str, repository: str) -> None:
    with pytest.raises(SignInRefused, match="check that the credential is this registry's") as caught:
        places(kind).client(BasicCredential("ada", "wrong-word")).resolve(repository, "482")

    assert "wrong-word" not in str(caught.value)


def test_a_manifest_that_the_registry_refuses_is_not_reported_as_locked(place: Place, repository: str) -> None:
    raw = b'{"schemaVersion": 2, "layers": "none"}'

    with pytest.raises(
        ManifestRefused, match=r"400 \(MANIFEST_INVALID: .*; build it in a format that this registry takes"
    ):
        place.client().put_manifest(repository, digest_of(raw), raw, OCI_MANIFEST)


@pytest.mark.skipif(DOCKER_REGISTRY is None, reason="docker-registry is not installed")
def test_a_registry_that_is_read_only_says_that_it_takes_no_pushes(tmp_path: Path, repository: str) -> None:
    with (
        docker_registry(tmp_path, read_only=True) as place,
        pytest.raises(TakesNoPushes, match=r"answered with 405.*name the registry that takes pushes"),
    ):
        push_artifact(place.client(), repository, image(b"x"), "482")


def test_a_reader_of_acr_reads_and_is_denied_writing(places: Places, repository: str) -> None:
    place = places(KINDS[2])
    built = image(b"x")
    push_artifact(place.client(), repository, built, "482")
    reader = place.client(EntraCredential(lambda: "entra-reader"))

    assert reader.resolve(repository, "482") == built.digest
    with pytest.raises(Denied):
        push_artifact(reader, repository, image(b"y"))


def test_an_unknown_entra_token_is_denied(places: Places, repository: str) -> None:
    with pytest.raises(Denied, match="/oauth2/exchange was refused"):
        places(KINDS[2]).client(EntraCredential(lambda: "entra-stranger")).resolve(repository, "482")

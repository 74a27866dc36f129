"""What is accepted as a name, an address or a manifest, and what is refused."""

import json
from functools import partial

import pytest

from slipway.effects.registry import (
    Anonymous,
    DigestMismatch,
    ErrorSubject,
    Registry,
    RegistryEndpoint,
    RegistryError,
    TooLarge,
    Unsupported,
)
from slipway.testing.artifacts import (
    OCI_INDEX,
    OCI_MANIFEST,
    ArtifactDouble,
    digest_of,
    image,
    index,
    referrer,
    unusual_json,
)
from slipway.testing.registry import MemoryPool, RegistryReply
from tests.unit.effects.registry.pairs import Pair, run


@pytest.mark.parametrize(
    ("login_server", "url"),
    [
        ("shop.azurecr.io", "https://shop.azurecr.io"),
        ("127.0.0.1:5000", "http://127.0.0.1:5000"),
        ("localhost:5000", "http://localhost:5000"),
        ("localhost.example.com", "https://localhost.example.com"),
    ],
)
def test_https_is_spoken_everywhere_but_on_this_machine(login_server: str, url: str) -> None:
    assert RegistryEndpoint(login_server).url == url


@pytest.mark.parametrize(
    "login_server", ["", "https://shop.azurecr.io", "Shop.azurecr.io", "a b", "shop/x", "u@h", "h\n"]
)
def test_a_login_server_is_a_host_and_nothing_else(login_server: str) -> None:
    with pytest.raises(ValueError, match="login_server: expected a lower-case host"):
        RegistryEndpoint(login_server)


@pytest.mark.parametrize(
    ("repository", "reference"),
    [
        ("../team", "1"),
        ("team/shop?x=", "1"),
        ("Team", "1"),
        ("a" * 256, "1"),
        ("team/shop", "../../x"),
        ("team/shop", "sha256:12"),
        ("team/shop", "sha512:" + "0" * 128),
        ("team/shop", "a b"),
        ("team/shop", "1\n"),
    ],
)
def test_an_invalid_repository_or_reference_is_refused_without_a_request(
    pair: Pair, repository: str, reference: str
) -> None:
    with pytest.raises(Unsupported, match="expected"):
        pair.from_source.resolve(repository, reference)

    assert pair.source.log == []


def test_an_error_names_the_reference_and_the_remedy() -> None:
    error = Unsupported(ErrorSubject("shop.azurecr.io", "team/shop", "482"), "it is odd")

    assert str(error) == (
        "shop.azurecr.io/team/shop:482: it is odd; build and push the image in OCI or Docker schema 2 format"
    )


def test_each_kind_of_error_says_what_to_do() -> None:
    kinds = RegistryError.__subclasses__()

    assert len({kind.advice for kind in kinds}) == len(kinds)


def test_a_registry_that_sends_no_digest_has_it_computed() -> None:
    artifact = image(b"x")
    registry = answering(RegistryReply(status=200, headers={"Content-Type": OCI_MANIFEST}, body=artifact.raw))

    assert registry.resolve("team/shop", "481") == artifact.digest


def test_a_malformed_digest_is_refused() -> None:
    with pytest.raises(Unsupported, match="digest: expected sha256:"):
        answering(RegistryReply(status=200, headers={"Docker-Content-Digest": "md5:1"})).resolve("team/shop", "481")


def test_an_answer_for_another_digest_is_refused() -> None:
    registry = answering(RegistryReply(status=200, headers={"Docker-Content-Digest": digest_of(b"other")}))

    with pytest.raises(DigestMismatch, match="the registry answers for"):
        registry.resolve("team/shop", digest_of(b"this"))


def test_bytes_are_only_stored_under_their_own_digest(pair: Pair) -> None:
    with pytest.raises(DigestMismatch):
        pair.to_target.put_manifest("prod/shop", digest_of(b"other"), b"{}", OCI_MANIFEST)
    with pytest.raises(TooLarge):
        pair.to_target.put_manifest("prod/shop", "482", b" " * (4 * 1024 * 1024 + 1), OCI_MANIFEST)

    assert pair.target.log == []


def test_a_registry_that_stores_something_else_is_noticed() -> None:
    registry = answering(RegistryReply(status=201, headers={"Docker-Content-Digest": digest_of(b"other")}))

    with pytest.raises(DigestMismatch, match="the registry says that it is"):
        registry.put_manifest("prod/shop", "482", b"{}", OCI_MANIFEST)


def test_a_stream_of_the_wrong_bytes_is_not_stored(pair: Pair) -> None:
    for chunks in ([b"12", b"4"], [b"12"], [b"12", b"3", b"4"]):
        with pytest.raises(DigestMismatch):
            pair.to_target.put_blob("prod/shop", digest_of(b"123"), 3, partial(iter, chunks))

    assert pair.target.blobs == {}


MANIFEST = json.loads(image(b"x").raw)
INDEX = json.loads(index(image(b"x")).raw)


@pytest.mark.parametrize(
    ("document", "media_type", "message"),
    [
        (MANIFEST | {"manifests": []}, OCI_MANIFEST, "with manifests, which belongs to another type"),
        (INDEX | {"layers": []}, OCI_INDEX, "with layers, which belongs to another type"),
        (MANIFEST | {"mediaType": OCI_INDEX}, OCI_MANIFEST, "it calls itself"),
        ({"schemaVersion": 2, "config": MANIFEST["config"]}, OCI_MANIFEST, "without layers"),
        (MANIFEST | {"layers": [{"mediaType": "x", "digest": "md5:1", "size": 1}]}, OCI_MANIFEST, "layers.0.digest"),
        (MANIFEST | {"config": MANIFEST["config"] | {"size": -1}}, OCI_MANIFEST, "config.size"),
        (MANIFEST | {"config": MANIFEST["config"] | {"size": "7"}}, OCI_MANIFEST, "config.size"),
        (INDEX | {"manifests": [INDEX["manifests"][0] | {"mediaType": "text/plain"}]}, OCI_INDEX, "not a manifest's"),
        (MANIFEST, "text/csv", "is not that of a manifest"),
        (MANIFEST, "text/html", "answered with a web page; check the registry's address"),
    ],
)
def test_an_ambiguous_or_invalid_manifest_is_refused(
    pair: Pair, document: dict[str, object], media_type: str, message: str
) -> None:
    digest = pair.source.seed("team/shop", ArtifactDouble(raw=unusual_json(document), media_type=media_type))

    with pytest.raises(Unsupported, match=message):
        run(pair, digest)

    assert pair.target.writes() == []


def test_a_manifest_that_is_not_json_is_refused(pair: Pair) -> None:
    with pytest.raises(Unsupported, match="document: Invalid JSON"):
        run(pair, pair.source.seed("team/shop", ArtifactDouble(raw=b"<html>", media_type=OCI_MANIFEST)))


def test_an_artifact_with_too_many_manifests_is_refused(pair: Pair) -> None:
    subject = image(b"x")
    digest = pair.source.seed("team/shop", subject)
    for number in range(500):
        pair.source.seed("team/shop", referrer(subject, str(number).encode()))

    with pytest.raises(TooLarge, match="expected at most 500 manifests, got more; that limit is Slipway's own"):
        run(pair, digest)

    assert pair.target.writes() == []


def test_a_manifest_with_too_many_layers_is_refused_before_any_is_asked_for(pair: Pair) -> None:
    """A manifest of one MiB can list thousands of layers."""
    document = json.loads(image(b"x").raw)
    listed = [document["layers"][0] | {"digest": digest_of(str(number).encode())} for number in range(5_000)]
    raw = json.dumps(document | {"layers": listed}).encode()
    digest = pair.source.seed("team/shop", ArtifactDouble(raw=raw, media_type=OCI_MANIFEST))

    with pytest.raises(
        TooLarge, match="expected at most 5000 layers and configs, got more; that limit is Slipway's own"
    ):
        run(pair, digest)

    assert pair.target.writes() == []


def answering(reply: RegistryReply) -> Registry:
    """A client of a registry that gives the same answer to every request."""
    return Registry(RegistryEndpoint("one.test"), Anonymous(), pool=MemoryPool(**{"one.test": lambda request: reply}))

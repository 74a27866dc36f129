"""What a copy refuses and what a registry refuses: each error names registry, repository and digest, and the remedy."""

import json
from dataclasses import replace

import pytest

from slipway.effects.registry import (
    BodyRefused,
    CopySource,
    CopyTarget,
    Denied,
    DigestMismatch,
    Firewalled,
    Forgotten,
    ImmutableTag,
    Locked,
    ManifestRefused,
    MovedElsewhere,
    NameRefused,
    NoRegistryThere,
    OtherDigest,
    QuotaFull,
    RegistryError,
    RepositoryMissing,
    RequestRejected,
    SoftDeleted,
    TakesNoPushes,
    Throttled,
    TooLarge,
    Unreachable,
    Unsupported,
    copy_artifact,
)
from slipway.testing.artifacts import OCI_MANIFEST, SCHEMA_1, ArtifactDouble, digest_of, image, index, unusual_json
from slipway.testing.registry import MemoryPool, RegistryReply, Request, error
from tests.unit.effects.registry.pairs import Pair

IMAGE = image(b"a layer")
LAYER = digest_of(b"a layer")
FULL_DISK = json.dumps(
    {
        "errors": [
            {
                "code": "UNKNOWN",
                "message": "unknown error",
                "detail": {"DriverName": "filesystem", "Enclosed": {"Op": "mkdir", "Path": "/var/lib", "Err": 28}},
            }
        ]
    }
).encode()


def refusal_of(pair: Pair, digest: str) -> RegistryError:
    source = CopySource(registry=pair.from_source, repository="team/shop", digest=digest, tag="481")
    target = CopyTarget(registry=pair.to_target, repository="prod/shop", digest=digest, tag="482")
    with pytest.raises(RegistryError) as error:
        copy_artifact(source, target)
    assert pair.target.tags == {}
    return error.value


def answering(pair: Pair, method: str, part: str, reply: RegistryReply) -> None:
    """Let the target give this reply to each request of the method whose path contains `part`."""

    def handle(request: Request) -> RegistryReply:
        return reply if request.method == method and part in request.path else pair.target.handle(request)

    pool = pair.to_target._session.around.pool
    assert isinstance(pool, MemoryPool)
    pool.hosts["target.test"] = handle


@pytest.mark.parametrize(
    ("artifact", "kind", "says", "to_do"),
    [
        (
            ArtifactDouble(raw=unusual_json({"schemaVersion": 2}), media_type="application/vnd.example.thing+json"),
            Unsupported,
            "media type 'application/vnd.example.thing+json' is not that of a manifest",
            "build and push the image in OCI or Docker schema 2 format",
        ),
        (
            ArtifactDouble(raw=b'{"schemaVersion": 1, "fsLayers": []}', media_type=SCHEMA_1),
            Unsupported,
            "Docker schema 1 image, whose digest does not cover its content",
            "build and push the image in OCI or Docker schema 2 format",
        ),
        (
            index(ArtifactDouble(raw=b'{"schemaVersion": 1}', media_type=SCHEMA_1)),
            Unsupported,
            "Docker schema 1 image, whose digest does not cover its content",
            "build and push the image in OCI or Docker schema 2 format",
        ),
        (
            ArtifactDouble(raw=b" " * (4 * 1024 * 1024 + 1), media_type=OCI_MANIFEST),
            TooLarge,
            "expected at most 4194304 bytes, the registry announces 4194305",
            "make the artifact smaller",
        ),
    ],
    ids=["unknown media type", "schema 1", "schema 1 in an index", "over 4 MB"],
)
def test_an_artifact_that_cannot_be_carried_over_is_refused_before_anything_is_written(
    pair: Pair, artifact: ArtifactDouble, kind: type[RegistryError], says: str, to_do: str
) -> None:
    digest = pair.source.seed("team/shop", artifact, "481")

    refusal = refusal_of(pair, digest)

    assert type(refusal) is kind
    assert not refusal.retryable
    assert f"source.test/team/shop@{digest}" in str(refusal)
    assert says in str(refusal)
    assert to_do in str(refusal)
    assert pair.target.writes() == []


def test_a_source_whose_layer_has_another_digest_is_refused(pair: Pair) -> None:
    digest = pair.source.seed("team/shop", IMAGE)
    pair.source.blobs["team/shop", LAYER] = b"altered"

    refusal = refusal_of(pair, digest)

    assert isinstance(refusal, DigestMismatch)
    assert f"source.test/team/shop@{LAYER}: the 7 bytes have the digest {digest_of(b'altered')}" in str(refusal)
    assert "do not deploy it" in str(refusal)
    assert ("prod/shop", LAYER) not in pair.target.blobs


def test_a_source_that_lies_about_a_size_is_refused(pair: Pair) -> None:
    digest = pair.source.seed("team/shop", IMAGE)
    pair.source.blobs["team/shop", LAYER] = b"a layer and more"

    refusal = refusal_of(pair, digest)

    assert isinstance(refusal, DigestMismatch)
    assert f"source.test/team/shop@{LAYER}: expected 7 bytes from byte 0, the registry announces 16" in str(refusal)


def test_a_target_that_stores_something_else_is_refused(pair: Pair) -> None:
    digest = pair.source.seed("team/shop", IMAGE)
    other_digest = digest_of(b"other")
    answering(
        pair, "PUT", "/blobs/uploads/", RegistryReply(status=201, headers={"Docker-Content-Digest": other_digest})
    )

    refusal = refusal_of(pair, digest)

    assert isinstance(refusal, DigestMismatch)
    assert "target.test/prod/shop@sha256:" in str(refusal)
    assert f"the registry says that it stored {other_digest}" in str(refusal)


@pytest.mark.parametrize(
    "reply",
    [
        error(403, "DENIED", "The registry has reached its storage limit of 500 GiB"),
        error(403, "DENIED", "adding 7 bytes of storage exceeds the quota of the project"),
        error(412, "PRECONDITION", "quota exceeded"),
        RegistryReply(status=507),
        RegistryReply(status=500, body=FULL_DISK),
    ],
    ids=["storage limit", "quota", "412", "507", "disk full"],
)
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_a_full_registry_is_distinguished_from_a_missing_right(pair: Pair, reply: RegistryReply, method: str) -> None:
    digest = pair.source.seed("team/shop", image())
    answering(pair, method, "/blobs/uploads/", reply)

    refusal = refusal_of(pair, digest)

    assert type(refusal) is QuotaFull
    assert not refusal.retryable
    assert "target.test/prod/shop@sha256:" in str(refusal)
    assert "delete what is no longer needed from the registry, or raise its quota or tier" in str(refusal)
    assert len([request for request in pair.target.log if request.method == "PUT"]) == 0


def test_a_missing_right_names_what_it_is_for(pair: Pair) -> None:
    digest = pair.source.seed("team/shop", image())
    answering(pair, "POST", "/blobs/uploads/", error(403, "DENIED", "requested access to the resource is denied"))

    refusal = refusal_of(pair, digest)

    assert type(refusal) is Denied
    assert "target.test/prod/shop@sha256:" in str(refusal)
    assert "starting the upload was answered with 403 (DENIED: requested access" in str(refusal)
    assert "check the role of this identity on the repository" in str(refusal)


@pytest.mark.parametrize(
    "message",
    [
        "The manifest has been soft deleted. Restore it before pushing it again.",
        "manifest is in soft-deleted state",
    ],
)
def test_a_digest_that_the_target_has_soft_deleted_must_be_restored_first(pair: Pair, message: str) -> None:
    digest = pair.source.seed("team/shop", IMAGE)
    answering(pair, "PUT", "/manifests/", error(409, "MANIFEST_INVALID", message))

    refusal = refusal_of(pair, digest)

    assert type(refusal) is SoftDeleted
    assert f"target.test/prod/shop@{digest}: storing the manifest was answered with 409" in str(refusal)
    assert "restore it (az acr manifest restore)" in str(refusal)


def test_a_storm_of_429_is_worth_another_try_later_and_says_how_late(pair: Pair) -> None:
    digest = pair.source.seed("team/shop", image())
    answering(pair, "POST", "/blobs/uploads/", RegistryReply(status=429, headers={"Retry-After": "120"}))

    refusal = refusal_of(pair, digest)

    assert isinstance(refusal, Throttled)
    assert (refusal.retryable, refusal.retry_after) == (True, 120)
    assert "target.test/prod/shop@sha256:" in str(refusal)
    assert "try again later, or move to a larger registry tier" in str(refusal)


def test_a_server_that_fails_is_worth_another_try(pair: Pair) -> None:
    digest = pair.source.seed("team/shop", image())
    answering(pair, "POST", "/blobs/uploads/", RegistryReply(status=500, body=b'{"errors": [{"code": "UNKNOWN"}]}'))

    refusal = refusal_of(pair, digest)

    assert isinstance(refusal, Unreachable)
    assert refusal.retryable


def test_a_refusal_by_a_firewall_names_the_address_that_it_refused(pair: Pair) -> None:
    refusal = error(403, "DENIED", "client with IP '203.0.113.7' is not allowed access")
    pool = pair.to_target._session.around.pool
    assert isinstance(pool, MemoryPool)
    pool.hosts["target.test"] = lambda request: refusal

    with pytest.raises(Firewalled, match=r"client with IP '203\.0\.113\.7' is not allowed access.*let that address in"):
        pair.to_target.resolve("prod/shop", "482")
    with pytest.raises(Firewalled, match=r"client with IP '203\.0\.113\.7' is not allowed access"):
        pair.to_target.blob_exists("prod/shop", LAYER)


def test_a_refused_request_is_not_repeated_with_another_method(pair: Pair) -> None:
    digest = pair.target.seed("prod/shop", IMAGE, "482")
    answering(pair, "HEAD", "/v2/", RegistryReply(status=403))

    with pytest.raises(Denied, match="resolving it was answered with 403; check the role"):
        pair.to_target.resolve("prod/shop", "482")
    with pytest.raises(Denied, match="looking for the blob was answered with 403; check the role"):
        pair.to_target.blob_exists("prod/shop", LAYER)
    assert pair.to_target.manifest("prod/shop", "482").digest == digest


UPLOADS, MANIFESTS = ("POST", "/blobs/uploads/"), ("PUT", "/manifests/")
ANSWERS = [
    (MANIFESTS, error(405, "REGISTRY_DISALLOWED_OPERATION"), Locked, "unlock it first"),
    (
        MANIFESTS,
        error(
            400,
            "TAG_INVALID",
            "The image tag '482' already exists and cannot be overwritten because the repository is immutable.",
        ),
        ImmutableTag,
        "change the registry's rule that its tags are immutable",
    ),
    (
        MANIFESTS,
        error(412, "PRECONDITION", "Failed to process request due to 'shop:482' configured as immutable."),
        ImmutableTag,
        "push under a new tag",
    ),
    (
        MANIFESTS,
        error(400, "TAG_INVALID", "manifest tag is too long"),
        NameRefused,
        "use names that this registry takes",
    ),
    (UPLOADS, error(400, "NAME_INVALID", "two parts at least"), NameRefused, "use names that this registry takes"),
    (UPLOADS, error(404, "NAME_UNKNOWN", "no such project"), RepositoryMissing, "have it made first"),
    (UPLOADS, error(405, "UNSUPPORTED"), TakesNoPushes, "name the registry that takes pushes"),
    (UPLOADS, RegistryReply(status=405), TakesNoPushes, "name the registry that takes pushes"),
    (
        MANIFESTS,
        error(400, "MANIFEST_INVALID", "unknown media type"),
        ManifestRefused,
        "a format that this registry takes",
    ),
    (MANIFESTS, RegistryReply(status=415), ManifestRefused, "a format that this registry takes"),
    (MANIFESTS, error(400, "MANIFEST_BLOB_UNKNOWN"), Forgotten, "try again later"),
    (
        UPLOADS,
        RegistryReply(status=413, body=b"<html>"),
        BodyRefused,
        "raise that limit at the registry or at the proxy",
    ),
    (UPLOADS, error(403, "DENIED", "requested access is denied"), Denied, "check the role of this identity"),
    (
        UPLOADS,
        error(403, "DENIED", "client with IP '203.0.113.7' is not allowed access."),
        Firewalled,
        "let that address in",
    ),
    (UPLOADS, error(401, "UNAUTHORIZED"), Denied, "without a challenge"),
    (
        UPLOADS,
        RegistryReply(status=301, headers={"Location": "https://new.test/v2/?sig=x"}),
        MovedElsewhere,
        "answered with 301, a redirection to new.test; use the address at which the registry answers without",
    ),
    (UPLOADS, RegistryReply(status=418), RequestRejected, "nothing is known here beyond what the registry says"),
]


@pytest.mark.parametrize(("request_matcher", "reply", "kind", "to_do"), ANSWERS)
def test_each_error_of_a_registry_names_its_remedy(
    pair: Pair, request_matcher: tuple[str, str], reply: RegistryReply, kind: type[RegistryError], to_do: str
) -> None:
    digest = pair.source.seed("team/shop", IMAGE)
    answering(pair, *request_matcher, reply)

    refusal = refusal_of(pair, digest)

    assert type(refusal) is kind
    assert to_do in str(refusal)
    assert kind is Locked or "unlock" not in str(refusal)
    assert "sig=x" not in str(refusal)


def test_a_web_page_in_place_of_a_manifest_is_reported_as_one(pair: Pair) -> None:
    page = RegistryReply(status=200, headers={"Content-Type": "text/html; charset=utf-8"}, body=b"<html>sign in")
    answering(pair, "GET", "/manifests/", page)

    with pytest.raises(NoRegistryThere, match="answered with a web page; check the registry's address"):
        pair.to_target.manifest("prod/shop", IMAGE.digest)


@pytest.mark.parametrize("media_type", ["text/plain; charset=utf-8", "application/octet-stream", ""])
def test_a_manifest_served_under_a_generic_type_has_the_media_type_that_it_names(pair: Pair, media_type: str) -> None:
    digest = pair.source.seed("team/shop", IMAGE)
    pair.source.manifests["team/shop", digest] = (IMAGE.raw, media_type)

    assert pair.from_source.manifest("team/shop", digest).media_type == OCI_MANIFEST


def test_a_manifest_that_names_no_known_media_type_keeps_the_one_it_is_served_under(pair: Pair) -> None:
    for raw in (b"[]", b"no json", unusual_json({"schemaVersion": 2}), unusual_json({"mediaType": "text/html"})):
        digest = pair.source.seed("team/shop", ArtifactDouble(raw=raw, media_type="text/plain"))
        assert pair.from_source.manifest("team/shop", digest).media_type == "text/plain"


def test_an_upload_that_the_registry_completes_at_once_sends_no_bytes(pair: Pair) -> None:
    digest = pair.target.seed("prod/shop", IMAGE)
    assert digest
    answering(pair, "POST", "/blobs/uploads/", RegistryReply(status=201))

    pair.to_target.put_blob("prod/shop", LAYER, len(b"a layer"), lambda: [b"a layer"])

    assert pair.target.writes() == []


def test_an_upload_completed_at_once_without_the_blob_is_a_forgotten_one(pair: Pair) -> None:
    answering(pair, "POST", "/blobs/uploads/", RegistryReply(status=201))

    with pytest.raises(Forgotten, match="answered with 201, as if the blob were there, and it is not"):
        pair.to_target.put_blob("prod/shop", LAYER, len(b"a layer"), lambda: [b"a layer"])


@pytest.mark.parametrize("address", ["http://target.test", "http://target.test:80", "http://TARGET.test"])
def test_a_plain_http_upload_address_from_behind_a_tls_proxy_is_used_over_https(pair: Pair, address: str) -> None:
    schemes: set[str] = set()

    def proxied(request: Request) -> RegistryReply:
        schemes.add(request.url.partition(":")[0])
        reply = pair.target.handle(request)
        location = reply.headers.get("Location")
        return replace(reply, headers=reply.headers | {"Location": address + location}) if location else reply

    pool = pair.to_target._session.around.pool
    assert isinstance(pool, MemoryPool)
    pool.hosts["target.test"] = proxied

    pair.to_target.put_blob("prod/shop", LAYER, len(b"a layer"), lambda: [b"a layer"])

    assert ("prod/shop", LAYER) in pair.target.blobs
    assert schemes == {"https"}


def test_a_layer_whose_digest_is_not_sha256_is_refused_by_name(pair: Pair) -> None:
    raw = IMAGE.raw.replace(LAYER.encode(), b"sha512:" + b"0" * 128)
    digest = pair.source.seed("team/shop", ArtifactDouble(raw=raw, media_type=OCI_MANIFEST))

    refusal = refusal_of(pair, digest)

    assert type(refusal) is OtherDigest
    assert "layers.0.digest: expected a sha256 digest, got a sha512 one; build and push it with sha256" in str(refusal)

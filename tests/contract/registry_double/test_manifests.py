"""Manifests, tags and the catalog. On every registry."""

import json
import uuid

import pytest

from .support import (
    ANY_MANIFEST,
    DOCKER_IMAGE,
    OCI_IMAGE,
    OCI_INDEX,
    OCI_LAYER,
    Client,
    Document,
    code_of,
    descriptor,
    digest_of,
    image_of,
    index_of,
)


@pytest.fixture
def repository() -> str:
    return f"team/{uuid.uuid4().hex}"


def test_a_manifest_is_given_back_byte_for_byte_by_tag_and_by_digest(any_registry: Client, repository: str) -> None:
    image = any_registry.push_image(repository, "1.0.0")
    for reference in ("1.0.0", image.digest):
        response = any_registry.send("GET", f"/v2/{repository}/manifests/{reference}", headers=ANY_MANIFEST)
        assert (response.status, response.data) == (200, image.data)
        assert response.headers["Docker-Content-Digest"] == image.digest
        assert response.headers["Content-Type"] == OCI_IMAGE


def test_head_of_a_manifest_gives_digest_type_and_size(any_registry: Client, repository: str) -> None:
    image = any_registry.push_image(repository, "1.0.0")
    head = any_registry.send("HEAD", f"/v2/{repository}/manifests/1.0.0", headers=ANY_MANIFEST)
    assert (head.status, head.headers["Docker-Content-Digest"]) == (200, image.digest)
    assert (head.headers["Content-Type"], head.headers["Content-Length"]) == (OCI_IMAGE, str(len(image.data)))


def test_an_index_is_pushed_after_its_children(any_registry: Client, repository: str) -> None:
    children = [any_registry.push_image(repository, content=content) for content in (b"amd64", b"arm64")]
    index = index_of(*children)
    assert any_registry.push_manifest(repository, index, "1.0.0") == index.digest
    response = any_registry.send("GET", f"/v2/{repository}/manifests/1.0.0", headers=ANY_MANIFEST)
    assert (response.data, response.headers["Content-Type"]) == (index.data, OCI_INDEX)


def test_a_manifest_whose_blobs_are_missing_is_refused(any_registry: Client, repository: str) -> None:
    refused = any_registry.put_manifest(repository, image_of(b"never pushed"), "1.0.0")
    assert (refused.status, code_of(refused)) == (400, "MANIFEST_BLOB_UNKNOWN")


DOCKER_FOREIGN = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
OCI_FOREIGN = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"
ADDRESS = "https://mcr.example/v2/windows/blobs/x"


def windows(client: Client, repository: str, media_type: str, urls: list[str]) -> Document:
    """An image with a layer that nobody pushed, and that may be at these addresses."""
    image = client.push_image(repository)
    document = json.loads(image.data)
    kind = DOCKER_IMAGE if media_type == DOCKER_FOREIGN else OCI_IMAGE
    layer = descriptor(b"the base of windows", media_type) | {"urls": urls}
    document |= {"mediaType": kind, "layers": [layer, *document["layers"]]}
    return Document(data=json.dumps(document).encode(), media_type=kind)


@pytest.mark.parametrize("media_type", [DOCKER_FOREIGN, OCI_FOREIGN, OCI_LAYER])
def test_a_foreign_layer_that_names_its_address_may_be_missing(
    any_registry: Client, repository: str, media_type: str
) -> None:
    image = windows(any_registry, repository, media_type, [ADDRESS])
    assert any_registry.push_manifest(repository, image, "1.0.0") == image.digest


@pytest.mark.parametrize(
    ("media_type", "urls"), [(DOCKER_FOREIGN, []), (OCI_FOREIGN, []), (OCI_FOREIGN, ["ftp://x/y"]), (OCI_LAYER, [])]
)
def test_a_missing_layer_without_an_address_is_refused(
    any_registry: Client, repository: str, media_type: str, urls: list[str]
) -> None:
    image = windows(any_registry, repository, media_type, urls)
    assert any_registry.put_manifest(repository, image, "1.0.0").status >= 400


def test_an_index_whose_children_are_missing_is_refused(any_registry: Client, repository: str) -> None:
    refused = any_registry.put_manifest(repository, index_of(image_of(b"never pushed")), "1.0.0")
    assert (refused.status, code_of(refused)) == (400, "MANIFEST_BLOB_UNKNOWN")


def test_a_digest_that_does_not_match_the_bytes_is_refused(any_registry: Client, repository: str) -> None:
    any_registry.push_image(repository)
    refused = any_registry.put_manifest(repository, image_of(b"layer"), digest_of(b"other"))
    assert (refused.status, code_of(refused)) == (400, "DIGEST_INVALID")


def test_bytes_that_are_not_a_manifest_are_refused(any_registry: Client, repository: str) -> None:
    path = f"/v2/{repository}/manifests/1.0.0"
    refused = any_registry.send("PUT", path, body=b"{not json", headers={"Content-Type": OCI_IMAGE})
    assert (refused.status, code_of(refused)) == (400, "MANIFEST_INVALID")


def test_a_manifest_of_more_than_4_mib_is_refused(any_registry: Client, repository: str) -> None:
    path = f"/v2/{repository}/manifests/1.0.0"
    refused = any_registry.send("PUT", path, body=b" " * (4 * 2**20 + 1), headers={"Content-Type": OCI_IMAGE})
    assert refused.status in (400, 413)


def test_a_tag_moves_to_the_image_that_was_pushed_last_and_the_older_one_stays_by_digest(
    any_registry: Client, repository: str
) -> None:
    older = any_registry.push_image(repository, "main", content=b"older")
    newer = any_registry.push_image(repository, "main", content=b"newer")
    head = any_registry.send("HEAD", f"/v2/{repository}/manifests/main", headers=ANY_MANIFEST)
    assert head.headers["Docker-Content-Digest"] == newer.digest
    assert any_registry.send("HEAD", f"/v2/{repository}/manifests/{older.digest}", headers=ANY_MANIFEST).status == 200


def test_an_oci_manifest_goes_only_to_a_client_that_accepts_it(any_registry: Client, repository: str) -> None:
    image = any_registry.push_image(repository, "1.0.0")
    refused = any_registry.send("GET", f"/v2/{repository}/manifests/{image.digest}", headers={"Accept": "*/*"})
    assert (refused.status, code_of(refused)) == (404, "MANIFEST_UNKNOWN")


def test_an_unknown_tag_and_an_unknown_digest_are_404_with_the_code(any_registry: Client, repository: str) -> None:
    any_registry.push_image(repository, "1.0.0")
    for reference in ("2.0.0", digest_of(b"unknown")):
        response = any_registry.send("GET", f"/v2/{repository}/manifests/{reference}", headers=ANY_MANIFEST)
        assert (response.status, code_of(response)) == (404, "MANIFEST_UNKNOWN")


def test_a_manifest_deleted_by_digest_is_gone_and_its_tag_with_it(any_registry: Client, repository: str) -> None:
    image = any_registry.push_image(repository, "1.0.0")
    assert any_registry.send("DELETE", f"/v2/{repository}/manifests/{image.digest}").status == 202
    for reference in ("1.0.0", image.digest):
        response = any_registry.send("GET", f"/v2/{repository}/manifests/{reference}", headers=ANY_MANIFEST)
        assert response.status == 404


def test_every_tag_is_listed(any_registry: Client, repository: str) -> None:
    for tag in ("b", "a", "c"):
        any_registry.push_image(repository, tag)
    listed = any_registry.send("GET", f"/v2/{repository}/tags/list").json()
    assert (listed["name"], sorted(listed["tags"])) == (repository, ["a", "b", "c"])


def test_tags_of_an_unknown_repository_are_a_404(any_registry: Client, repository: str) -> None:
    response = any_registry.send("GET", f"/v2/{repository}/tags/list")
    assert (response.status, code_of(response)) == (404, "NAME_UNKNOWN")


def test_the_catalog_names_the_repository(any_registry: Client, repository: str) -> None:
    any_registry.push_image(repository, "1.0.0")
    names: list[str] = []
    path = "/v2/_catalog?n=5"
    while path:
        response = any_registry.send("GET", path)
        names += response.json()["repositories"]
        link = response.headers.get("Link", "")
        path = link[1 : link.index(">")] if link else ""
    assert repository in names
    assert names == sorted(names)

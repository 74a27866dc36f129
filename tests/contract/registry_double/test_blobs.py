"""Blobs: pushing in one piece and in chunks, mounting, reading whole and in part. On every registry."""

import uuid

import pytest

from .support import OCTETS, Client, code_of, digest_of, with_digest

DATA = bytes(range(256)) * 1000


@pytest.fixture
def repository() -> str:
    return f"team/{uuid.uuid4().hex}"


def patch(client: Client, location: str, data: bytes, start: int) -> str:
    headers = {**OCTETS, "Content-Range": f"{start}-{start + len(data) - 1}"}
    response = client.send("PATCH", location, body=data, headers=headers)
    assert response.status == 202, response.data
    assert response.headers["Range"] == f"0-{start + len(data) - 1}"
    return response.headers["Location"]


def test_a_blob_that_was_pushed_is_read_back_byte_for_byte(any_registry: Client, repository: str) -> None:
    digest = any_registry.push_blob(repository, DATA)
    response = any_registry.follow(any_registry.send("GET", f"/v2/{repository}/blobs/{digest}"))
    assert (response.status, response.data) == (200, DATA)


def test_head_of_a_blob_gives_size_and_digest(any_registry: Client, repository: str) -> None:
    digest = any_registry.push_blob(repository, DATA)
    head = any_registry.send("HEAD", f"/v2/{repository}/blobs/{digest}")
    assert head.status == 200
    assert head.headers["Content-Length"] == str(len(DATA))
    assert head.headers["Docker-Content-Digest"] == digest


def test_an_empty_blob_can_be_pushed(any_registry: Client, repository: str) -> None:
    digest = any_registry.push_blob(repository, b"")
    head = any_registry.send("HEAD", f"/v2/{repository}/blobs/{digest}")
    assert (head.status, head.headers["Content-Length"]) == (200, "0")


def test_a_part_of_a_blob_can_be_asked_for(any_registry: Client, repository: str) -> None:
    digest = any_registry.push_blob(repository, DATA)
    part = {"Range": "bytes=100-299"}
    response = any_registry.follow(any_registry.send("GET", f"/v2/{repository}/blobs/{digest}", headers=part), part)
    assert (response.status, response.data) == (206, DATA[100:300])
    assert response.headers["Content-Range"] == f"bytes 100-299/{len(DATA)}"


def test_a_blob_can_be_pushed_in_chunks(any_registry: Client, repository: str) -> None:
    location = any_registry.send("POST", f"/v2/{repository}/blobs/uploads/").headers["Location"]
    for start in range(0, len(DATA), 100_000):
        location = patch(any_registry, location, DATA[start : start + 100_000], start)
    response = any_registry.send("PUT", with_digest(location, digest_of(DATA)))
    assert (response.status, response.headers["Docker-Content-Digest"]) == (201, digest_of(DATA))


def test_the_last_chunk_may_come_with_the_closing_put(any_registry: Client, repository: str) -> None:
    location = any_registry.send("POST", f"/v2/{repository}/blobs/uploads/").headers["Location"]
    location = patch(any_registry, location, DATA[:1000], 0)
    response = any_registry.send("PUT", with_digest(location, digest_of(DATA)), body=DATA[1000:], headers=OCTETS)
    assert response.status == 201


def test_the_status_of_an_upload_gives_its_progress(any_registry: Client, repository: str) -> None:
    location = any_registry.send("POST", f"/v2/{repository}/blobs/uploads/").headers["Location"]
    location = patch(any_registry, location, DATA[:5000], 0)
    status = any_registry.send("GET", location)
    assert (status.status, status.headers["Range"]) == (204, "0-4999")
    response = any_registry.send(
        "PUT", with_digest(status.headers["Location"], digest_of(DATA)), body=DATA[5000:], headers=OCTETS
    )
    assert response.status == 201


def test_a_digest_that_does_not_match_is_refused_and_nothing_is_kept(any_registry: Client, repository: str) -> None:
    location = any_registry.send("POST", f"/v2/{repository}/blobs/uploads/").headers["Location"]
    refused = any_registry.send("PUT", with_digest(location, digest_of(b"other")), body=DATA, headers=OCTETS)
    assert (refused.status, code_of(refused)) == (400, "DIGEST_INVALID")
    assert any_registry.send("HEAD", f"/v2/{repository}/blobs/{digest_of(b'other')}").status == 404


def test_a_blob_of_one_repository_is_not_in_another_until_it_is_mounted(any_registry: Client, repository: str) -> None:
    digest = any_registry.push_blob(repository, DATA)
    other_repository = f"{repository}-copy"
    assert any_registry.send("HEAD", f"/v2/{other_repository}/blobs/{digest}").status == 404
    mounted = any_registry.send("POST", f"/v2/{other_repository}/blobs/uploads/?mount={digest}&from={repository}")
    assert (mounted.status, mounted.headers["Docker-Content-Digest"]) == (201, digest)
    assert any_registry.send("HEAD", f"/v2/{other_repository}/blobs/{digest}").status == 200


def test_mounting_a_missing_blob_begins_an_upload(any_registry: Client, repository: str) -> None:
    path = f"/v2/{repository}/blobs/uploads/?mount={digest_of(b'nowhere')}&from=no/where"
    response = any_registry.send("POST", path)
    assert response.status == 202
    assert (
        any_registry.send(
            "PUT", with_digest(response.headers["Location"], digest_of(b"x")), body=b"x", headers=OCTETS
        ).status
        == 201
    )


def test_an_unknown_blob_is_a_404_with_its_code(any_registry: Client, repository: str) -> None:
    response = any_registry.send("GET", f"/v2/{repository}/blobs/{digest_of(b'unknown')}")
    assert (response.status, code_of(response)) == (404, "BLOB_UNKNOWN")


def test_a_cancelled_upload_is_unknown_afterwards(any_registry: Client, repository: str) -> None:
    location = any_registry.send("POST", f"/v2/{repository}/blobs/uploads/").headers["Location"]
    assert any_registry.send("DELETE", location).status == 204
    response = any_registry.send("GET", location)
    assert (response.status, code_of(response)) == (404, "BLOB_UPLOAD_UNKNOWN")


def test_a_deleted_blob_is_gone(any_registry: Client, repository: str) -> None:
    digest = any_registry.push_blob(repository, DATA)
    assert any_registry.send("DELETE", f"/v2/{repository}/blobs/{digest}").status == 202
    assert any_registry.send("HEAD", f"/v2/{repository}/blobs/{digest}").status == 404


def test_a_name_with_capitals_is_refused(any_registry: Client) -> None:
    response = any_registry.send("POST", "/v2/Shop/blobs/uploads/")
    assert response.status in (400, 404)

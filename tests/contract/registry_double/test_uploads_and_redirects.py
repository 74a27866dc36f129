"""How ACR treats uploads and downloads where docker-registry 2.8 does nothing or differs. On the double."""

import socket
import time
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from local.registry import Registry

from .support import OCTETS, Client, code_of, digest_of, settings, with_digest

DATA = bytes(range(256)) * 2000


def start(client: Client) -> str:
    return client.send("POST", "/v2/shop/blobs/uploads/").headers["Location"]


def test_a_blob_can_be_pushed_with_a_single_post(double: Client) -> None:
    path = with_digest("/v2/shop/blobs/uploads/", digest_of(DATA))
    assert double.send("POST", path, body=DATA, headers=OCTETS).status == 201
    assert double.send("HEAD", f"/v2/shop/blobs/{digest_of(DATA)}").status == 200


def test_a_chunk_that_does_not_start_where_the_last_one_ended_is_refused(double: Client) -> None:
    location = start(double)
    refused = double.send("PATCH", location, body=b"12345", headers={**OCTETS, "Content-Range": "5-9"})
    assert (refused.status, code_of(refused), refused.headers["Range"]) == (416, "RANGE_INVALID", "0-0")


def test_a_location_that_is_not_the_newest_is_refused(double: Client) -> None:
    location = start(double)
    assert double.send("PATCH", location, body=b"12345", headers=OCTETS).status == 202
    refused = double.send("PATCH", location, body=b"67890", headers=OCTETS)
    assert (refused.status, refused.headers["Range"]) == (416, "0-4")


def test_a_location_without_its_signed_state_is_refused(double: Client) -> None:
    path = start(double).partition("?")[0]
    refused = double.send("PATCH", path, body=b"12345", headers=OCTETS)
    assert (refused.status, code_of(refused)) == (400, "BLOB_UPLOAD_INVALID")


def test_a_cut_upload_resumes_where_it_stopped(double: Client) -> None:
    location = start(double)
    half = len(DATA) // 2
    token = double.token(double.plain("POST", "/v2/shop/blobs/uploads/"))
    target = urlsplit(double.url)
    with socket.create_connection((target.hostname, target.port)) as line:
        head = f"PATCH {location} HTTP/1.1\r\nHost: {target.netloc}\r\nAuthorization: Bearer {token}\r\n"
        line.sendall(f"{head}Content-Length: {len(DATA)}\r\n\r\n".encode() + DATA[:half])
    deadline = time.monotonic() + 20
    status = double.send("GET", location)
    while status.headers["Range"] != f"0-{half - 1}":
        assert time.monotonic() < deadline, status.headers["Range"]
        status = double.send("GET", location)
    response = double.send("PATCH", status.headers["Location"], body=DATA[half:], headers=OCTETS)
    assert response.status == 202
    assert double.send("PUT", with_digest(response.headers["Location"], digest_of(DATA))).status == 201


def test_a_blob_is_read_from_another_host_name_with_a_signature_and_without_a_token(double: Client) -> None:
    digest = double.push_blob("shop", DATA)
    redirect = double.send("GET", f"/v2/shop/blobs/{digest}")
    location = redirect.headers["Location"]
    assert redirect.status == 307
    assert urlsplit(location).netloc != urlsplit(double.url).netloc
    assert double.plain("GET", location).data == DATA


def test_the_signed_url_refuses_an_authorization_header(double: Client) -> None:
    digest = double.push_blob("shop", DATA)
    location = double.send("GET", f"/v2/shop/blobs/{digest}").headers["Location"]
    assert double.plain("GET", location, headers={"Authorization": "Bearer leaked"}).status == 400


def test_a_signed_url_is_for_one_blob_only(double: Client) -> None:
    digests = [double.push_blob("shop", data) for data in (b"one", b"two")]
    location = double.send("GET", f"/v2/shop/blobs/{digests[0]}").headers["Location"]
    assert double.plain("GET", location.replace(digests[0], digests[1])).status == 403


def test_a_signed_url_expires() -> None:
    moments = [datetime(2026, 11, 23, 8, tzinfo=UTC)]
    with Registry(settings(), now=lambda: moments[-1]) as registry:
        client = Client(registry.url)
        digest = client.push_blob("shop", DATA)
        location = client.send("GET", f"/v2/shop/blobs/{digest}").headers["Location"]
        moments.append(moments[0] + timedelta(hours=1))
        assert client.plain("GET", location).status == 403


def test_the_redirect_can_be_switched_off() -> None:
    with Registry(settings(redirect_blobs=False)) as registry:
        client = Client(registry.url)
        digest = client.push_blob("shop", DATA)
        assert client.send("GET", f"/v2/shop/blobs/{digest}").data == DATA


def test_a_blob_larger_than_allowed_is_refused() -> None:
    with Registry(settings(max_blob_bytes=1000)) as registry:
        client = Client(registry.url)
        path = with_digest("/v2/shop/blobs/uploads/", digest_of(DATA))
        assert client.send("POST", path, body=DATA, headers=OCTETS).status == 413

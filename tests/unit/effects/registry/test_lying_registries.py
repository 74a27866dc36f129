"""Registries that send other bytes, other sizes, or more than anyone should read."""

from dataclasses import replace

import pytest

from slipway.effects.registry import (
    DigestMismatch,
    RequestRejected,
    TooLarge,
    Unsupported,
)
from slipway.testing.artifacts import OCI_MANIFEST, digest_of
from slipway.testing.registry import RegistryReply, error
from tests.unit.effects.registry.conftest import Hostile
from tests.unit.effects.registry.hostile import FaultyRegistry
from tests.unit.effects.registry.layer import DIGEST, IMAGE, LAYER, SECRET, Client, copy, read, times


def test_altered_bytes_of_the_right_length_never_reach_the_target(
    source: FaultyRegistry, hostile: Hostile, client: Client
) -> None:
    target = hostile()
    altered = LAYER[:-1] + b"!"
    source.registry.blobs["team/shop", DIGEST] = altered

    with pytest.raises(DigestMismatch, match=rf"{source.login_server}/team/shop@{DIGEST}.*{digest_of(altered)}"):
        copy(client(source), client(target))

    assert all(digest_of(blob) == digest for (_, digest), blob in target.registry.blobs.items())
    assert target.registry.manifests == {}


@pytest.mark.parametrize("length", [len(LAYER) - 1, len(LAYER) + 1, 10**15])
def test_a_content_length_that_is_not_the_size_in_the_manifest_is_refused(
    source: FaultyRegistry, client: Client, length: int
) -> None:
    source.reply = lambda request, reply: (
        replace(reply, headers={"Content-Length": str(length)}) if DIGEST in request.path else reply
    )

    with pytest.raises(
        DigestMismatch, match=f"expected {len(LAYER)} bytes from byte 0, the registry announces {length}"
    ):
        read(client(source))


def test_a_blob_that_is_longer_than_its_size_is_given_up(source: FaultyRegistry, client: Client) -> None:
    body = b"%x\r\n%b\r\n" % (len(LAYER), LAYER) * 2 + b"0\r\n\r\n"
    source.reply = lambda request, reply: (
        RegistryReply(status=200, headers={"Transfer-Encoding": "chunked"}, body=body)
        if DIGEST in request.path
        else reply
    )

    with pytest.raises(DigestMismatch, match="got more"):
        read(client(source))


def test_a_huge_manifest_is_not_read(source: FaultyRegistry, client: Client) -> None:
    source.reply = lambda request, reply: RegistryReply(status=200, body=b" " * (4 * 1024 * 1024 + 1))

    with pytest.raises(TooLarge, match="expected at most 4194304 bytes, the registry announces 4194305"):
        client(source).manifest("team/shop", "481")


def test_a_huge_manifest_without_a_length_is_not_read_to_its_end(source: FaultyRegistry, client: Client) -> None:
    chunk = b"%x\r\n%b\r\n" % (5 * 1024 * 1024, b" " * 5 * 1024 * 1024)
    source.reply = lambda request, reply: RegistryReply(
        status=200, headers={"Transfer-Encoding": "chunked"}, body=chunk
    )

    with pytest.raises(TooLarge, match="got more"):
        client(source).manifest("team/shop", "481")


def test_a_manifest_of_other_bytes_is_refused(source: FaultyRegistry, client: Client) -> None:
    source.reply = lambda request, reply: replace(reply, headers={"Content-Type": OCI_MANIFEST}, body=b"{}")

    with pytest.raises(DigestMismatch, match=f"expected {IMAGE.digest}, the 2 bytes have {digest_of(b'{}')}"):
        client(source).manifest("team/shop", IMAGE.digest)


def test_the_reason_of_a_refusal_is_shown_without_secrets(source: FaultyRegistry, client: Client) -> None:
    message = f"no: Bearer abc.def.ghi at https://x.example/y?{SECRET} \x1b[31m" + "z" * 500
    source.reply = lambda request, reply: error(409, "TAG_LOCKED", message)

    with pytest.raises(RequestRejected) as resolve_error:
        client(source).resolve("team/shop", "481")
    with pytest.raises(RequestRejected) as manifest_error:
        client(source).manifest("team/shop", "481")

    assert "TAG_LOCKED: no: Bearer … at https://x.example/y?…" in str(manifest_error.value)
    assert len(str(resolve_error.value)) < 400
    assert not {"abc.def", "very-secret", "\x1b"} & set(str(manifest_error.value).split())
    assert "very-secret" not in str(manifest_error.value)


@pytest.mark.parametrize(
    ("location", "message"),
    [
        (None, "without a Location"),
        ("http://thief.example/upload", "upload address: expected an https address"),
        ("https://thief.example/upload", "upload address: expected one at 127.0.0.1:"),
        ("http://127.0.0.1:9/upload", "upload address: expected one at 127.0.0.1:"),
    ],
)
def test_an_upload_to_a_missing_or_foreign_address_is_refused(
    hostile: Hostile, client: Client, location: str | None, message: str
) -> None:
    target = hostile()
    headers = {"Location": location} if location else {}
    target.reply = lambda request, reply: replace(reply, headers=headers) if request.method == "POST" else reply

    with pytest.raises(Unsupported, match=message):
        client(target).put_blob("prod/shop", DIGEST, len(LAYER), lambda: [LAYER])


def test_another_part_of_a_blob_than_was_asked_for_is_refused(source: FaultyRegistry, client: Client) -> None:
    cut_at = times(1, 1_500_000)
    source.sent_of_reply = lambda request: cut_at() if DIGEST in request.path else None
    source.reply = lambda request, reply: (
        replace(reply, headers={"Content-Range": "bytes 7-9/10"}) if reply.status == 206 else reply
    )

    with pytest.raises(Unsupported, match="requested the bytes from"):
        read(client(source))

"""The verifier of proofs in docs/how-to/verify-the-trail.md, taken from the page and run where only cryptography can be
imported: it fails for one changed byte of the token or the statement."""

import json
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from local.auditor import Auditor
from slipway.domain.errors import present
from slipway.domain.inbox import InboxKind, InboxRow, Received, Speaker, Via
from slipway.domain.model import sha256
from slipway.domain.proof import Proof
from slipway.effects.identity import IdTokens
from slipway.engine.proving import Prover
from slipway.testing import MORNING, MemoryBlobs
from slipway.testing.identity import MemoryIssuer, published_keys
from tests.serving import in_a_thread
from tests.unit.engine.test_proving import ADA, CLIENT, VOTE, vote_of

STATEMENT = VOTE.evolve(reason='"Grüße"\n\t\\ and \u2028')


class StoredProof:
    """A proof as the worker stored it, copied to an auditor's disk."""

    def __init__(self, folder: Path) -> None:
        issuer, blobs = MemoryIssuer(), MemoryBlobs()
        token = issuer.id_token(CLIENT, ADA, nonce=STATEMENT.nonce, at=MORNING)
        row = InboxRow(
            kind=InboxKind.VOTE, proof=Proof(statement=STATEMENT, id_token=token), speaker=Speaker(via=Via.PAGE)
        )
        received = Received(id="0000000000000-0000000000000000", partition="shop", received_at=MORNING, row=row)
        prover = Prover(tokens=IdTokens(issuer, CLIENT), installation="here", evidence=blobs)
        proved = present(vote_of(prover.vote(received)).proved, "the proof")
        self.digest, self.content = proved.proof, blobs.documents[proved.proof]
        self.file, self.keys = folder / "proof.json", folder / "keys.json"
        self.file.write_bytes(self.content)
        self.keys.write_bytes(published_keys("k1"))


@pytest.fixture
def proof(tmp_path: Path) -> StoredProof:
    return StoredProof(tmp_path)


@pytest.fixture
def verifier(tmp_path: Path) -> Callable[..., tuple[int, str]]:
    return Auditor(tmp_path / "alone").proof


def test_the_verifier_prints_who_signed_the_statement_and_its_text(
    verifier: Callable[..., tuple[int, str]], proof: StoredProof
) -> None:
    code, output = verifier(proof.file, proof.keys, proof.digest)
    assert (code, ADA.oid in output, "looks good" in output, "Grüße" in output) == (0, True, False, True), output


@pytest.fixture
def address(proof: StoredProof) -> Iterator[str]:
    """The URL at which the provider publishes its keys."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(proof.keys.read_bytes())

        def log_message(self, *_: object) -> None:
            """Tests print nothing."""

    with in_a_thread(HTTPServer(("127.0.0.1", 0), Handler)) as server:
        yield f"http://127.0.0.1:{server.server_port}/keys"


def test_the_verifier_reads_the_keys_from_the_provider(
    verifier: Callable[..., tuple[int, str]], proof: StoredProof, address: str
) -> None:
    code, output = verifier(proof.file, address, proof.digest)
    assert (code, "by the key k1, published by the provider" in output) == (0, True), output


def overwrite(proof: StoredProof, content: bytes) -> str:
    """Store a changed proof and return its own hash, as an attacker would who can also write records."""
    import hashlib  # noqa: PLC0415 - as the verifier does

    proof.file.write_bytes(content)
    return "sha256:" + hashlib.sha256(content).hexdigest()


def test_one_changed_byte_of_a_proof_is_found_even_if_the_record_names_the_hash_of_the_changed_file(
    verifier: Callable[..., tuple[int, str]], proof: StoredProof
) -> None:
    document = json.loads(proof.content)
    token, salt = document["id_token"], document["statement"]["salt"]
    start = proof.content.index(token.encode())
    places = [*range(start, start + len(token), 449), start + len(token) - 1, proof.content.index(salt.encode())]
    for place in places:
        replacement = b"A" if proof.content[place : place + 1] != b"A" else b"B"
        changed = proof.content[:place] + replacement + proof.content[place + 1 :]
        assert verifier(proof.file, proof.keys, overwrite(proof, changed))[0] == 1, place


def anchors_naming(folder: Path, *sets: bytes) -> Path:
    """One anchor for each day, naming one of these sets of the provider's keys."""
    lines = [
        {"at": f"2026-11-2{day}T08:00:00Z", "keys": {"issuer": sha256(content)}} for day, content in enumerate(sets, 1)
    ]
    file = folder / "anchors.jsonl"
    file.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return file


def test_the_verifier_says_since_when_the_archived_keys_are_anchored(
    verifier: Callable[..., tuple[int, str]], proof: StoredProof, tmp_path: Path
) -> None:
    archive = proof.keys.read_bytes()
    code, output = verifier(proof.file, proof.keys, proof.digest, anchors_naming(tmp_path, b"{}", archive, archive))
    assert (code, "by the key k1, archived, anchored since 2026-11-22T08:00:00Z" in output) == (0, True), output


def test_the_verifier_says_that_no_anchor_names_the_archived_keys(
    verifier: Callable[..., tuple[int, str]], proof: StoredProof, tmp_path: Path
) -> None:
    for anchors in ((), (anchors_naming(tmp_path, b"{}"),)):
        code, output = verifier(proof.file, proof.keys, proof.digest, *anchors)
        assert (code, "archived, in no anchor" in output) == (0, True), output


@pytest.mark.parametrize("field", ["decision", "plan", "reason", "release", "opening"])
def test_a_statement_that_was_changed_after_it_was_signed_is_refused(
    verifier: Callable[..., tuple[int, str]], proof: StoredProof, field: str
) -> None:
    document = json.loads(proof.content)
    document["statement"][field] = {"decision": "reject", "plan": "sha256:" + "b" * 64}.get(field, 7)
    changed = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    code, output = verifier(proof.file, proof.keys, overwrite(proof, changed))
    assert (code, "another statement" in output) == (1, True), output


def test_keys_that_are_not_the_providers_verify_no_proof(
    verifier: Callable[..., tuple[int, str]], proof: StoredProof
) -> None:
    forged = json.loads(published_keys("forged"))
    forged["keys"][0]["kid"] = "k1"
    proof.keys.write_text(json.dumps(forged))
    code, output = verifier(proof.file, proof.keys, proof.digest)
    assert (code, "InvalidSignature" in output) == (1, True)


def test_a_proof_that_the_record_does_not_name_is_refused(
    verifier: Callable[..., tuple[int, str]], proof: StoredProof
) -> None:
    code, output = verifier(proof.file, proof.keys, "sha256:" + "0" * 64)
    assert (code, "not the proof that the record names" in output) == (1, True)

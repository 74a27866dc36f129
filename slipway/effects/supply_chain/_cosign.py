"""cosign signatures by a public key: simple signing (the classic layout) and, since cosign 3, a signed statement.

Only the key counts: transparency-log entries and certificates in a signature are ignored.
"""

from typing import Final

from ._dsse import read_attestation
from ._keys import PublicKey, is_signed_by
from ._reading import Unproven, base64_bytes, object_at, printable, strict_json

SIMPLE_SIGNING: Final = "application/vnd.dev.cosign.simplesigning.v1+json"
SIGNATURE_ARTIFACT: Final = "application/vnd.dev.cosign.artifact.sig.v1+json"
"""The artifact type with which cosign 2 attaches the classic layout as a referrer."""
SIGNATURE: Final = "dev.cosignproject.cosign/signature"
"""The annotation of a layer that holds the signature over the layer's bytes."""
SIGNS: Final = "https://sigstore.dev/cosign/sign/v1"
"""The predicate type of a signature; a statement with any other is an attestation."""
LARGEST_PAYLOAD: Final = 64 * 1024
_TYPE: Final = "cosign container image signature"
_DIGEST: Final = ("docker-manifest-digest", "Docker-manifest-digest")


def verify_simple_signing(payload: bytes, signature: str, digest: str, key: PublicKey) -> None:
    """Raises `Unproven` unless the key signed a payload that names this digest."""
    if not is_signed_by(key, base64_bytes(signature, "the signature"), payload):
        raise Unproven("it is not signed with the required key, or was altered")
    what = "the signed payload"
    critical = object_at(strict_json(payload, what), "critical", what)
    if critical.get("type") != _TYPE:
        raise Unproven(f"it is a {printable(str(critical.get('type')))}, expected a {_TYPE}")
    image = object_at(critical, "image", what)
    digests = [image[name] for name in _DIGEST if name in image]
    if digests != [digest]:
        raise Unproven(f"it is for {printable(str(digests[0])) if digests else 'nothing'}, not for this image")


def verify_bundle(raw: bytes, digest: str, key: PublicKey) -> None:
    """Raises `Unproven` unless the key signed a statement that is a signature of this digest."""
    attestation = read_attestation(raw)
    attestation.check_signed_by(key)
    if attestation.statement.predicate_type != SIGNS:
        raise Unproven(f"it is an attestation ({printable(attestation.statement.predicate_type)}), not a signature")
    attestation.check_about(digest)

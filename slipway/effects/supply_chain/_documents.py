"""Recognises SBOMs and provenance."""

import json
from collections.abc import Collection
from typing import Any, Final

from ._dsse import Attestation
from ._keys import PublicKey
from ._reading import Unproven, printable

SBOM_TYPES: Final = {
    "application/spdx+json": "SPDX",
    "application/spdx+xml": "SPDX",
    "text/spdx": "SPDX",
    "text/spdx+json": "SPDX",
    "text/spdx+xml": "SPDX",
    "spdx+json": "SPDX",
    "application/vnd.cyclonedx": "CycloneDX",
    "application/vnd.cyclonedx+json": "CycloneDX",
    "application/vnd.cyclonedx+xml": "CycloneDX",
}
"""Media and artifact types under which SBOMs are attached."""
SBOM_PREDICATES: Final = ("https://spdx.dev/Document", "https://cyclonedx.org/bom")
PROVENANCE_0_2: Final = "https://slsa.dev/provenance/v0.2"
PROVENANCE_1: Final = "https://slsa.dev/provenance/v1"
PROVENANCES: Final = (PROVENANCE_0_2, PROVENANCE_1)
LARGEST_SBOM: Final = 16 * 1024 * 1024
_HEAD: Final = 4096


def sbom_name(raw: bytes) -> str:
    """`SPDX` or `CycloneDX`. Raises `Unproven` for any other document."""
    head = raw[:_HEAD].lstrip(b"\xef\xbb\xbf \t\r\n")
    if head.startswith(b"{"):
        try:
            document = json.loads(raw)
        except (ValueError, RecursionError):
            raise Unproven("the document is not JSON that can be read") from None
        return _json_name(document)
    if head.startswith(b"<") and b"http://cyclonedx.org/schema/bom" in head:
        return "CycloneDX"
    if head.startswith(b"<") and b"http://spdx.org/rdf/terms" in head:
        return "SPDX"
    if any(line.startswith(b"SPDXVersion:") for line in head.splitlines()):
        return "SPDX"
    raise Unproven("the document is neither SPDX nor CycloneDX")


def _json_name(document: Any) -> str:
    if isinstance(document, dict):
        if str(document.get("spdxVersion", "")).startswith("SPDX-"):
            return "SPDX"
        if str(document.get("@context", "")).startswith("https://spdx.org/rdf/3"):
            return "SPDX"
        if document.get("bomFormat") == "CycloneDX":
            return "CycloneDX"
    raise Unproven("the document is neither SPDX nor CycloneDX")


def attested_sbom_name(attestation: Attestation, digest: str) -> str:
    """Like `sbom_name`, for an attestation. It does not check the signature, since the rule only requires that an SBOM
    exists."""
    kind = attestation.statement.predicate_type
    if not kind.startswith(SBOM_PREDICATES):
        raise Unproven(f"it is {printable(kind)}, not an SBOM")
    attestation.check_about(digest)
    return _json_name(attestation.statement.predicate)


def builder_of(attestation: Attestation, digest: str, builders: Collection[str], key: PublicKey | None) -> str:
    """The builder in the provenance. Raises `Unproven` unless it is one of `builders`."""
    statement = attestation.statement
    if key is not None:
        attestation.check_signed_by(key)
    if statement.predicate_type not in PROVENANCES:
        raise Unproven(f"it is {printable(statement.predicate_type)}, not SLSA provenance v0.2 or v1")
    attestation.check_about(digest)
    path = ("builder", "id") if statement.predicate_type == PROVENANCE_0_2 else ("runDetails", "builder", "id")
    builder = statement.predicate
    for name in path:
        builder = builder.get(name) if isinstance(builder, dict) else None
    if not isinstance(builder, str) or not builder:
        raise Unproven("it names no builder")
    if builder not in builders:
        raise Unproven(f"it names the builder {printable(builder)}, which is not one of those required")
    return builder

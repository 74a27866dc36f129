"""Images with their attachments, as the tools push them: Notation, cosign 2 and 3, oras and docker buildx."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from slipway.effects.supply_chain import NotationTrust, ProvenanceTrust, RequiredChecks
from slipway.effects.supply_chain._notation import SignedDescriptor
from slipway.testing.artifacts import (
    OCI_CONFIG,
    OCI_INDEX,
    OCI_MANIFEST,
    ArtifactDouble,
    blob_descriptor,
    image,
    unusual_json,
)
from tests.unit.effects.supply_chain.authority import Issued, Key, ec_key, signer
from tests.unit.effects.supply_chain.signing import (
    BUILDER,
    COSE,
    JWS,
    SIGNS,
    SPDX,
    SPDX_DOCUMENT,
    b64,
    bundle,
    compact,
    cose,
    dsse,
    jws,
    key_signature,
    payload_for,
    provenance,
    simple_signing,
    statement,
)

NOTATION = "application/vnd.cncf.notary.signature"
BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
DSSE = "application/vnd.dsse.envelope.v1+json"
IN_TOTO = "application/vnd.in-toto+json"
SIMPLE_SIGNING = "application/vnd.dev.cosign.simplesigning.v1+json"
SIGNATURE_ARTIFACT = "application/vnd.dev.cosign.artifact.sig.v1+json"
SIGNATURE = "dev.cosignproject.cosign/signature"


@dataclass(frozen=True)
class Layer:
    media_type: str
    data: bytes
    annotations: Mapping[str, str] = field(default_factory=dict)

    def descriptor(self) -> dict[str, Any]:
        annotations = {"annotations": dict(self.annotations)} if self.annotations else {}
        return blob_descriptor(self.media_type, self.data) | annotations


def target_of(artifact: ArtifactDouble) -> SignedDescriptor:
    return SignedDescriptor(media_type=artifact.media_type, digest=artifact.digest, size=len(artifact.raw))


def manifest(
    *layers: Layer,
    subject: ArtifactDouble | None = None,
    artifact_type: str = "",
    config_type: str = "application/vnd.oci.empty.v1+json",
    annotations: Mapping[str, str] | None = None,
) -> ArtifactDouble:
    config = b"{}"
    document: dict[str, Any] = {"schemaVersion": 2, "mediaType": OCI_MANIFEST}
    if artifact_type:
        document["artifactType"] = artifact_type
    document |= {
        "config": blob_descriptor(config_type, config),
        "layers": [layer.descriptor() for layer in layers],
    }
    if subject:
        document["subject"] = {name: subject.descriptor()[name] for name in ("mediaType", "digest", "size")}
    if annotations:
        document["annotations"] = dict(annotations)
    return ArtifactDouble(
        raw=unusual_json(document),
        media_type=OCI_MANIFEST,
        blobs=(config, *(layer.data for layer in layers)),
        artifact_type=artifact_type or config_type,
    )


# ---- signatures


def notation(
    subject: ArtifactDouble, by: Issued, *, as_cose: bool = False, old_layout: bool = False, **fields: Any
) -> ArtifactDouble:
    """A signature as `notation sign` attaches it. The old layout names its type only in the configuration."""
    payload = fields.pop("payload", payload_for(target_of(subject)))
    raw = (cose if as_cose else jws)(by, payload=payload, **fields)
    layer = Layer(COSE if as_cose else JWS, raw)
    if old_layout:
        return manifest(layer, subject=subject, config_type=NOTATION)
    return manifest(layer, subject=subject, artifact_type=NOTATION)


def simple_layer(subject: ArtifactDouble, key: Key, **critical: Any) -> Layer:
    payload = simple_signing(subject.digest, **critical)
    return Layer(SIMPLE_SIGNING, payload, {SIGNATURE: b64(key_signature(key, payload))})


def classic(*layers: Layer) -> ArtifactDouble:
    """The manifest that cosign keeps under a tag."""
    return manifest(*layers, config_type=OCI_CONFIG)


def in_bundle(subject: ArtifactDouble, key: Key, content: dict[str, Any]) -> ArtifactDouble:
    """A bundle as cosign 3 attaches it, with a signature or an attestation."""
    annotations = {
        "dev.sigstore.bundle.content": "dsse-envelope",
        "dev.sigstore.bundle.predicateType": content["predicateType"],
    }
    layer = Layer(BUNDLE, bundle(dsse(key, content)))
    return manifest(layer, subject=subject, artifact_type=BUNDLE, annotations=annotations)


def signed_in_bundle(subject: ArtifactDouble, key: Key) -> ArtifactDouble:
    return in_bundle(subject, key, statement(SIGNS, {}, digest=subject.digest))


# ---- documents


def sbom(
    subject: ArtifactDouble, document: bytes | None = None, media_type: str = "application/spdx+json"
) -> ArtifactDouble:
    """An SBOM as `oras attach` attaches it."""
    layer = Layer(media_type, document if document is not None else compact(SPDX_DOCUMENT))
    return manifest(layer, subject=subject, artifact_type=media_type)


def attested(*contents: Mapping[str, Any] | bytes, kinds: tuple[str, ...] = ()) -> ArtifactDouble:
    """The manifest that `cosign attest` keeps under the tag `.att`."""
    layers = [
        Layer(
            DSSE,
            content if isinstance(content, bytes) else compact(content),
            {"predicateType": kinds[position]} if kinds else {},
        )
        for position, content in enumerate(contents)
    ]
    return manifest(*layers, config_type=OCI_CONFIG)


# ---- docker buildx


def buildx_attestations(platform: ArtifactDouble, *contents: dict[str, Any]) -> ArtifactDouble:
    layers = [
        Layer(IN_TOTO, compact(content), {"in-toto.io/predicate-type": content["predicateType"]})
        for content in contents
    ]
    return manifest(*layers, config_type=OCI_CONFIG)


def buildx_index(*platforms: ArtifactDouble, attestations: Mapping[str, ArtifactDouble]) -> ArtifactDouble:
    """An index with attestation manifests among its children; the keys of `attestations` are platforms' digests."""
    entries = [platform.descriptor() for platform in platforms]
    for about, attestation in attestations.items():
        reference = {"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": about}
        entry = {"mediaType": attestation.media_type, "digest": attestation.digest, "size": len(attestation.raw)}
        entries.append(entry | {"annotations": reference, "platform": {"os": "unknown", "architecture": "unknown"}})
    document = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}
    return ArtifactDouble(
        raw=json.dumps(document).encode(), media_type=OCI_INDEX, children=(*platforms, *attestations.values())
    )


def built_with_buildx(*, builder: str = BUILDER, with_sbom: bool = True) -> ArtifactDouble:
    """An index of two platforms, each with its attestations."""
    platforms = [image(name.encode(), architecture=name) for name in ("amd64", "arm64")]
    attestations = {}
    for platform in platforms:
        contents = [provenance(builder, digest=platform.digest)]
        if with_sbom:
            contents.append(statement(SPDX, SPDX_DOCUMENT, digest=platform.digest))
        attestations[platform.digest] = buildx_attestations(platform, *contents)
    return buildx_index(*platforms, attestations=attestations)


# ---- who is trusted


@dataclass(frozen=True)
class People:
    """The keys and certificates of those who sign in these tests."""

    notation: Issued = field(default_factory=signer)
    cosign: Key = field(default_factory=ec_key)
    builder: Key = field(default_factory=ec_key)

    def all_checks(self) -> RequiredChecks:
        """All four rules."""
        return RequiredChecks(
            notation=NotationTrust(
                roots=(self.notation.root.certificate,),
                identities=({"C": "US", "ST": "WA", "O": "contoso.com", "CN": "release"},),
            ),
            cosign=self.cosign.public_key(),
            sbom=True,
            provenance=ProvenanceTrust(builders=(BUILDER,), key=self.builder.public_key()),
        )

"""The four rules for an image, each with a result and a reason.

One valid signature or document is enough, as others may be meant for other tools. An SBOM and provenance may describe
an index as a whole, or each of its platforms.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final

from slipway.domain.rules import NotYet, Rule, RuleResult, WaitsFor

from ..registry import Descriptor, Registry, RegistryError
from . import _cosign, _documents
from ._attachments import AttachedManifest, Attachments, CheckedImage
from ._dsse import BUNDLES, DSSE, IN_TOTO, LARGEST, read_attestation
from ._keys import PublicKey
from ._notation import LARGEST_ENVELOPE, NotationTrust, SignedDescriptor, verify_notation
from ._reading import Unproven

NOTATION_SIGNATURE: Final = "application/vnd.cncf.notary.signature"
_PREDICATE_ANNOTATIONS: Final = ("in-toto.io/predicate-type", "predicateType", "dev.sigstore.bundle.predicateType")
_REASONS_SHOWN: Final = 3
_REASON: Final = 700


@dataclass(frozen=True, kw_only=True)
class ProvenanceTrust:
    """The accepted builders, and the key that must have signed the provenance; None if it may be unsigned."""

    builders: tuple[str, ...]
    key: PublicKey | None = None


@dataclass(frozen=True, kw_only=True)
class RequiredChecks:
    """The requirements of an environment, with the keys and certificates already read."""

    notation: NotationTrust | None = None
    cosign: PublicKey | None = None
    sbom: bool = False
    provenance: ProvenanceTrust | None = None


@dataclass(frozen=True)
class _Proof:
    """A rule, and the name of its proof with and without an article."""

    rule: Rule
    name: str
    one: str


_NOTATION = _Proof(Rule.SIGNED_BY_NOTATION, "Notation signature", "a Notation signature")
_COSIGN = _Proof(Rule.SIGNED_BY_COSIGN, "cosign signature", "a cosign signature")
_SBOM = _Proof(Rule.HAS_SBOM, "SBOM", "an SBOM")
_BUILT_BY = _Proof(Rule.BUILT_BY, "provenance", "provenance")


@dataclass(frozen=True)
class _Candidate:
    """A possible proof of a rule. Its content is only read when `prove` is called."""

    name: str
    prove: Callable[[], str]


def check_required(
    registry: Registry, repository: str, digest: str, required: RequiredChecks, now: datetime
) -> tuple[RuleResult, ...]:
    """The results of all required rules.

    `NotYet` for a missing signature or document, as it may still be pushed. Raises `RegistryError` if a request to the
    registry should be retried.
    """
    attachments = Attachments(registry, repository)
    image = attachments.image(digest)
    results: list[RuleResult] = []
    if required.notation is not None:
        results.append(_judge(_NOTATION, digest, _notation(attachments, image, required.notation, now)))
    if required.cosign is not None:
        results.append(_judge(_COSIGN, digest, _signatures(attachments, digest, required.cosign)))
    if required.sbom:
        results.append(_judge_all(_SBOM, image, partial(_sboms, attachments, image)))
    if required.provenance is not None:
        results.append(_judge_all(_BUILT_BY, image, partial(_provenance, attachments, image, required.provenance)))
    return tuple(results)


# ---- judging


def _judge(proof: _Proof, digest: str, candidates: Iterable[_Candidate]) -> RuleResult:
    """The rule holds if any candidate proves it."""
    refused: list[str] = []
    for candidate in candidates:
        try:
            return proof.rule.holds(_bounded(f"{proof.name}: {candidate.prove()}"))
        except Unproven as error:
            refused.append(f"{candidate.name}: {error}")
        except RegistryError as error:
            if error.retryable:
                raise
            refused.append(f"{candidate.name}: {error.what}")
    if not refused:
        return _not_attached(proof, f"expected {proof.one} of {_short_digest(digest)}, there is none")
    more = f"; and {len(refused) - _REASONS_SHOWN} more" if len(refused) > _REASONS_SHOWN else ""
    reasons = "; ".join(refused[:_REASONS_SHOWN])
    expected = f"expected {proof.one} of {_short_digest(digest)}, none of {len(refused)} holds"
    return proof.rule.fails(_bounded(f"{expected}: {reasons}{more}"))


def _judge_all(proof: _Proof, image: CheckedImage, find: Callable[[str], Iterable[_Candidate]]) -> RuleResult:
    """The rule holds if it holds for the image as a whole, or for each of its platforms."""
    whole = _judge(proof, image.manifest.digest, find(image.manifest.digest))
    if whole.passed or not image.platforms:
        return whole
    parts = {name: _judge(proof, digest, find(digest)) for digest, name in image.platforms.items()}
    broken = {name: part for name, part in parts.items() if not part.passed}
    if not broken:
        return proof.rule.holds(_bounded("; ".join(f"{name}: {part.reason}" for name, part in parts.items())))
    nothing_of_the_whole = isinstance(whole, NotYet)
    reasons = [] if nothing_of_the_whole else [whole.reason]
    reason = "; ".join(reasons + [f"{name}: {part.reason}" for name, part in broken.items()])
    if nothing_of_the_whole and all(isinstance(part, NotYet) for part in broken.values()):
        return _not_attached(proof, reason)
    return proof.rule.fails(_bounded(reason))


def _not_attached(proof: _Proof, reason: str) -> RuleResult:
    """The result if there is no candidate: one may still be pushed."""
    return proof.rule.not_yet(_bounded(reason), WaitsFor.EVENT)


def _bounded(reason: str) -> str:
    return reason if len(reason) <= _REASON else reason[: _REASON - 1] + "…"


def _short_digest(digest: str) -> str:
    return digest[:19]


# ---- signatures


def _notation(
    attachments: Attachments, image: CheckedImage, trust: NotationTrust, now: datetime
) -> Iterator[_Candidate]:
    manifest = image.manifest
    target = SignedDescriptor(media_type=manifest.media_type, digest=manifest.digest, size=len(manifest.raw))

    def prove(attached: AttachedManifest) -> str:
        if len(attached.layers) != 1:
            raise Unproven(f"expected one envelope, got {len(attached.layers)}")
        envelope = attached.layers[0]
        raw = attachments.blob(envelope, LARGEST_ENVELOPE)
        return verify_notation(raw, envelope.media_type, target, trust, now)

    for attached in attachments.referrers(manifest.digest, {NOTATION_SIGNATURE}):
        yield _Candidate(_short_digest(attached.digest), partial(prove, attached))


def _signatures(attachments: Attachments, digest: str, key: PublicKey) -> Iterator[_Candidate]:
    def prove_layer(layer: Descriptor) -> str:
        payload = attachments.blob(layer, _cosign.LARGEST_PAYLOAD)
        signature = (layer.annotations or {}).get(_cosign.SIGNATURE, "")
        _cosign.verify_simple_signing(payload, signature, digest, key)
        return "made with the required key"

    def prove_bundle(layer: Descriptor) -> str:
        _cosign.verify_bundle(attachments.blob(layer, LARGEST), digest, key)
        return "made with the required key (bundle)"

    tagged = attachments.tagged(digest, ".sig")
    classic = [tagged] if tagged else []
    for attached in (*classic, *attachments.referrers(digest, {_cosign.SIGNATURE_ARTIFACT})):
        for layer in attached.layers:
            if layer.media_type == _cosign.SIMPLE_SIGNING:
                yield _Candidate(_short_digest(layer.digest), partial(prove_layer, layer))
    for attached in attachments.referrers(digest, BUNDLES):
        for layer in attached.layers:
            if _may_attest(attached, layer, (_cosign.SIGNS,)):
                yield _Candidate(_short_digest(layer.digest), partial(prove_bundle, layer))


# ---- documents


def _sboms(attachments: Attachments, image: CheckedImage, digest: str) -> Iterator[_Candidate]:
    def prove(layer: Descriptor) -> str:
        name = _documents.sbom_name(attachments.blob(layer, _documents.LARGEST_SBOM))
        return f"{name} ({layer.digest[:19]})"

    def prove_attested(layer: Descriptor) -> str:
        attestation = read_attestation(attachments.blob(layer, LARGEST))
        return f"{_documents.attested_sbom_name(attestation, digest)} ({layer.digest[:19]})"

    tagged = attachments.tagged(digest, ".sbom")
    for attached in (*([tagged] if tagged else []), *attachments.referrers(digest, _documents.SBOM_TYPES)):
        for layer in attached.layers:
            yield _Candidate(_short_digest(layer.digest), partial(prove, layer))
    for layer in _attested(attachments, image, digest, _documents.SBOM_PREDICATES):
        yield _Candidate(_short_digest(layer.digest), partial(prove_attested, layer))


def _provenance(
    attachments: Attachments, image: CheckedImage, trust: ProvenanceTrust, digest: str
) -> Iterator[_Candidate]:
    def prove(layer: Descriptor) -> str:
        attestation = read_attestation(attachments.blob(layer, LARGEST))
        builder = _documents.builder_of(attestation, digest, trust.builders, trust.key)
        return f"{builder} ({'signed with the required key' if trust.key else 'no signature asked for'})"

    for layer in _attested(attachments, image, digest, _documents.PROVENANCES):
        yield _Candidate(_short_digest(layer.digest), partial(prove, layer))


def _attested(
    attachments: Attachments, image: CheckedImage, digest: str, predicates: Sequence[str]
) -> Iterator[Descriptor]:
    """The attestations with one of these predicates, from every place where tools store them."""
    tagged = attachments.tagged(digest, ".att")
    built = (
        attachments.attestation_manifest(manifest_digest) for manifest_digest in image.attestations.get(digest, ())
    )
    referring = attachments.referrers(digest, {*BUNDLES, DSSE, IN_TOTO})
    for attached in (*([tagged] if tagged else []), *built, *referring):
        for layer in attached.layers:
            if _may_attest(attached, layer, predicates):
                yield layer


def _may_attest(attached: AttachedManifest, layer: Descriptor, predicates: Sequence[str]) -> bool:
    """Whether the annotations allow one of the predicates, so that others need not be read; only the content is a
    proof."""
    annotations = {**attached.annotations, **(layer.annotations or {})}
    claimed = [annotations[name] for name in _PREDICATE_ANNOTATIONS if name in annotations]
    return not claimed or any(claim.startswith(tuple(predicates)) for claim in claimed)

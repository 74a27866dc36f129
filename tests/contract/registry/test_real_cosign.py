"""The real cosign: Slipway verifies what it signs and attests, and it verifies what Slipway copies.

`make cosign` builds the tool (it needs Go); without it these tests are skipped.
"""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from slipway.domain.rules import Fail
from slipway.effects.registry import CopySource, CopyTarget, copy_artifact
from slipway.effects.supply_chain import ProvenanceTrust, RequiredChecks, check_required
from slipway.testing.artifacts import ArtifactDouble, image, index, push_artifact
from tests.contract.registry.cosign import COSIGN, MISSING, Cosign, image_reference
from tests.contract.registry.places import DOCKER_REGISTRY, Place, docker_registry
from tests.unit.effects.supply_chain.signing import BUILDER, SPDX_DOCUMENT

PROVENANCE = {"builder": {"id": BUILDER}, "buildType": "https://contoso.com/build", "invocation": {}, "materials": []}
LAYOUTS = {
    "tags": ["--new-bundle-format=false"],
    "referrers": ["--new-bundle-format=false", "--registry-referrers-mode=oci-1-1"],
    "bundle": ["--new-bundle-format=true"],
}
"""Where cosign may keep a signature: under its tag (cosign 2), as a referrer, in a bundle (what cosign 3 writes)."""
HOW_TO_VERIFY = {
    "tags": [],
    "referrers": ["--experimental-oci11"],
    "bundle": ["--new-bundle-format=true", "--trusted-root=roots.json"],
}

pytestmark = [
    pytest.mark.skipif(COSIGN is None, reason=MISSING),
    pytest.mark.skipif(DOCKER_REGISTRY is None, reason="docker-registry is not installed"),
]


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with docker_registry(tmp_path_factory.mktemp("registry")) as place:
        yield place


@pytest.fixture(scope="module")
def cosign(tmp_path_factory: pytest.TempPathFactory) -> Cosign:
    return Cosign(tmp_path_factory.mktemp("cosign"))


def two_platforms() -> ArtifactDouble:
    return index(image(b"for amd64"), image(b"for arm64"))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_slipway_verifies_an_image_that_cosign_signed_and_cosign_verifies_its_copy(
    layout: str, cosign: Cosign, registry: Place, repository: str
) -> None:
    shop, client = two_platforms(), registry.client()
    push_artifact(client, repository, shop, "1.0.0")
    cosign.sign(image_reference(registry, repository, shop.digest), *LAYOUTS[layout])

    (check,) = check_required(client, repository, shop.digest, RequiredChecks(cosign=cosign.key()), datetime.now(UTC))
    assert check.passed, check.reason

    elsewhere = f"{repository}-copied"
    copy_artifact(
        CopySource(registry=client, repository=repository, digest=shop.digest, tag="1.0.0"),
        CopyTarget(registry=client, repository=elsewhere, digest=shop.digest, tag="1.0.0"),
    )
    assert shop.digest in cosign.verify(image_reference(registry, elsewhere, shop.digest), *HOW_TO_VERIFY[layout])


def test_a_signature_of_another_key_does_not_hold(cosign: Cosign, registry: Place, repository: str) -> None:
    shop, client = two_platforms(), registry.client()
    push_artifact(client, repository, shop, "1.0.0")
    cosign.sign(image_reference(registry, repository, shop.digest), *LAYOUTS["tags"])
    stranger = ec.generate_private_key(ec.SECP256R1()).public_key()
    (check,) = check_required(client, repository, shop.digest, RequiredChecks(cosign=stranger), datetime.now(UTC))
    assert isinstance(check, Fail)


def test_the_sbom_and_the_provenance_that_cosign_attests_hold_before_and_after_the_copy(
    cosign: Cosign, registry: Place, repository: str
) -> None:
    shop, client = two_platforms(), registry.client()
    push_artifact(client, repository, shop, "1.0.0")
    cosign.attest(image_reference(registry, repository, shop.digest), "spdxjson", SPDX_DOCUMENT)
    cosign.attest(image_reference(registry, repository, shop.digest), "slsaprovenance", PROVENANCE)
    required = RequiredChecks(sbom=True, provenance=ProvenanceTrust(builders=(BUILDER,), key=cosign.key()))
    checks = check_required(client, repository, shop.digest, required, datetime.now(UTC))
    assert [check.reason for check in checks if not check.passed] == []

    elsewhere = f"{repository}-copied"
    copy_artifact(
        CopySource(registry=client, repository=repository, digest=shop.digest, tag="1.0.0"),
        CopyTarget(registry=client, repository=elsewhere, digest=shop.digest, tag="1.0.0"),
    )
    assert check_required(client, elsewhere, shop.digest, required, datetime.now(UTC)) == checks

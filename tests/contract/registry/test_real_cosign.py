"""With the real cosign: what it signs and attests, Slipway verifies; what Slipway promotes, it verifies.

`make cosign` builds the tool (it needs Go); without it these tests are skipped, and say so.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from slipway.domain.rules import Fail
from slipway.effects.registry import PromotionSource, PromotionTarget, promote
from slipway.effects.supply_chain import ProvenanceTrust, RequiredChecks, check
from slipway.testing.artifacts import Built, image, index, push
from tests.contract.registry.places import DOCKER_REGISTRY, Place, docker_registry
from tests.unit.effects.supply_chain.signing import BUILDER, SPDX_DOCUMENT

BUILT_HERE = Path(__file__).parents[3] / ".local" / "tools" / "cosign"
COSIGN = shutil.which("cosign") or (str(BUILT_HERE) if BUILT_HERE.exists() else None)
PASSWORD = "tests only"
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
NO_ROOTS = {"mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1"}
"""Nobody but the key is trusted; without this file cosign would look for the public instance's."""

pytestmark = [
    pytest.mark.skipif(COSIGN is None, reason="cosign is not installed (`make cosign` builds it, with Go)"),
    pytest.mark.skipif(DOCKER_REGISTRY is None, reason="docker-registry is not installed"),
]


class Cosign:
    """The tool with a key pair of its own, on one registry."""

    def __init__(self, folder: Path, place: Place) -> None:
        self._folder, self._place = folder, place
        (folder / "roots.json").write_text(json.dumps(NO_ROOTS), encoding="utf-8")
        self.run("generate-key-pair")

    def key(self) -> ec.EllipticCurvePublicKey:
        key = load_pem_public_key((self._folder / "cosign.pub").read_bytes())
        assert isinstance(key, ec.EllipticCurvePublicKey)
        return key

    def image(self, repository: str, built: Built) -> str:
        return f"{self._place.login_server}/{repository}@{built.digest}"

    def sign(self, image: str, *options: str) -> None:
        self.run("sign", *_offline("cosign.key"), *options, image)

    def attest(self, image: str, kind: str, predicate: object) -> None:
        (self._folder / "predicate.json").write_text(json.dumps(predicate), encoding="utf-8")
        self.run("attest", *_offline("cosign.key"), "--type", kind, "--predicate", "predicate.json", image)

    def verify(self, image: str, *options: str) -> str:
        """What it found, in its own words. Fails where it does not hold."""
        command = ["--key", "cosign.pub", "--insecure-ignore-tlog=true", "--allow-http-registry"]
        return self.run("verify", *command, *options, image)

    def run(self, *arguments: str) -> str:
        assert COSIGN
        environment = {"PATH": os.environ["PATH"], "HOME": str(self._folder), "COSIGN_PASSWORD": PASSWORD}
        environment["COSIGN_EXPERIMENTAL"] = "1"  # it asks for this before it writes referrers
        done = subprocess.run(
            [COSIGN, *arguments],
            cwd=self._folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


def _offline(key: str) -> list[str]:
    """No transparency log: there is none to reach here, and a key alone says who signed."""
    return ["--key", key, "--tlog-upload=false", "--allow-http-registry", "--yes"]


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with docker_registry(tmp_path_factory.mktemp("registry")) as place:
        yield place


@pytest.fixture(scope="module")
def cosign(tmp_path_factory: pytest.TempPathFactory, registry: Place) -> Cosign:
    return Cosign(tmp_path_factory.mktemp("cosign"), registry)


def two_platforms() -> Built:
    return index(image(b"for amd64"), image(b"for arm64"))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_cosign_signs_holds_here_and_what_is_promoted_holds_for_cosign(
    layout: str, cosign: Cosign, registry: Place, repository: str
) -> None:
    shop, client = two_platforms(), registry.client()
    push(client, repository, shop, "1.0.0")
    cosign.sign(cosign.image(repository, shop), *LAYOUTS[layout])

    (found,) = check(client, repository, shop.digest, RequiredChecks(cosign=cosign.key()), datetime.now(UTC))
    assert found.passed, found.reason

    elsewhere = f"{repository}-promoted"
    promote(
        PromotionSource(registry=client, repository=repository, digest=shop.digest, tag="1.0.0"),
        PromotionTarget(registry=client, repository=elsewhere, digest=shop.digest, tag="1.0.0"),
    )
    assert shop.digest in cosign.verify(cosign.image(elsewhere, shop), *HOW_TO_VERIFY[layout])


def test_a_signature_of_another_key_does_not_hold(cosign: Cosign, registry: Place, repository: str) -> None:
    shop, client = two_platforms(), registry.client()
    push(client, repository, shop, "1.0.0")
    cosign.sign(cosign.image(repository, shop), *LAYOUTS["tags"])
    stranger = ec.generate_private_key(ec.SECP256R1()).public_key()
    (found,) = check(client, repository, shop.digest, RequiredChecks(cosign=stranger), datetime.now(UTC))
    assert isinstance(found, Fail)


def test_the_sbom_and_the_provenance_that_cosign_attests_hold_before_and_after_promotion(
    cosign: Cosign, registry: Place, repository: str
) -> None:
    shop, client = two_platforms(), registry.client()
    push(client, repository, shop, "1.0.0")
    cosign.attest(cosign.image(repository, shop), "spdxjson", SPDX_DOCUMENT)
    cosign.attest(cosign.image(repository, shop), "slsaprovenance", PROVENANCE)
    wanted = RequiredChecks(sbom=True, provenance=ProvenanceTrust(builders=(BUILDER,), key=cosign.key()))
    found = check(client, repository, shop.digest, wanted, datetime.now(UTC))
    assert [each.reason for each in found if not each.passed] == []

    elsewhere = f"{repository}-promoted"
    promote(
        PromotionSource(registry=client, repository=repository, digest=shop.digest, tag="1.0.0"),
        PromotionTarget(registry=client, repository=elsewhere, digest=shop.digest, tag="1.0.0"),
    )
    assert check(client, elsewhere, shop.digest, wanted, datetime.now(UTC)) == found

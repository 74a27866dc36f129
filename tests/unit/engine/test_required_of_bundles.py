"""What a project requires of bundles and their images: signatures, an SBOM, and rules for single repositories."""

from datetime import timedelta
from pathlib import Path

import pytest

from slipway.bundle.model import MANIFEST_TYPE
from slipway.domain.release import Phase
from slipway.testing import Installation, write_application
from slipway.testing.artifacts import ArtifactDouble, image
from tests.unit.effects.supply_chain.attaching import classic, sbom, simple_layer
from tests.unit.effects.supply_chain.authority import Key, pem
from tests.unit.engine.bundle_ci import APPLICATION, PEOPLE, REQUIRE, Ci, with_two_images


@pytest.fixture
def strict(tmp_path: Path, request: pytest.FixtureRequest) -> Ci:
    """Production requires a signature and an SBOM."""
    home = write_application(tmp_path / "deliveries", text=APPLICATION + getattr(request, "param", REQUIRE))
    (home / "keys").mkdir()
    (home / "keys" / "cosign.pub").write_bytes(pem(PEOPLE.cosign))
    (home / "keys" / "proxy.pub").write_bytes(pem(PEOPLE.builder))
    team = Ci(Installation(tmp_path / "deliveries"), tmp_path / "source")
    team.image("1.4.0")
    return team


def sign(ci: Ci, repository: str, built: ArtifactDouble, key: Key = PEOPLE.cosign) -> None:
    signature = classic(simple_layer(built, key))
    ci.installation.nonprod.held.seed(repository, signature, built.digest.replace(":", "-") + ".sig")


@pytest.mark.parametrize(
    ("signed", "reason"),
    [
        ((), "signed-by-cosign: the bundle: "),
        (("bundle",), "signed-by-cosign: image shop: "),
        (("bundle", "image"), "has-sbom: image shop: "),
        (("bundle", "image", "sbom"), ""),
    ],
)
def test_required_checks_apply_to_the_bundle_and_to_each_image(
    strict: Ci, signed: tuple[str, ...], reason: str
) -> None:
    shop, bundle = image(b"shop 1.4.0"), strict.bundle("1.4.0")
    if "bundle" in signed:
        sign(strict, "team/shop-bundle", ArtifactDouble(raw=bundle.manifest, media_type=MANIFEST_TYPE))
    if "image" in signed:
        sign(strict, "team/shop", shop)
    if "sbom" in signed:
        strict.installation.nonprod.held.seed("team/shop", sbom(shop))
    strict.push(bundle, "1.4.0")
    strict.installation.wait(timedelta(minutes=2))
    strict.installation.settle()
    release = strict.installation.release(1)
    assert (release.phase is Phase.AWAITING_APPROVAL) is (not reason)
    assert reason in release.reason


OWN_RULES = REQUIRE.replace("within: 1m", "within: 1m, each: [{{ of: team/pro*, cosign: {{ key: keys/proxy.pub }} }}]")


@pytest.mark.parametrize("strict", [OWN_RULES], indirect=True)
@pytest.mark.parametrize(
    ("key", "reason"),
    [
        (PEOPLE.builder, ""),
        (PEOPLE.cosign, "signed-by-cosign: image proxy: "),
    ],
    ids=["its own key", "the key of the others"],
)
def test_an_image_of_a_repository_with_rules_of_its_own_is_held_to_those(strict: Ci, key: Key, reason: str) -> None:
    bundle, _ = with_two_images(strict)
    sign(strict, "team/shop-bundle", ArtifactDouble(raw=bundle.manifest, media_type=MANIFEST_TYPE))
    sign(strict, "team/shop", image(b"shop 1.4.0"))
    strict.installation.nonprod.held.seed("team/shop", sbom(image(b"shop 1.4.0")))
    sign(strict, "team/proxy", image(b"proxy 2.0"), key)
    strict.push(bundle, "1.4.0")
    strict.installation.wait(timedelta(minutes=2))
    strict.installation.settle()
    release = strict.installation.release(1)
    assert (release.phase is Phase.AWAITING_APPROVAL) is (not reason), release.reason
    assert reason in release.reason


BASES_ONLY = "    require: {{ within: 1m, each: [{{ of: team/base, sbom: true }}] }}\n"


@pytest.mark.parametrize("strict", [BASES_ONLY], indirect=True)
def test_a_rule_for_images_that_a_bundle_lacks_keeps_nothing_back(strict: Ci) -> None:
    strict.push(strict.bundle("1.4.0"), "1.4.0")
    release = strict.installation.release(1)
    assert release.phase is Phase.AWAITING_APPROVAL, release.reason
    (rule,) = strict.installation.app.reader.plan(release.plan_hash or "").supply_chain
    assert (rule.name, rule.reason) == (
        "has-sbom",
        "it is required of images from repositories other than this bundle's",
    )

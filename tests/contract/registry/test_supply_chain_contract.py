"""The supply-chain rules on real registries: an image with everything that is required, before and after its copy."""

from slipway.domain.rules import NotYet
from slipway.effects.registry import CopySource, CopyTarget, copy_artifact
from slipway.effects.supply_chain import check_required
from slipway.testing.artifacts import push_artifact, refer
from tests.contract.registry.places import Place
from tests.unit.effects.supply_chain.attaching import (
    People,
    built_with_buildx,
    classic,
    in_bundle,
    notation,
    signed_in_bundle,
    simple_layer,
)
from tests.unit.effects.supply_chain.authority import NOW
from tests.unit.effects.supply_chain.signing import provenance


def test_an_image_with_both_signatures_an_sbom_and_provenance_passes_before_and_after_its_copy(
    place: Place, repository: str
) -> None:
    people, shop, client = People(), built_with_buildx(), place.client()
    push_artifact(client, repository, shop, "1.0.0")
    bare = check_required(client, repository, shop.digest, people.all_checks(), NOW)
    assert {check.name: isinstance(check, NotYet) for check in bare} == {
        "signed-by-notation": True,
        "signed-by-cosign": True,
        "has-sbom": False,
        "built-by": False,
    }

    signature = classic(simple_layer(shop, people.cosign))
    push_artifact(client, repository, signature, shop.digest.replace(":", "-") + ".sig")
    refer(
        client,
        repository,
        shop,
        notation(shop, people.notation, as_cose=True),
        notation(shop, people.notation),
        signed_in_bundle(shop, people.cosign),
        in_bundle(shop, people.builder, provenance(digest=shop.digest)),
    )
    checks = check_required(client, repository, shop.digest, people.all_checks(), NOW)
    assert [check.reason for check in checks if not check.passed] == []

    elsewhere = f"{repository}-copied"
    copy_artifact(
        CopySource(registry=client, repository=repository, digest=shop.digest, tag="1.0.0"),
        CopyTarget(registry=client, repository=elsewhere, digest=shop.digest, tag="1.0.0"),
    )
    assert check_required(client, elsewhere, shop.digest, people.all_checks(), NOW) == checks

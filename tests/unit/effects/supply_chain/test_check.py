"""The four rules together: which attachments may still come, and how registries are read."""

from dataclasses import replace

from slipway.domain.rules import NotYet
from slipway.effects.supply_chain import RequiredChecks, check_required
from slipway.testing.artifacts import index
from tests.unit.effects.registry.pairs import make_pair
from tests.unit.effects.supply_chain.attaching import (
    People,
    attested,
    classic,
    in_bundle,
    notation,
    sbom,
    signed_in_bundle,
    simple_layer,
)
from tests.unit.effects.supply_chain.authority import NOW
from tests.unit.effects.supply_chain.place import REPOSITORY, SHOP, Place
from tests.unit.effects.supply_chain.signing import (
    OTHER,
    dsse,
    provenance,
)


def test_a_bare_image_passes_none_of_the_four_rules_and_may_still_pass_them_later(place: Place) -> None:
    results = check_required(place.client, REPOSITORY, SHOP.digest, place.people.all_checks(), NOW)
    names = ["signed-by-notation", "signed-by-cosign", "has-sbom", "built-by"]
    assert [result.name for result in results] == names
    assert not any(result.passed for result in results)
    assert all(isinstance(result, NotYet) for result in results)
    assert results[0].reason == f"expected a Notation signature of {SHOP.digest[:19]}, there is none"


def test_where_nothing_is_required_nothing_is_checked(place: Place) -> None:
    assert check_required(place.client, REPOSITORY, SHOP.digest, RequiredChecks(), NOW) == ()


def test_an_image_with_all_four_attachments_passes_all_four_rules(place: Place) -> None:
    people = place.people
    place.push(notation(SHOP, people.notation, as_cose=True))
    place.tag(".sig", classic(simple_layer(SHOP, people.cosign)))
    place.push(sbom(SHOP))
    place.push(in_bundle(SHOP, people.builder, provenance(digest=SHOP.digest)))
    results = check_required(place.client, REPOSITORY, SHOP.digest, people.all_checks(), NOW)
    assert [result.passed for result in results] == [True] * 4


def test_registries_without_the_referrers_api_are_read_by_its_tag(people: People) -> None:
    pair = make_pair(source_api=False)
    place = Place(registry=pair.source, client=pair.from_source, people=people)
    place.push(SHOP, "1")
    signature, signed = notation(SHOP, people.notation), signed_in_bundle(SHOP, people.cosign)
    place.tag("", index(signature, signed))
    assert place.look("notation").passed
    assert place.look("cosign").passed


def test_a_statement_with_many_subjects_counts_for_each(place: Place) -> None:
    content = provenance(digest=OTHER)
    content["subject"] += provenance(digest=SHOP.digest)["subject"]
    place.tag(".att", attested(dsse(place.people.builder, content)))
    assert place.look("provenance").passed


def test_a_bundle_is_found_though_cosign_lists_it_under_another_type(place: Place) -> None:
    bundle = signed_in_bundle(SHOP, place.people.cosign)
    place.push(bundle)
    place.registry.referrers_api = False
    place.tag("", index(replace(bundle, artifact_type="application/vnd.oci.empty.v1+json")))
    result = place.look("cosign")
    assert result.passed, result.reason

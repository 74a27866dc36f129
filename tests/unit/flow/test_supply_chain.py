"""What production requires of an image, through the real flow: waited for, refused, shown, and voted on."""

from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from slipway.domain.plan import Plan
from slipway.domain.release import Phase
from slipway.domain.steps import StepKind
from slipway.pages.approving import Desk, show
from tests.unit.effects.registry.artifacts import Built, image
from tests.unit.effects.supply_chain.attaching import People, classic, in_bundle, notation, sbom, simple_layer
from tests.unit.effects.supply_chain.authority import ec_key, pem
from tests.unit.effects.supply_chain.signing import BUILDER, provenance
from tests.unit.flow.deliveries import ADA, DELIVERY, write_delivery
from tests.unit.flow.house import BASE, KEYS, House

REQUIRE = f"""\
    require:
      notation: {{{{ roots: [keys/ca.pem], identities: ["C=US, ST=WA, O=contoso.com, CN=release"] }}}}
      cosign: {{{{ key: keys/cosign.pub }}}}
      sbom: true
      provenance: {{{{ builders: ["{BUILDER}"], key: keys/builder.pub }}}}
      within: 1m
"""
PEOPLE = People()


@pytest.fixture
def deliveries(tmp_path: Path) -> Path:
    """An application whose production requires all four."""
    folder = tmp_path / "deliveries"
    home = write_delivery(folder, text=DELIVERY + REQUIRE)
    (home / "keys").mkdir()
    (home / "keys" / "ca.pem").write_bytes(PEOPLE.notation.root.certificate.public_bytes(Encoding.PEM))
    (home / "keys" / "cosign.pub").write_bytes(pem(PEOPLE.cosign))
    (home / "keys" / "builder.pub").write_bytes(pem(PEOPLE.builder))
    return folder


def shop(tag: str) -> Built:
    """The image that `House.build` pushes."""
    return image(f"layer of shop {tag}".encode())


def attach(house: House, built: Built, *, cosign: bool = True) -> None:
    held = house.nonprod.held
    held.seed("team/shop", notation(built, PEOPLE.notation))
    held.seed("team/shop", sbom(built))
    held.seed("team/shop", in_bundle(built, PEOPLE.builder, provenance(digest=built.digest)))
    if cosign:
        signature = classic(simple_layer(built, PEOPLE.cosign))
        held.seed("team/shop", signature, built.digest.replace(":", "-") + ".sig")


def plan_of(house: House, number: int = 1) -> Plan:
    plan_hash = house.release(number).plan_hash
    assert plan_hash is not None
    return house.reader.plan(plan_hash)


def test_an_image_with_all_that_is_required_goes_the_whole_way(house: House) -> None:
    house.push("1.0")
    attach(house, shop("1.0"))
    house.settle()
    assert house.phase(1) is Phase.AWAITING_APPROVAL
    assert [rule.name for rule in plan_of(house).supply_chain if rule.passed] == [
        "signed-by-notation",
        "signed-by-cosign",
        "has-sbom",
        "built-by",
    ]
    house.intake.take(house.vote(1, ADA))
    house.settle()
    assert house.phase(1) is Phase.COMPLETED


def test_the_approval_page_shows_what_was_found(house: House) -> None:
    house.push("1.0")
    attach(house, shop("1.0"))
    house.settle()
    token = house.places.links.approval(house.release(1), ADA, now=house.time()).rpartition("/")[2]
    desk = Desk(keys=KEYS, reader=house.reader, intake=house.intake, clock=house.time, public_url=BASE)
    page = show(desk, token).body.decode()
    for said in ("signed-by-notation", "CN=release,O=contoso.com,ST=WA,C=US", "has-sbom", BUILDER):
        assert said in page


def test_staging_requires_nothing_and_gets_the_image_at_once(house: House) -> None:
    house.push("1.0")
    house.settle_at(StepKind.PLAN, "production")
    assert house.staging.digest("shop") == house.release(1).digest


def test_what_is_missing_is_waited_for(house: House) -> None:
    house.push("1.0")
    step = house.settle_at(StepKind.PLAN, "production")
    asked = house.time.now
    house.performer.perform(step)
    assert house.phase(1) is Phase.PLANNING
    attach(house, shop("1.0"))
    house.settle()
    assert house.phase(1) is Phase.AWAITING_APPROVAL
    assert house.time.now - asked < timedelta(seconds=30)
    assert house.actions().count("plan.requested") == 2  # one for each environment: looking again is no new plan


def test_what_does_not_come_in_time_is_refused_and_the_audit_names_each_rule(house: House) -> None:
    house.push("1.0")
    house.settle_at(StepKind.PLAN, "production")
    asked = house.time.now
    house.push("1.1")
    house.settle()
    assert house.phase(2) is Phase.FAILED
    assert house.time.now - asked >= timedelta(minutes=1)
    refused = next(record for record in house.audit() if record.action == "plan.refused")
    assert refused.details["rules"] == ["signed-by-notation", "signed-by-cosign", "has-sbom", "built-by"]
    assert house.release(2).reason.startswith("signed-by-notation: expected a Notation signature of sha256:")
    assert house.production.digest("shop") is None
    assert house.prod.held.tags == {}


def test_a_signature_that_does_not_hold_is_refused_at_once(house: House) -> None:
    house.push("1.0")
    built = shop("1.0")
    attach(house, built, cosign=False)
    wrong = classic(simple_layer(built, ec_key()))
    house.nonprod.held.seed("team/shop", wrong, built.digest.replace(":", "-") + ".sig")
    step = house.settle_at(StepKind.PLAN, "production")
    house.performer.perform(step)
    assert house.phase(1) is Phase.FAILED
    assert "not signed with the required key" in house.release(1).reason
    assert house.reader.verify("shop").intact


def test_explain_names_the_rule_that_does_not_hold(house: House) -> None:
    house.push("1.0")
    built = shop("1.0")
    attach(house, built, cosign=False)
    house.settle()
    explanation = house.reader.explain(house.release(1))
    rules = {each.environment: each.rules for each in explanation.rules}["production"]
    assert {rule.name: rule.passed for rule in rules if rule.name.startswith(("signed", "has", "built"))} == {
        "signed-by-notation": True,
        "signed-by-cosign": False,
        "has-sbom": True,
        "built-by": True,
    }


def test_the_plan_of_a_refused_release_can_still_be_read(house: House) -> None:
    house.push("1.0")
    house.settle()
    assert house.phase(1) is Phase.FAILED
    assert [rule.passed for rule in plan_of(house).supply_chain] == [False] * 4


def test_a_key_that_cannot_be_read_any_more_fails_the_plan_and_says_which(house: House, deliveries: Path) -> None:
    house.push("1.0")
    step = house.settle_at(StepKind.PLAN, "production")
    (deliveries / "shop" / "keys" / "cosign.pub").write_bytes(b"")
    house.performer.perform(step)
    assert house.phase(1) is Phase.FAILED
    assert "require.cosign.key: expected a public key" in house.release(1).reason

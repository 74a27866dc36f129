"""What production requires of an image, through the real flow: it is waited for, refused, shown and voted on."""

from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from functions.pages import services_of
from slipway.domain.plan import Plan
from slipway.domain.release import Phase
from slipway.domain.steps import StepKind
from slipway.domain.tokens import Purpose
from slipway.testing import ADA, APPLICATION, Installation, write_application
from slipway.testing.artifacts import ArtifactDouble, image
from slipway.web.approving import show_linked_gate
from tests.unit.effects.supply_chain.attaching import People, classic, in_bundle, notation, sbom, simple_layer
from tests.unit.effects.supply_chain.authority import ec_key, pem
from tests.unit.effects.supply_chain.signing import BUILDER, provenance

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
    """An application whose production environment makes all four requirements."""
    folder = tmp_path / "deliveries"
    home = write_application(folder, text=APPLICATION + REQUIRE)
    (home / "keys").mkdir()
    (home / "keys" / "ca.pem").write_bytes(PEOPLE.notation.root.certificate.public_bytes(Encoding.PEM))
    (home / "keys" / "cosign.pub").write_bytes(pem(PEOPLE.cosign))
    (home / "keys" / "builder.pub").write_bytes(pem(PEOPLE.builder))
    return folder


def shop(tag: str) -> ArtifactDouble:
    """The image that `Installation.build` pushes."""
    return image(f"layer of shop {tag}".encode())


def attach(installation: Installation, built: ArtifactDouble, *, cosign: bool = True) -> None:
    registry = installation.nonprod.held
    registry.seed("team/shop", notation(built, PEOPLE.notation))
    registry.seed("team/shop", sbom(built))
    registry.seed("team/shop", in_bundle(built, PEOPLE.builder, provenance(digest=built.digest)))
    if cosign:
        signature = classic(simple_layer(built, PEOPLE.cosign))
        registry.seed("team/shop", signature, built.digest.replace(":", "-") + ".sig")


def plan_of(installation: Installation, number: int = 1) -> Plan:
    plan_hash = installation.release(number).plan_hash
    assert plan_hash is not None
    return installation.app.reader.plan(plan_hash)


def test_an_image_with_all_that_is_required_goes_the_whole_way(installation: Installation) -> None:
    installation.push("1.0")
    attach(installation, shop("1.0"))
    installation.settle()
    assert installation.phase(1) is Phase.AWAITING_APPROVAL
    assert [rule.name for rule in plan_of(installation).supply_chain if rule.passed] == [
        "signed-by-notation",
        "signed-by-cosign",
        "has-sbom",
        "built-by",
    ]
    installation.vote(1, ADA)
    installation.settle()
    assert installation.phase(1) is Phase.COMPLETED


def test_the_approval_page_shows_what_was_found(installation: Installation) -> None:
    installation.push("1.0")
    attach(installation, shop("1.0"))
    installation.settle()
    links, subject = installation.app.clients.links, installation.release(1)
    token = links.approval(subject, ADA, purpose=Purpose.VOTE, now=installation.now).rpartition("/")[2]
    page = show_linked_gate(services_of(installation.app), token).body.decode()
    for text in ("signed-by-notation", "CN=release,O=contoso.com,ST=WA,C=US", "has-sbom", BUILDER):
        assert text in page


def test_staging_requires_nothing_and_gets_the_image_at_once(installation: Installation) -> None:
    installation.push("1.0")
    installation.settle_at(StepKind.PLAN, "production")
    assert installation.staging.digest("shop") == installation.release(1).digest


def test_missing_attachments_are_waited_for(installation: Installation) -> None:
    installation.push("1.0")
    step = installation.settle_at(StepKind.PLAN, "production")
    started_at = installation.now
    installation.run_step(step)
    assert installation.phase(1) is Phase.PLANNING
    attach(installation, shop("1.0"))
    installation.settle()
    assert installation.phase(1) is Phase.AWAITING_APPROVAL
    assert installation.now - started_at < timedelta(seconds=30)
    assert (
        installation.actions().count("plan.requested") == 2
    )  # one for each environment: another poll is not a new plan


def test_attachments_that_do_not_come_in_time_fail_the_release_and_the_audit_names_each_rule(
    installation: Installation,
) -> None:
    installation.push("1.0")
    installation.settle_at(StepKind.PLAN, "production")
    started_at = installation.now
    installation.push("1.1")
    installation.settle()
    assert installation.phase(2) is Phase.FAILED
    assert installation.now - started_at >= timedelta(minutes=1)
    refusal = next(record for record in installation.trail() if record.action == "plan.refused")
    assert refusal.details["rules"] == ["signed-by-notation", "signed-by-cosign", "has-sbom", "built-by"]
    assert installation.release(2).reason.startswith("signed-by-notation: expected a Notation signature of sha256:")
    assert installation.production.digest("shop") is None
    assert installation.prod.held.tags == {}


def test_a_signature_that_does_not_hold_is_refused_at_once(installation: Installation) -> None:
    installation.push("1.0")
    built = shop("1.0")
    attach(installation, built, cosign=False)
    other_signature = classic(simple_layer(built, ec_key()))
    installation.nonprod.held.seed("team/shop", other_signature, built.digest.replace(":", "-") + ".sig")
    step = installation.settle_at(StepKind.PLAN, "production")
    installation.run_step(step)
    assert installation.phase(1) is Phase.FAILED
    assert "not signed with the required key" in installation.release(1).reason
    assert installation.verify().intact


def test_explain_names_the_rule_that_does_not_hold(installation: Installation) -> None:
    installation.push("1.0")
    built = shop("1.0")
    attach(installation, built, cosign=False)
    installation.settle()
    explanation = installation.explain(1)
    rules = {part.environment: part.rules for part in explanation.rules}["production"]
    assert {rule.name: rule.passed for rule in rules if rule.name.startswith(("signed", "has", "built"))} == {
        "signed-by-notation": True,
        "signed-by-cosign": False,
        "has-sbom": True,
        "built-by": True,
    }


def test_the_plan_of_a_refused_release_can_still_be_read(installation: Installation) -> None:
    installation.push("1.0")
    installation.settle()
    assert installation.phase(1) is Phase.FAILED
    assert [rule.passed for rule in plan_of(installation).supply_chain] == [False] * 4

"""Changes of the catalogue: checked, compared, recorded, and refused if they weaken a production gate."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from slipway.catalogue import ConfigError
from slipway.commands.submitting import ChangesReceipt, ToConfirm
from slipway.domain.audit import AuditRecord
from slipway.domain.errors import NotFound
from slipway.domain.inbox import Speaker, Via
from slipway.domain.release import Phase
from slipway.domain.versions import Subject, SubjectKind
from slipway.engine.handle import UnknownTarget
from slipway.ledger import keys
from slipway.ledger.table import Act, Write
from slipway.testing import write_application
from slipway.testing.installation import SETTINGS
from slipway.testing.sign_in import person
from tests.beginnings import applied, begun
from tests.unit.commands.live import Live

SHOP = Subject(kind=SubjectKind.APPLICATION, name="shop")
TEAM = Subject(kind=SubjectKind.PROJECT, name="team")


@pytest.fixture
def live(tmp_path: Path) -> Live:
    return begun(applied, tmp_path)


def last(live: Live, partition: str = "shop") -> AuditRecord:
    record = list(live.app.ledger.audit(partition))[-1]
    assert isinstance(record, AuditRecord)
    return record


def test_an_installation_starts_without_any_application(tmp_path: Path) -> None:
    write_application(tmp_path)
    installation = Live(tmp_path)
    assert installation.app.catalogue.entries == {}
    assert installation.reconcile().problems == ()
    assert installation.board()


def test_an_applied_application_is_delivered(live: Live) -> None:
    live.push("1.0")
    live.settle()
    assert live.phase(1) is Phase.AWAITING_APPROVAL


def test_a_version_says_who_changed_what_and_why(live: Live) -> None:
    live.edit_environment("staging", rollout_within="7m")
    live.apply(reason="the nodes are slow")
    version = next(live.app.versions.history(SHOP, limit=1))
    assert (version.number, version.by, version.reason) == (2, "olga@example.com", "the nodes are slow")
    assert version.difference == ("environments.staging.rollout_within: 5m → 7m",)
    record = last(live)
    assert (record.action, record.actor, record.sequence) == ("application.applied", "olga@example.com", version.record)
    assert record.details["to"] == version.document
    assert record.details["from"] == version.before
    assert live.verify().intact


def test_a_project_is_recorded_in_the_installations_chain(live: Live) -> None:
    assert last(live, keys.INSTALLATION).action == "project.applied"
    assert live.verify(keys.INSTALLATION).intact


def test_applying_the_same_documents_again_changes_nothing(live: Live) -> None:
    before, marker = live.actions(), live.app.versions.marker()
    assert {change.outcome for change in live.apply().values()} == {"unchanged"}
    assert (live.actions(), live.app.versions.marker()) == (before, marker)


def test_comments_and_the_order_of_fields_are_not_a_change(live: Live) -> None:
    file = live.deliveries / "shop" / "application.yaml"
    document = yaml.safe_load(file.read_text())
    file.write_text("# a comment\n" + yaml.safe_dump(document, sort_keys=True))
    assert live.apply()["application:shop"].outcome == "unchanged"


def test_a_wrong_document_is_refused_by_name_and_the_others_take_effect(live: Live) -> None:
    write_application(live.deliveries, "cart")
    live.edit("cart", notify=["nobody"])
    live.edit_environment("staging", rollout_within="9m")
    answer = live.say()
    assert isinstance(answer, ChangesReceipt)
    (refused,) = answer.refused
    assert str(refused.subject) == "application:cart"
    assert (refused.problems[0].file, refused.problems[0].field) == ("cart/application.yaml", "notify[0]")
    live.hear()
    live.wait_a_moment()
    assert list(live.app.catalogue.entries) == ["shop"]
    assert live.app.versions.current(SHOP).number == 2


def test_a_later_application_cannot_claim_the_image_of_an_earlier_one(live: Live) -> None:
    write_application(live.deliveries, "cart")
    live.edit("cart", image={"registry": "nonprod", "repository": "team/shop"})
    manifest = live.deliveries / "cart" / "manifests" / "deployment.yaml"
    manifest.write_text(manifest.read_text().replace("team/cart", "team/shop"))
    job = live.deliveries / "cart" / "verify" / "acceptance.yaml"
    job.write_text(job.read_text().replace("team/cart", "team/shop"))
    assert "starts the releases of shop already" in live.apply(app="cart")["application:cart"].refused


# ---- a change while a release is on its way
def test_a_change_that_alters_the_plan_voids_earlier_votes_in_a_record_at_the_next_vote(live: Live) -> None:
    live.edit_gate(required=2)
    live.apply()
    live.push("1.0")
    live.settle()
    live.vote(1)
    live.edit_environment("production", rollout_within="8m")
    live.apply()
    live.vote(1, "ben@example.com")
    live.settle()
    assert "vote.voided" in live.actions()
    assert live.phase(1) is Phase.AWAITING_APPROVAL


def test_a_change_that_alters_no_plan_of_an_environment_leaves_its_votes(live: Live) -> None:
    live.edit_gate(required=2)
    live.apply()
    live.push("1.0")
    live.settle()
    live.vote(1)
    live.edit_environment("staging", rollout_within="8m")
    live.apply()
    live.vote(1, "ben@example.com")
    live.settle()
    assert "vote.voided" not in live.actions()


def test_a_decision_is_made_under_the_version_in_force_though_the_catalogue_was_read_before(live: Live) -> None:
    """Another instance applies a change; this one has not read the catalogue since."""
    entries = live.app.catalogue.entries
    other_instance = Live(live.deliveries, table=live.table, blobs=live.blobs, clock=live.clock)
    other_instance.edit(versions={"range": ">=2.0.0"})
    other_instance.apply()
    assert live.app.catalogue.entries is entries
    live.push("1.0")
    assert live.actions()[-1] == "image.ignored"


# ---- who may
def test_an_application_is_applied_by_its_projects_owners_and_a_project_by_the_platform_alone(live: Live) -> None:
    ada = Speaker(oid=person(1, "ada").oid, roles=("leads",), via=Via.CLI)
    live.edit_environment("staging", rollout_within="7m")
    assert "applied by role:platform" in live.apply(ada, app="shop")["application:shop"].refused
    live.edit_project(lambda value: value.update(owners={"apply": ["role:leads"]}))
    assert "only the role platform may apply projects" in live.apply(ada, app="team")["project:team"].refused
    live.apply(app="team")
    assert "applied by role:leads" in live.apply(app="shop")["application:shop"].refused
    assert live.apply(ada, app="shop")["application:shop"].number == 2


def test_a_project_that_names_no_owners_has_applications_that_nobody_changes(live: Live) -> None:
    live.edit_project(lambda value: value.pop("owners"))
    live.edit_environment("staging", rollout_within="7m")
    answer = live.say()
    assert isinstance(answer, ChangesReceipt)
    assert "nobody, as it names none in owners.apply" in answer.refused[0].refused


def test_an_application_cannot_go_to_another_project_without_the_owners_of_both(live: Live) -> None:
    other_project = live.deliveries / "other" / "project.yaml"
    other_project.parent.mkdir()
    other_project.write_text(
        (live.deliveries / "project.yaml")
        .read_text()
        .replace("project: team", "project: mine")
        .replace("role:platform", "role:mine")
        .replace("class: production", "class: test")
        .replace('namespaces: ["*"]', "namespaces: [mine]")
        .replace("clusters: [production]", "clusters: [staging]")
    )
    live.edit_project(lambda value: value["environments"]["production"].update(namespaces=["*"]))
    live.apply()
    live.edit(project="mine")
    live.edit_environment("staging", namespace="mine")
    live.edit_environment("production", namespace="mine", clusters=["staging"], verification={"http": []})
    for name in ("deployment", "service"):
        manifest = live.deliveries / "shop" / "manifests" / f"{name}.yaml"
        manifest.write_text(manifest.read_text().replace("metadata: { name: shop }", 'metadata: { name: "${NAME}" }'))
    live.edit_environment("staging", substitutions={"NAME": "shop-staging"})
    live.edit_environment("production", substitutions={"NAME": "shop"})
    mallory = Speaker(oid=person(2, "mallory").oid, roles=("mine",), via=Via.CLI)
    refused = live.apply(mallory, app="shop")["application:shop"].refused
    assert "applications of the project team are applied by role:platform" in refused


# ---- weaker gates
def weaker(live: Live, app: str = "shop") -> str:
    """What a change would weaken; it has to be confirmed and voted on for this."""
    to_confirm = live.say(app=app)
    assert isinstance(to_confirm, ToConfirm), to_confirm
    assert to_confirm.asks
    return "; ".join(line for change in to_confirm.compared for line in change.weaker)


@pytest.mark.parametrize(
    ("gate", "message"),
    [
        ({"approvers": ["ada@example.com", "ben@example.com", "eve@example.com"]}, "approvers"),
        ({"level": "link"}, ""),
        ({"deadline": "48h"}, "deadline"),
        ({"own_change": True}, "own_change"),
        ({"each": [{"of": "eve@example.com"}]}, "each"),
        ({"deadline": "12h", "required": 2, "require_known": True, "level": "queue"}, ""),
        ({"approvers": ["ada@example.com"]}, ""),
        ({"reason": {"approve": "required"}}, ""),
    ],
)
def test_a_change_that_weakens_a_production_gate_needs_its_approvers_and_any_other_does_not(
    live: Live, gate: dict[str, Any], message: str
) -> None:
    live.edit_gate(**gate)
    if not message:
        assert live.apply()["application:shop"].number == 2
        return
    assert message in weaker(live)
    assert live.app.versions.current(SHOP).number == 1


@pytest.mark.parametrize(
    "fields",
    [{"gate": {"kind": "auto"}}, {"verification": {"http": []}}, {"namespace": "elsewhere"}],
    ids=["no gate", "no tests", "another place"],
)
def test_an_environment_that_stops_guarding_its_place_counts_as_weakened(live: Live, fields: dict[str, Any]) -> None:
    if "gate" in fields:
        live.edit_project(
            lambda value: value["environments"]["production"].update({"class": "test", "least_gate": None})
        )
        assert "would no longer be of class production" in weaker(live, "team")
        return
    live.edit_environment("production", **fields)
    assert "production (production/shop)" in weaker(live)


def test_a_removed_application_with_a_weaker_gate_is_noticed_when_it_comes_back_under_any_name(live: Live) -> None:
    live.remove(SHOP)
    live.edit_gate(deadline="48h")
    assert "deadline" in weaker(live)
    live.edit("shop", application="store")
    assert "deadline" in weaker(live, "store")
    live.edit_gate(deadline="24h")
    assert live.apply(app="store")["application:store"].number == 1


def test_another_project_cannot_cover_places_of_class_production(live: Live) -> None:
    other_project = live.deliveries / "other" / "project.yaml"
    other_project.parent.mkdir()
    other_project.write_text((live.deliveries / "project.yaml").read_text().replace("project: team", "project: mine"))
    assert "places that the project team does not cover" in live.apply(app="mine")["project:mine"].refused


# ---- removed, and broken
def test_a_removed_application_is_no_longer_delivered_and_keeps_its_records(live: Live) -> None:
    pushed = live.pushed("1.0")
    live.remove(SHOP)
    with pytest.raises(UnknownTarget):
        live.take(pushed)
    assert last(live).action == "application.removed"
    assert [version.number for version in live.app.versions.history(SHOP, limit=9)] == [2, 1]
    with pytest.raises(NotFound):
        live.remove(SHOP, reason="again")


def test_a_project_with_applications_is_not_removed(live: Live) -> None:
    with pytest.raises(ConfigError, match="shop: remove them first"):
        live.remove(TEAM)


def test_an_application_that_the_settings_no_longer_allow_is_stalled_and_the_others_go_on(tmp_path: Path) -> None:
    for name in ("shop", "cart"):
        write_application(tmp_path, name)
    inbox = SETTINGS["channels"]["inbox"]
    live = Live(tmp_path)
    live.edit("shop", notify=["inbox", "pager"])
    live.restart(channels={"inbox": inbox, "pager": inbox})
    live.apply()
    live.restart(channels={"inbox": inbox})
    assert live.app.catalogue.entries["shop"].problems == (
        "application.yaml:1: notify[1]: expected a channel of this installation, got 'pager'; known are inbox",
    )
    for name in ("shop", "cart"):
        live.push("1.0", app=name)
    live.settle()
    assert live.phase(1) is Phase.HELD_BACK
    assert live.release(1).blocked_by == ("application-is-in-order",)
    assert live.phase(1, "cart") is Phase.AWAITING_APPROVAL


def test_a_stored_document_that_no_longer_reads_is_named_and_harms_no_other(live: Live) -> None:
    write_application(live.deliveries, "cart")
    live.apply()
    broken = live.app.versions.store(b'{"v": 1}')
    version = next(live.app.versions.history(SHOP, limit=1)).evolve(document=broken)
    live.app.versions.publish(version)
    live.wait_a_moment()
    (damaged,) = live.app.catalogue.broken
    assert damaged.name == "application:shop"
    live.push("1.0", app="cart")
    live.settle()
    assert live.phase(1, "cart") is Phase.AWAITING_APPROVAL


def test_a_list_that_lacks_a_version_is_mended_by_applying_it_again(live: Live) -> None:
    live.table.transact(keys.INSTALLATION, [Write(act=Act.DELETE, key=keys.listed(str(SHOP)))])
    live.restart()
    assert list(live.app.catalogue.entries) == []
    live.apply()
    assert list(live.app.catalogue.entries) == ["shop"]

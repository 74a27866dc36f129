"""Ways around a production gate without a vote of its people: each is noticed, and they are asked all the same."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from slipway.commands.saying import StatementReceipt
from slipway.commands.submitting import ToConfirm
from slipway.domain.inbox import Speaker, Via
from slipway.domain.versions import Subject, SubjectKind
from slipway.testing.sign_in import person
from tests.unit.commands.live import OLGA, Live
from tests.unit.commands.proposals import SHOP, guarded

LEAD = Speaker(oid=person(8, "lead").oid, roles=("leads",), via=Via.CLI)


@pytest.fixture
def live(tmp_path: Path) -> Live:
    """Two people with a role have to approve what the runs of one pipeline bring."""
    return guarded(tmp_path / "team", owned_by_leads)


def owned_by_leads(live: Live) -> None:
    live.edit_project(lambda value: value["owners"].update(apply=["role:platform", "role:leads"]))
    live.edit(
        start="both",
        pipeline={"project": "Shop", "name": "build", "branches": ["main"]},
        people={"0a000000-0000-4000-8000-00000000000a": {"mail": "ada@example.com"}},
    )


def asked_gates(live: Live, app: str = "shop", who: Speaker = OLGA) -> list[str]:
    """The gates whose approvers would be asked; none if nothing is weaker, or if the change is refused."""
    answer = live.say(who, app=app)
    return list(answer.asks) if isinstance(answer, ToConfirm) else []


def refusal(live: Live, app: str, who: Speaker) -> str:
    answer = live.say(who, app=app)
    assert isinstance(answer, tuple), answer
    return "; ".join(change.refused for change in answer)


def rename(live: Live, **fields: Any) -> None:
    """The environment goes, and comes back under another name."""

    def renamed(value: dict[str, Any]) -> None:
        value["environments"][-1].update({"name": "live", **fields})

    _edit(live, renamed)

    def also(value: dict[str, Any]) -> None:
        value["environments"]["live"] = value["environments"].pop("production")

    live.edit_project(also)


def of_pipeline(**fields: Any) -> Callable[[Live], None]:
    return lambda live: live.edit(pipeline={"project": "Shop", "name": "build", "branches": ["main"]} | fields)


def _edit(live: Live, change: Callable[[dict[str, Any]], object], name: str = "shop") -> None:
    file = live.deliveries / name / "application.yaml"
    document = yaml.safe_load(file.read_text())
    change(document)
    file.write_text(yaml.safe_dump(document, sort_keys=False))


def without_pipeline(live: Live) -> None:
    live.edit(start="push")
    _edit(live, lambda value: value.pop("pipeline"))


def nobody(live: Live) -> None:
    """A rule that nobody can satisfy, so that somebody has to find a way out."""
    live.edit_gate(approvers=["role:nobody-has-it"])


@pytest.mark.parametrize(
    "change",
    [
        without_pipeline,
        of_pipeline(branches=["*"]),
        of_pipeline(branches=["main", "feature/*"]),
        of_pipeline(name="mine"),
        of_pipeline(results=["succeeded", "partiallySucceeded"]),
        lambda live: live.edit(start="push"),
        lambda live: live.edit(people={"0a000000-0000-4000-8000-00000000000a": {"mail": "eve@example.com"}}),
        nobody,
        lambda live: live.edit_gate(each=[{"of": "role:nobody-has-it"}]),
        lambda live: live.edit_environment("production", namespace="elsewhere"),
        lambda live: live.edit_environment("production", verification={"http": [{"service": "shop", "path": "/"}]}),
    ],
    ids=[
        "no pipeline",
        "every branch",
        "one more branch",
        "another pipeline",
        "half a success",
        "a push is enough",
        "another address",
        "nobody may vote",
        "nobody can be among them",
        "another place",
        "another test",
    ],
)
def test_a_change_that_would_open_production_asks_the_approvers_of_its_gate(
    live: Live, change: Callable[[Live], None]
) -> None:
    change(live)
    assert asked_gates(live) == ["shop production: 2 approvals by somebody with the role shop-approvers"]


@pytest.mark.parametrize(
    "change",
    [
        of_pipeline(branches=["main"], results=["succeeded"], organization="contoso"),
        lambda live: live.edit_environment("production", rollout_within="9m"),
        lambda live: live.edit_gate(required=3),
    ],
    ids=["a pipeline that is named more exactly", "more time to roll out", "three people"],
)
def test_a_change_that_opens_nothing_asks_nobody(live: Live, change: Callable[[Live], None]) -> None:
    change(live)
    assert live.apply()["application:shop"].outcome == "changed"


def test_an_environment_under_another_name_is_compared_by_its_place(live: Live) -> None:
    rename(live)
    outcomes = {change.subject: change for change in live.apply().values()}
    assert outcomes["application:shop"].outcome == "changed"
    assert outcomes["project:team"].outcome == "changed"
    live.edit_environment("live", gate={"kind": "approval", "approvers": ["role:shop-approvers"], "required": 1})
    assert asked_gates(live) == ["shop live: 2 approvals by somebody with the role shop-approvers"]


def test_an_environment_that_comes_back_weaker_under_another_name_is_found(live: Live) -> None:
    rename(live, gate={"kind": "approval", "approvers": ["role:shop-approvers"], "required": 1})
    assert asked_gates(live, "") == ["shop production: 2 approvals by somebody with the role shop-approvers"]


def test_a_place_of_production_cannot_be_in_two_environments_of_its_project(live: Live) -> None:
    live.edit_project(lambda value: value["environments"].update(blue=value["environments"]["production"]))
    reason = refusal(live, "team", OLGA)
    assert "environments: blue: namespaces: expected places that production does not cover" in reason


def test_a_place_that_would_lose_class_production_asks_the_approvers_of_its_gate(live: Live) -> None:
    live.edit_project(lambda value: value["environments"]["production"].update({"class": "test"}))
    assert asked_gates(live, "team") == ["shop production: 2 approvals by somebody with the role shop-approvers"]


def add_application(live: Live, name: str, **gate: Any) -> None:
    """Another application for the same place."""
    source = live.deliveries / "shop"
    target = live.deliveries / name
    for file in source.rglob("*"):
        copy = target / file.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        if file.is_file():
            copy.write_text(file.read_text().replace("team/shop", f"team/{name}"))
    live.edit(name, application=name)
    _edit(live, lambda value: value["environments"][-1].update(gate={"kind": "approval", **gate}), name)


WEAK = {"approvers": ["role:leads"], "level": "link", "fresh": "none"}


def test_the_place_of_a_removed_application_keeps_its_gate_for_a_new_one(live: Live) -> None:
    live.remove(SHOP)
    add_application(live, "store", **WEAK)
    assert asked_gates(live, "store") == ["shop production: 2 approvals by somebody with the role shop-approvers"]


def add_with_own_objects(live: Live, name: str, **gate: Any) -> None:
    """Another application for the same place, with objects of its own."""
    add_application(live, name, **gate)
    for file in (live.deliveries / name).rglob("*.yaml"):
        file.write_text(file.read_text().replace("name: shop", f"name: {name}"))
    live.edit_environment("staging", name, namespace=name)


AS_STRICT = {"approvers": ["role:shop-approvers"], "required": 2, "level": "signed", "fresh": "5m"}


@pytest.mark.parametrize(
    "less",
    [
        WEAK,
        AS_STRICT | {"required": 1},
        AS_STRICT | {"approvers": ["role:shop-approvers", "role:leads"]},
        AS_STRICT | {"level": "queue", "fresh": "none"},
        AS_STRICT | {"own_change": True},
    ],
)
def test_the_approvers_of_a_place_are_asked_about_a_new_application_with_a_weaker_gate(
    live: Live, less: dict[str, Any]
) -> None:
    add_with_own_objects(live, "store", **less)
    assert asked_gates(live, "store", LEAD) == ["shop production: 2 approvals by somebody with the role shop-approvers"]


def test_a_new_application_with_an_equally_strict_gate_asks_nobody(live: Live) -> None:
    add_with_own_objects(live, "store", **AS_STRICT, deadline="48h")
    assert isinstance(live.say(LEAD, app="store"), StatementReceipt)


def asked_together(live: Live, **gates: dict[str, Any]) -> list[str]:
    """Applications for a place that nobody guards yet, in one request; returns who is asked."""
    for name, gate in gates.items():
        add_with_own_objects(live, name, **gate)
        live.edit_environment("production", name, namespace="new")
    answer = live.say(LEAD)
    return list(answer.asks) if isinstance(answer, ToConfirm) else []


@pytest.mark.parametrize("weak", ["aisle", "till"])
def test_applications_of_one_request_are_compared_with_each_other_in_any_order(live: Live, weak: str) -> None:
    less = AS_STRICT | {"required": 1}
    assert asked_together(live, store=AS_STRICT, **{weak: less}) == [
        "store production: 2 approvals by somebody with the role shop-approvers"
    ]
    to_confirm = live.say(LEAD)
    assert isinstance(to_confirm, ToConfirm)
    weaker = [str(change.subject) for change in to_confirm.compared if change.weaker]
    assert weaker == [f"application:{weak}"]


def test_equally_strict_applications_of_one_request_ask_nobody(live: Live) -> None:
    assert asked_together(live, store=AS_STRICT, till=AS_STRICT) == []


def test_a_new_application_is_compared_with_a_gate_that_the_same_request_makes_stricter(live: Live) -> None:
    """The request makes it three approvals for the place, so the application beside it needs three, not two."""
    live.edit_gate(required=3)
    add_with_own_objects(live, "store", **AS_STRICT)
    assert asked_gates(live, "", LEAD) == ["shop production: 3 approvals by somebody with the role shop-approvers"]


def test_an_application_that_moves_to_a_place_with_a_stricter_gate_asks_its_approvers(live: Live) -> None:
    add_with_own_objects(live, "till", **WEAK)
    live.edit_environment("production", "till", namespace="till")
    live.apply(app="till")
    live.edit_environment("production", "till", namespace="shop")
    assert "shop production: 2 approvals by somebody with the role shop-approvers" in asked_gates(live, "till", LEAD)


def test_an_application_that_takes_a_freed_place_with_a_stricter_gate_asks_its_approvers(live: Live) -> None:
    add_application(live, "till", **WEAK)
    live.edit_environment("staging", "till", namespace="till")
    live.edit_environment("production", "till", namespace="till")
    live.apply(app="till")
    live.remove(SHOP)
    live.edit_environment("production", "till", namespace="shop")
    assert "shop production: 2 approvals by somebody with the role shop-approvers" in asked_gates(live, "till")


def test_class_production_is_taken_from_the_place_of_a_removed_application_only_with_a_proof(live: Live) -> None:
    """The platform's people may take the class from a project without applications; its places were guarded though."""
    live.remove(SHOP)
    live.edit_project(lambda value: value["environments"]["production"].update({"class": "test"}))
    answer = live.say(app="team")
    assert isinstance(answer, ToConfirm)
    assert answer.asks == ()


def test_a_removed_application_is_compared_by_the_project_that_it_was_removed_under(live: Live) -> None:
    """Its gate leaves `own_change` to the least gate, which somebody loosens while no application is there."""
    live.edit_project(lambda value: value["environments"]["production"].update(least_gate={"required": 2}))
    live.edit_gate(approvers=["role:shop-approvers"])
    _leave_out(live, "required")
    live.apply()
    live.remove(SHOP)
    live.edit_project(lambda value: value["environments"]["production"].update(least_gate={"required": 1}))
    answer = live.say(app="team")
    assert isinstance(answer, ToConfirm)
    assert answer.asks == ()
    _by_proof(live, answer)
    assert asked_gates(live) == ["shop production: 2 approvals by somebody with the role shop-approvers"]


def _leave_out(live: Live, field: str) -> None:
    _edit(live, lambda value: value["environments"][-1]["gate"].pop(field, None))


def _by_proof(live: Live, to_confirm: ToConfirm) -> None:
    from tests.confirming import confirm_pending  # noqa: PLC0415

    handle = live.app.saying.keep_pending(
        to_confirm.statement, Via.CLI, content=to_confirm.content, compared=to_confirm.compared
    )
    confirm_pending(live, handle)
    live.hear()
    live.wait_a_moment()


def test_a_project_that_is_removed_and_comes_back_weaker_needs_a_proof(live: Live) -> None:
    live.edit_project(lambda value: value["environments"]["production"].update(least_gate={"required": 2}))
    live.apply()
    live.remove(SHOP)
    live.remove(Subject(kind=SubjectKind.PROJECT, name="team"))
    live.edit_project(lambda value: value["environments"]["production"].update(least_gate={"required": 1}))
    answer = live.say(app="team")
    assert isinstance(answer, ToConfirm)
    assert [line for change in answer.compared for line in change.weaker] == [
        "environments.production.least_gate: required: 1 instead of 2"
    ]


def test_a_change_of_a_stalled_application_is_compared_with_its_earlier_gate(live: Live) -> None:
    """Its project begins to demand more than it has; that does not make its gate anybody's to change."""
    live.edit_project(lambda value: value["environments"]["production"].update(least_gate={"required": 3}))
    live.apply(app="team")
    live.edit_gate(required=3, approvers=["role:leads"])
    assert asked_gates(live, who=LEAD) == ["shop production: 2 approvals by somebody with the role shop-approvers"]


def test_another_key_in_a_file_of_the_same_name_asks_the_approvers(live: Live) -> None:
    key = live.deliveries / "shop" / "keys" / "cosign.pub"
    key.parent.mkdir()
    key.write_text(_key("one"))
    live.edit_environment("production", require={"cosign": {"key": "keys/cosign.pub"}})
    live.apply()
    key.write_text(_key("two"))
    assert asked_gates(live) == ["shop production: 2 approvals by somebody with the role shop-approvers"]


def _key(name: str) -> str:
    """The public key of a pair that is derived from the name."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat  # noqa: PLC0415

    pair = Ed25519PrivateKey.from_private_bytes(name.encode().ljust(32, b"."))
    return pair.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def test_a_change_that_cannot_be_compared_needs_the_platform_where_no_gate_can_be_asked(live: Live) -> None:
    """What was removed is gone from the store, so nobody can say what its gate was."""
    before = live.app.versions.current(SHOP).document
    assert before is not None
    live.remove(SHOP)
    live.blobs.documents.pop(before)  # type: ignore[attr-defined]
    add_application(live, "store", approvers=["role:shop-approvers"], required=2)
    assert "needs the role platform" in refusal(live, "store", LEAD)
    answer = live.say(app="store")
    assert isinstance(answer, ToConfirm)
    assert "application:shop: what guarded production before cannot be compared" in answer.compared[0].weaker[0]

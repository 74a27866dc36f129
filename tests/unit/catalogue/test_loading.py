"""Reading `deliveries/`: what a person is told, and where."""

from pathlib import Path

import pytest

from slipway.catalogue import ConfigError, Known, load_deliveries, load_delivery
from slipway.domain.application import Start
from tests.unit.catalogue.samples import DELIVERY, DEPLOYMENT, WriteDelivery


def problems(folder: Path, *, known: Known | None = None) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_deliveries(folder, known=known)
    return [str(problem) for problem in caught.value.problems]


def with_environment(text: str) -> str:
    """The usual delivery with more lines in its environment, which begin on line 7."""
    return DELIVERY + "".join(f"    {line}\n" for line in text.strip("\n").splitlines())


def test_a_folder_becomes_an_application(write_delivery: WriteDelivery, deliveries: Path) -> None:
    folder = write_delivery()
    loaded = load_deliveries(deliveries)
    assert list(loaded) == ["shop"]
    assert loaded["shop"].folder == folder
    assert loaded["shop"].application.start is Start.PUSH
    assert load_delivery(folder) == load_delivery(folder / "delivery.yaml") == loaded["shop"]


def test_a_wrong_value_is_named_with_file_line_field_expectation_and_what_came(
    write_delivery: WriteDelivery, deliveries: Path
) -> None:
    write_delivery(with_environment("gate:\n  kind: approval\n  approvers: [ada@example.com]\n  deadline: soon"))
    assert problems(deliveries) == [
        "deliveries/shop/delivery.yaml:10: environments[0].gate.deadline: expected a number and a unit "
        "(s, m, h or d), such as 30s, 10m, 24h or 7d, got 'soon'"
    ]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("gaet: {}", "environments[0].gaet: unknown field; did you mean 'gate'?"),
        (
            "gate: { kind: approval, approvers: [a@b], dedline: 1h }",
            "environments[0].gate.dedline: unknown field; did you mean 'deadline'?",
        ),
        ("gate: { kind: auto, approvers: [] }", "environments[0].gate.approvers: unknown field; known are kind"),
        ("gate: {}", "environments[0].gate.kind: is missing; write auto or approval"),
        ("gate: { kind: manual }", "environments[0].gate.kind: expected 'auto' or 'approval', got 'manual'"),
        ("gate: { kind: approval }", "environments[0].gate.approvers: is missing"),
        (
            "gate: { kind: approval, approvers: [a@b, A@B] }",
            "environments[0].gate.approvers: the same person is listed twice",
        ),
        (
            "gate: { kind: approval, approvers: [a@b], requester_may_approve: yes }",
            "environments[0].gate.requester_may_approve: expected true or false, got 'yes'; write true",
        ),
        (
            "gate: { kind: approval, approvers: [ada] }",
            "environments[0].gate.approvers[0]: expected an e-mail address, oid:<object id in Entra> or group:<name>, "
            "got 'ada'",
        ),
        (
            "gate: { kind: approval, approvers: [a@b], groups: { leads: { members: ['oid:1'], required: 1 } } }",
            "environments[0].gate.groups.leads.members[0]: expected an e-mail address or oid:<object id in Entra>, "
            "got 'oid:1'",
        ),
        (
            "gate: { kind: approval, groups: { leads: { entra: leads, required: 1 } } }",
            "environments[0].gate.groups.leads.entra: expected an object id in Entra, such as "
            "01234567-89ab-cdef-0123-456789abcdef, got 'leads'",
        ),
        (
            "gate: { kind: approval, approvers: ['group:leads'] }",
            "environments[0].gate.approvers: group:leads is not among the groups; known are none",
        ),
        (
            "gate: { kind: approval, approvers: [a@b], groups: { leads: { members: [c@d], required: 2 } } }",
            "environments[0].gate.groups.leads: required: 2 approvals cannot come from 1 members",
        ),
        (
            "gate: { kind: approval, approvers: [a@b], reason: { reject: optional } }",
            "environments[0].gate.reason.reject: expected 'required', got 'optional'",
        ),
        (
            "gate: { kind: approval, approvers: [a@b], reminders: { after: 5s } }",
            "environments[0].gate.reminders.after: expected at least 1m, got 5s",
        ),
        ("registry: 5", "environments[0].registry: expected text, got 5; put it in quotes"),
        (
            "registry: Prod",
            "environments[0].registry: expected lower-case letters, digits and dashes, at most 40, "
            "with a letter first and no dash last, got 'Prod'",
        ),
        ("substitutions: { A: 2 }", "environments[0].substitutions.A: expected text, got 2; put it in quotes"),
        (
            "substitutions: { a: b }",
            "environments[0].substitutions.a: expected upper-case letters, digits and _, with a letter first, got 'a'",
        ),
        (
            "substitutions: { SLIPWAY_RELEASE: x }",
            "environments[0].substitutions.SLIPWAY_RELEASE: names that begin with SLIPWAY_ are Slipway's own",
        ),
        ("on_failure: retry", "environments[0].on_failure: expected 'roll-back' or 'stop', got 'retry'"),
        ("rollout_within: 10", "environments[0].rollout_within: expected a number and a unit"),
        (f"rollout_within: {'9' * 9}d", "environments[0].rollout_within: expected at most 36500d, got '999999999d'"),
        ("rollout_within: 1²m", "environments[0].rollout_within: expected a number and a unit"),
        ("verify: { http: [{ service: web, port: 0 }] }", "environments[0].verify.http[0].port: expected at least 1"),
        ("verify: { http: {} }", "environments[0].verify.http: expected a list, got an empty mapping"),
        ("verify: 5", "environments[0].verify: expected a mapping, got 5"),
        ("manifests: ../..", "environments[0].manifests: expected a path inside the application's folder"),
        (
            "manifests: k8s",
            "environments[0].manifests: expected a folder of manifests, got deliveries/shop/k8s: not there",
        ),
        (
            "verify: { job: verify/job.yaml }",
            "environments[0].verify.job: expected a file with a Job, got deliveries/shop/verify/job.yaml: not there",
        ),
        ("verify: { job: manifests/shop.yaml }", "environments[0].verify.job: it would be deployed with the manifests"),
    ],
)
def test_a_mistake_in_an_environment_is_told_at_its_line(
    write_delivery: WriteDelivery, deliveries: Path, lines: str, said: str
) -> None:
    write_delivery(with_environment(lines))
    (problem,) = problems(deliveries)
    assert problem.startswith(f"deliveries/shop/delivery.yaml:7: {said}")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("application: shop", "application: store", ":1: application: expected the folder's name, 'shop', got 'store'"),
        ("application: shop\n", "", ":1: application: is missing"),
        ("team/shop", "Team/Shop:1", ":2: image.repository: expected a repository in lower case without registry"),
        (
            "team/shop }",
            "team/shop, tags: {} }",
            ":2: image.tags: expected exactly one of semver, regex, glob",
        ),
        ("team/shop }", "team/shop, tags: { semver: one } }", ":2: image.tags.semver: expected terms such as >=1.0.0"),
        ("team/shop }", "team/shop, tags: { regex: '(' } }", ":2: image.tags.regex: expected a regular expression"),
        ("image:", "start: run\nimage:", ":1: pipeline: needed because start is 'run'"),
        ("image:", "start: never\nimage:", ":2: start: expected 'push', 'run' or 'both', got 'never'"),
        ("image:", "image: { registry: a, repository: b }\nimage:", ":3: image: duplicate key, first used on line 2"),
    ],
)
def test_a_mistake_in_the_application_is_told_at_its_line(
    write_delivery: WriteDelivery, deliveries: Path, old: str, new: str, said: str
) -> None:
    write_delivery(DELIVERY.replace(old, new))
    (problem,) = problems(deliveries)
    assert problem.startswith("deliveries/shop/delivery.yaml" + said)


def test_all_mistakes_of_all_applications_are_told_at_once(write_delivery: WriteDelivery, deliveries: Path) -> None:
    write_delivery(with_environment("gaet: {}\nrollout_within: soon"))
    write_delivery(DELIVERY.replace("shop", "cart"), name="cart", files={})
    write_delivery("a: b: c", name="odd")
    (deliveries / "empty").mkdir()
    told = problems(deliveries)
    assert [problem.partition(" ")[0] for problem in told] == [
        "deliveries/cart/delivery.yaml:4:",
        "deliveries/empty/delivery.yaml:1:",
        "deliveries/odd/delivery.yaml:1:",
        "deliveries/shop/delivery.yaml:7:",
        "deliveries/shop/delivery.yaml:8:",
    ]


@pytest.mark.parametrize("text", ["", "# nothing\n", "a: 1\n---\nb: 2\n"])
def test_a_file_holds_exactly_one_document(write_delivery: WriteDelivery, deliveries: Path, text: str) -> None:
    write_delivery(text)
    assert "expected one YAML document" in problems(deliveries)[0]


@pytest.mark.parametrize("text", ["- a\n", "just text\n", "5\n"])
def test_a_document_that_is_no_mapping_is_told(write_delivery: WriteDelivery, deliveries: Path, text: str) -> None:
    write_delivery(text)
    assert "expected a mapping" in problems(deliveries)[0]


def test_a_folder_that_is_not_there_is_a_problem(tmp_path: Path) -> None:
    assert problems(tmp_path / "deliveries") == ["deliveries:1: there is no such folder"]


def test_hidden_folders_and_files_beside_are_no_applications(write_delivery: WriteDelivery, deliveries: Path) -> None:
    write_delivery()
    (deliveries / ".git").mkdir()
    (deliveries / "README.md").write_text("About these.")
    assert list(load_deliveries(deliveries)) == ["shop"]


def test_an_image_belongs_to_one_application(write_delivery: WriteDelivery, deliveries: Path) -> None:
    write_delivery()
    write_delivery(
        DELIVERY.replace("application: shop", "application: store").replace("shop-staging", "store"), name="store"
    )
    assert problems(deliveries) == [
        "deliveries/store/delivery.yaml:2: image.repository: team/shop in nonprod starts the releases of shop already; "
        "an image belongs to one application"
    ]


def test_an_object_belongs_to_one_lane(write_delivery: WriteDelivery, deliveries: Path) -> None:
    second = "  - { name: production, cluster: staging, namespace: shop-staging }\n"
    write_delivery(DELIVERY + second)
    (problem,) = problems(deliveries)
    assert problem.startswith("deliveries/shop/delivery.yaml:7: environments[1].manifests: Deployment shop in cluster")
    assert problem.endswith("shop in staging applies it too")


def test_an_object_is_there_once_in_an_environment(write_delivery: WriteDelivery, deliveries: Path) -> None:
    write_delivery(files={"manifests/a.yaml": DEPLOYMENT, "manifests/b.yaml": DEPLOYMENT})
    assert problems(deliveries)[0].endswith("is there twice: in these manifests")


def test_names_must_be_those_of_the_installation_where_it_gives_them(
    write_delivery: WriteDelivery, deliveries: Path
) -> None:
    write_delivery(with_environment("registry: prd") + "notify: [inbox]\n")
    known = Known(
        registries=frozenset({"nonprod", "prod"}), clusters=frozenset({"stage"}), channels=frozenset({"teams"})
    )
    assert problems(deliveries, known=known) == [
        "deliveries/shop/delivery.yaml:5: environments[0].cluster: expected a cluster of this installation, "
        "got 'staging'; did you mean 'stage'?",
        "deliveries/shop/delivery.yaml:7: environments[0].registry: expected a registry of this installation, "
        "got 'prd'; did you mean 'prod'?",
        "deliveries/shop/delivery.yaml:8: notify[0]: expected a channel of this installation, "
        "got 'inbox'; known are teams",
    ]


def test_a_link_that_leads_out_of_the_folder_is_refused(
    write_delivery: WriteDelivery, deliveries: Path, tmp_path: Path
) -> None:
    folder = write_delivery(files={})
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "shop.yaml").write_text(DEPLOYMENT)
    (folder / "manifests").symlink_to(outside)
    assert "expected a path inside the application's folder" in problems(deliveries)[0]


def test_no_problem_names_a_path_of_the_machine(write_delivery: WriteDelivery, deliveries: Path) -> None:
    write_delivery(with_environment("manifests: k8s\nverify: { job: j.yaml }"))
    write_delivery(DELIVERY.replace("shop", "cart"), name="cart", files={"manifests/a.yaml": "a: ["})
    assert not any(str(deliveries.parent) in problem for problem in problems(deliveries))

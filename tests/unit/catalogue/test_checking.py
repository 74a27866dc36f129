"""Checking projects and applications: which problems are reported, and where."""

from pathlib import Path

import pytest

from slipway.catalogue import SettingsNames
from slipway.domain.application import Start
from tests.unit.catalogue.samples import APPLICATION, DEPLOYMENT, Write, load, problems


def with_environment(text: str) -> str:
    """The usual application with more lines in its environment, which begin on line 8."""
    return APPLICATION + "".join(f"    {line}\n" for line in text.strip("\n").splitlines())


def test_a_folder_becomes_an_application(write: Write, folder: Path) -> None:
    home = write()
    definitions = load(folder)
    assert list(definitions) == ["shop"]
    assert list(definitions["shop"].files.contents) == ["manifests/shop.yaml"]
    assert definitions["shop"].application.start is Start.PUSH
    assert load(home)["shop"].application == load(home / "application.yaml")["shop"].application


def test_a_wrong_value_is_named_with_file_line_field_and_what_was_expected(write: Write, folder: Path) -> None:
    write(with_environment("gate:\n  kind: approval\n  approvers: [ada@example.com]\n  deadline: soon"))
    assert problems(folder) == [
        "team/shop/application.yaml:11: environments[0].gate.deadline: expected a number and a unit "
        "(s, m, h or d), such as 30s, 10m, 24h or 7d, got 'soon'"
    ]


@pytest.mark.parametrize(
    ("lines", "message"),
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
            "gate: { kind: approval, approvers: [a@b], own_change: yes }",
            "environments[0].gate.own_change: expected true or false, got 'yes'; write true",
        ),
        (
            "gate: { kind: approval, approvers: [ada] }",
            "environments[0].gate.approvers[0]: expected oid:<object id in Entra>, role:<app role>, "
            "group:<object id in Entra> or an e-mail address, got 'ada'",
        ),
        (
            "gate: { kind: approval, approvers: ['group:leads'] }",
            "environments[0].gate.approvers[0]: expected oid:<object id in Entra>, role:<app role>, "
            "group:<object id in Entra> or an e-mail address, got 'group:leads'",
        ),
        (
            "gate: { kind: approval, approvers: [a@b], each: [{ of: [c@d], required: 2 }] }",
            "environments[0].gate.each[0].required: 2 approvals cannot come from 1 people",
        ),
        (
            "gate: { kind: approval, approvers: [a@b], reason: { reject: optional } }",
            "environments[0].gate.reason.reject: expected 'required', got 'optional'",
        ),
        (
            "gate: { kind: approval, approvers: [a@b], reminders: { after: 5s } }",
            "environments[0].gate.reminders.after: expected at least 1m, got 5s",
        ),
        ("registry: prod", "environments[0].registry: unknown field; "),
        ("on_failure: 5", "environments[0].on_failure: expected 'roll-back' or 'stop', got 5"),
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
        (
            "verification: { http: [{ service: web, port: 0 }] }",
            "environments[0].verification.http[0].port: expected at least 1",
        ),
        ("verification: { http: {} }", "environments[0].verification.http: expected a list, got an empty mapping"),
        ("verification: 5", "environments[0].verification: expected a mapping with http, job, within, got 5"),
        ("manifests: ../..", "environments[0].manifests: expected a path beside the application's document"),
        ("manifests: .", "environments[0].manifests: expected a folder for the manifests alone"),
        (
            "manifests: k8s",
            "environments[0].manifests: expected a folder of manifests, got team/shop/k8s: not there, or empty",
        ),
        (
            "verification: { job: verify/job.yaml }",
            "environments[0].verification.job: expected a file with a Job, got team/shop/verify/job.yaml: not there",
        ),
        (
            "verification: { job: manifests/shop.yaml }",
            "environments[0].verification.job: it would be deployed with the manifests",
        ),
    ],
)
def test_a_mistake_in_an_environment_is_reported_at_its_line(
    write: Write, folder: Path, lines: str, message: str
) -> None:
    write(with_environment(lines))
    (problem,) = problems(folder)
    assert problem.startswith(f"team/shop/application.yaml:8: {message}")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("application: shop", "application: Shop", ":1: application: expected lower-case letters, digits and dashes"),
        ("project: team\n", "", ":1: project: is missing"),
        ("team/shop", "Team/Shop:1", ":3: image.repository: expected a repository in lower case without registry"),
        ("team/shop", "acr.io/shop", ":3: image.repository: expected it without the registry's host, such as shop"),
        ("image:", "versions: { tags: {} }\nimage:", ":3: versions.tags: expected exactly one of regex, glob"),
        ("image:", "versions: { range: one }\nimage:", ":3: versions.range: expected terms such as >=1.0.0"),
        (
            "image:",
            "versions: { tags: { regex: '(' } }\nimage:",
            ":3: versions.tags.regex: expected a regular expression",
        ),
        ("image:", "versions: { tags: { glob: 'v{1,2}' } }\nimage:", ":3: versions.tags.glob: expected a pattern of *"),
        ("image:", "source: bundle\nimage:", ":4: image: expected nothing, because source is 'bundle'"),
        ("image: {", "bundle: {", ":1: image: is missing, because source is 'image'"),
        ("image:", "start: run\nimage:", ":1: pipeline: needed because start is 'run'"),
        ("image:", "start: never\nimage:", ":3: start: expected 'push', 'run' or 'both', got 'never'"),
        ("image:", "image: { registry: a, repository: b }\nimage:", ":4: image: duplicate key, first used on line 3"),
    ],
)
def test_a_mistake_in_the_application_is_reported_at_its_line(
    write: Write, folder: Path, old: str, new: str, message: str
) -> None:
    write(APPLICATION.replace(old, new))
    (problem,) = problems(folder)
    assert problem.startswith("team/shop/application.yaml" + message)


def test_all_mistakes_of_all_applications_are_reported_at_once(write: Write, folder: Path) -> None:
    write(with_environment("gaet: {}\nrollout_within: soon"))
    write(APPLICATION.replace("shop", "cart"), name="cart", files={})
    write("a: b: c", name="odd")
    write("", name="other", files={})
    messages = problems(folder)
    assert [problem.partition(" ")[0] for problem in messages] == [
        "team/cart/application.yaml:5:",
        "team/odd/application.yaml:1:",
        "team/shop/application.yaml:8:",
        "team/shop/application.yaml:9:",
    ]


@pytest.mark.parametrize("text", ["- a\n", "just text\n", "5\n", "kind: Deployment\n"])
def test_a_document_that_is_neither_project_nor_application_is_reported(write: Write, folder: Path, text: str) -> None:
    write(text)
    assert "expected a document with the field project or application" in problems(folder)[0]


def test_a_file_may_hold_several_documents(write: Write, folder: Path) -> None:
    cart = with_environment("manifests: cart").replace("shop", "cart")
    files = {"manifests/a.yaml": DEPLOYMENT, "cart/a.yaml": DEPLOYMENT.replace("shop", "cart")}
    home = write(f"{APPLICATION}---\n{cart}", files=files)
    assert list(load(home / "application.yaml")) == ["shop", "cart"]


def test_an_application_that_is_there_twice_is_reported_with_both_places(write: Write, folder: Path) -> None:
    write()
    write(name="other")
    assert (
        "team/shop/application.yaml:1: application: application shop is in team/other/application.yaml:1 already"
        in (problems(folder))
    )


def test_a_folder_without_documents_is_a_problem(folder: Path) -> None:
    assert problems(folder) == [
        "team:1: expected a project.yaml or an application.yaml in it, or in a folder inside it, got none"
    ]


def test_hidden_folders_and_other_files_are_not_applications(write: Write, folder: Path) -> None:
    write()
    (folder / ".git").mkdir()
    (folder / ".git" / "application.yaml").write_text("a: [")
    (folder / "README.md").write_text("About these.")
    (folder / "shop" / "src").mkdir()
    (folder / "shop" / "src" / "values.yaml").write_text("a: [")
    assert list(load(folder)) == ["shop"]


def test_an_image_belongs_to_one_application(write: Write, folder: Path) -> None:
    write()
    write(APPLICATION.replace("application: shop", "application: store").replace("shop-staging", "store"), name="store")
    assert problems(folder) == [
        "team/store/application.yaml:3: image.repository: team/shop in nonprod starts the releases of shop already; "
        "an image belongs to one application"
    ]


def test_an_object_belongs_to_one_lane(write: Write, folder: Path) -> None:
    second = "  - { name: production, clusters: [staging], namespace: shop-staging }\n"
    write(APPLICATION + second)
    (problem,) = problems(folder)
    assert problem.startswith("team/shop/application.yaml:8: environments[1].manifests: Deployment shop in cluster")
    assert problem.endswith("shop in staging applies it too")


def test_two_lanes_whose_leases_would_have_one_name_in_a_namespace_are_refused(write: Write, folder: Path) -> None:
    write(APPLICATION.replace("- name: staging", "- name: eu-staging"))
    other_application = APPLICATION.replace("application: shop", "application: shop-eu").replace(
        "team/shop", "team/shop-eu"
    )
    manifest = DEPLOYMENT.replace("shop", "shop-eu")
    write(other_application, name="shop-eu", files={"manifests/shop.yaml": manifest})
    (problem,) = [message for message in problems(folder) if "Lease" in message]
    assert "environments[0].name: the Lease slipway-shop-eu-staging in cluster staging" in problem
    assert "belongs to shop in eu-staging already" in problem


def test_an_object_is_there_once_in_an_environment(write: Write, folder: Path) -> None:
    write(files={"manifests/a.yaml": DEPLOYMENT, "manifests/b.yaml": DEPLOYMENT})
    assert problems(folder)[0].endswith("occurs twice: in these manifests")


def test_unknown_registries_clusters_and_channels_are_reported_with_the_known_ones(write: Write, folder: Path) -> None:
    write(with_environment("gate: { kind: auto }").replace("nonprod", "nonprd") + "notify: [inbox]\n")
    names = SettingsNames(
        registries=frozenset({"nonprod", "prod"}),
        clusters=frozenset({"stage"}),
        channels=frozenset({"teams"}),
        asking=frozenset(),
    )
    assert problems(folder, known=names) == [
        "team/shop/application.yaml:3: image.registry: expected a registry of this installation, "
        "got 'nonprd'; did you mean 'nonprod'?",
        "team/shop/application.yaml:6: environments[0].clusters[0]: expected a cluster of this installation, "
        "got 'staging'; did you mean 'stage'? (environment staging)",
        "team/shop/application.yaml:9: notify[0]: expected a channel of this installation, "
        "got 'inbox'; known are teams",
    ]


def test_a_list_of_pipelines_is_refused_with_advice_to_publish_one_bundle(write: Write, folder: Path) -> None:
    pipeline = "{ project: shop, name: build }"
    write(f"{APPLICATION}    gate: {{ kind: auto }}\nstart: run\npipeline: [{pipeline}, {pipeline}]\n")
    (problem,) = problems(folder)
    assert problem.startswith("team/shop/application.yaml:10: pipeline: expected a mapping, got a list of 2; ")
    assert "let one of them publish them as a bundle (source: bundle)" in problem


def test_an_approval_gate_needs_a_channel_that_carries_more_than_questions(write: Write, folder: Path) -> None:
    asking = with_environment("gate: { kind: approval, approvers: [ada@example.com], level: queue }")
    names = SettingsNames(
        registries=frozenset({"nonprod", "prod"}),
        clusters=frozenset({"staging"}),
        channels=frozenset({"chat", "inbox"}),
        asking=frozenset({"chat"}),
    )
    write(f"{asking}notify: [chat]\n")
    (problem,) = problems(folder, known=names)
    assert "notify: expected another channel, which carries more than questions" in problem
    assert "got chat; nobody would be told of votes counted in their name" in problem
    write(f"{asking}notify: [chat, inbox]\n")
    assert load(folder, known=names)
    write(with_environment("gate: { kind: auto }") + "notify: [chat]\n")
    assert load(folder, known=names)


def test_a_file_that_is_a_link_or_is_reached_through_one_is_refused(write: Write, folder: Path, tmp_path: Path) -> None:
    home = write(files={})
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "shop.yaml").write_text(DEPLOYMENT)
    (home / "manifests").symlink_to(outside)
    refused = "expected files and folders, got manifests/shop.yaml, which is a link or lies behind one"
    assert refused in problems(folder)[0]
    (home / "manifests").unlink()
    (home / "manifests").mkdir()
    (home / "manifests" / "shop.yaml").symlink_to(outside / "shop.yaml")
    assert refused in problems(folder)[0]
    (home / "manifests" / "shop.yaml").unlink()
    (home / "elsewhere.yaml").write_text(DEPLOYMENT)
    (home / "manifests" / "shop.yaml").symlink_to("../elsewhere.yaml")  # a link to a file in the folder is a link, too
    assert refused in problems(folder)[0]


def test_a_document_that_is_a_link_is_refused(write: Write, folder: Path) -> None:
    home = write()
    (home / "application.yaml").rename(home / "elsewhere.yaml")
    (home / "application.yaml").symlink_to("elsewhere.yaml")
    assert problems(folder)[0] == "team/shop/application.yaml:1: expected a file, got a link"


def test_no_problem_names_a_path_of_the_machine(write: Write, folder: Path) -> None:
    write(with_environment("manifests: k8s\nverify: { job: j.yaml }"))
    write(APPLICATION.replace("shop", "cart"), name="cart", files={"manifests/a.yaml": "a: ["})
    assert not any(str(folder.parent) in problem for problem in problems(folder))


def test_a_gate_without_a_channel_to_notify_its_approvers_is_refused(write: Write, folder: Path) -> None:
    """P-02: such a release waited until its deadline, and nobody was told."""
    gate = "gate: { kind: approval, approvers: [ada@example.com] }"
    write(with_environment(gate))
    assert problems(folder) == [
        "team/shop/application.yaml:8: environments[0].gate: expected at least one channel in notify of the "
        "application, got none; nobody would be told that it waits"
    ]
    write(with_environment(gate) + "notify: [inbox]\n")
    assert load(folder)["shop"].application.notify == ("inbox",)


def test_a_gate_that_asks_nobody_needs_no_channel(write: Write, folder: Path) -> None:
    write(with_environment("gate: { kind: auto }"))
    assert load(folder)["shop"].application.notify == ()


def test_an_approver_by_address_alone_is_refused_where_only_proofs_count(write: Write, folder: Path) -> None:
    """A proof names an object id, so such a gate could never pass, and nobody would notice before its deadline."""
    gate = "gate:\n  kind: approval\n  level: signed\n  approvers: [ada@example.com, 'role:shop-approvers']"
    write(with_environment(gate) + "notify: [inbox]\n")
    (problem,) = problems(folder)
    assert "environments[0].gate.approvers: expected approvers whose object id is known, got ada@example.com" in problem
    assert "add <object id in Entra>: {mail: ada@example.com} to people of the application" in problem
    people = "people:\n  00000000-0000-4000-8000-00000000000a: { mail: ada@example.com }\n"
    write(with_environment(gate) + "notify: [inbox]\n" + people)
    assert load(folder)["shop"].application.notify == ("inbox",)
    write(with_environment(gate.replace("signed", "link")) + "notify: [inbox]\n")
    assert load(folder)["shop"].application.notify == ("inbox",)


def test_other_addresses_and_accounts_of_a_person_are_read(write: Write, folder: Path) -> None:
    """Also beside a gate that lists the person: both are checked together."""
    also = ["ada@home.example", "oid:00000000-0000-4000-8000-00000000000b"]
    gate = "gate: { kind: approval, approvers: [ada@example.com], level: link }"
    person = f"00000000-0000-4000-8000-00000000000A: {{ mail: ada@example.com, also: {also} }}"
    write(with_environment(gate) + f"notify: [inbox]\npeople:\n  {person}\n")
    ((oid, known_person),) = load(folder)["shop"].application.people.items()
    assert (oid[-1], list(known_person.also)) == ("a", also)

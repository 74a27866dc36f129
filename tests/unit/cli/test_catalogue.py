"""`slipway apply` and related commands, from the command line through the API to the ledger, and back."""

import json
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest
import yaml
from click.testing import CliRunner, Result

from slipway.cli.root import root
from slipway.domain.application import WrittenApplication
from slipway.domain.environment import WrittenEnvironment
from slipway.domain.project import Project
from slipway.domain.roles import Role
from slipway.http.saying import Saying
from slipway.queries.answers import Answers, Reply
from slipway.testing import write_application
from slipway.testing.sign_in import bearer, person
from tests.confirming import OLGA as SIGNS_IN
from tests.confirming import confirm_pending
from tests.serving import in_a_thread
from tests.unit.api.in_process import serve
from tests.unit.cli.mistakes import MISTAKES, PROJECT, Mistake
from tests.unit.commands.live import Live

type Slipway = Callable[..., Result]


class Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *arguments: Any) -> None: ...


@pytest.fixture
def live(tmp_path: Path) -> Live:
    """Nothing is applied yet; `team` in the current folder holds an application and its project."""
    folder = tmp_path / "team"
    write_application(folder)
    return Live(folder)


@pytest.fixture
def role() -> str:
    return Role.PLATFORM


def worker_at_work(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker handles each statement before anybody asks for its outcome."""
    reply = Answers.reply

    def taken(answers: Answers, partition: str, id: str) -> Reply:
        live.hear()
        return reply(answers, partition, id)

    monkeypatch.setattr(Answers, "reply", taken)


@pytest.fixture
def slipway(live: Live, role: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Slipway]:
    served = serve(monkeypatch, live, role)
    worker_at_work(live, monkeypatch)
    server = make_server("127.0.0.1", 0, served, handler_class=Quiet)
    monkeypatch.chdir(tmp_path)
    environment = {"SLIPWAY_URL": f"http://127.0.0.1:{server.server_port}", "SLIPWAY_KEY": "any"}

    def call(*arguments: str, by: str = role) -> Result:
        served.default_headers = lambda: bearer(live.app, person(7, "Olga", by))
        live.app.catalogue.look_again()
        return CliRunner().invoke(root, list(arguments), env=environment, prog_name="slipway")

    with in_a_thread(server):
        yield call


def test_applied_documents_are_in_force_and_applying_them_again_changes_nothing(slipway: Slipway, live: Live) -> None:
    first = slipway("apply", "-f", "team", "--yes", "--reason", "the first")
    assert first.exit_code == 0, first.output
    assert "+ project team would be created" in first.stdout
    assert "✓ shop: version 1 is in force" in first.stdout
    assert list(live.app.catalogue.entries) == ["shop"]
    again = slipway("apply", "-f", "team", "--yes")
    assert (again.exit_code, again.stderr) == (0, "nothing to change\n")


def test_a_difference_is_shown_and_changes_nothing(slipway: Slipway, live: Live) -> None:
    slipway("apply", "-f", "team", "--yes")
    live.edit_environment("staging", rollout_within="9m")
    diff = slipway("diff", "-f", "team")
    assert diff.exit_code == 0
    assert "environments.staging.rollout_within: 5m → 9m" in diff.stdout
    assert len(json.loads(slipway("history", "shop", "--json").stdout)["versions"]) == 1


def test_apply_changes_nothing_where_nobody_can_be_asked_for_consent(slipway: Slipway, live: Live) -> None:
    result = slipway("apply", "-f", "team")
    assert result.exit_code == 2
    assert "use --yes" in result.stderr
    assert live.app.catalogue.entries == {}


def test_a_weaker_production_gate_is_proposed_and_the_page_for_its_votes_is_named(
    slipway: Slipway, live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    slipway("apply", "-f", "team", "--yes")
    live.edit_gate(deadline="90h")
    diff = slipway("diff", "-f", "team")
    assert diff.exit_code == 0
    assert "weaker, which a person has to confirm: production (production/shop): gate: deadline" in diff.stdout
    assert "is voted on by shop production: 1 approval by ada@example.com, ben@example.com" in diff.stdout
    monkeypatch.setattr(Saying, "confirmed", confirmed_at_once(live))
    proposed = slipway("apply", "-f", "team", "--yes", "--json")
    assert proposed.exit_code == 5
    output = json.loads(proposed.stdout)
    assert {change["subject"]: change["outcome"] for change in output["changes"]} == {
        "project:team": "unchanged",
        "application:shop": "proposed",
    }
    assert output["page"] == f"https://slipway.example.com/changes/{output['change'][7:]}"
    diff = slipway("apply", "-f", "team", "--yes")
    assert (diff.exit_code, "? shop: waits for votes" in diff.stdout) == (5, True)
    assert f"people vote on it: {output['page']}; see `slipway change {output['change'][:19]}`" in diff.stderr
    assert len(json.loads(slipway("history", "shop", "--json").stdout)["versions"]) == 1


def test_refused_and_waiting_applications_do_not_keep_the_others_from_taking_effect(
    slipway: Slipway, live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("cart", "search"):
        write_application(live.deliveries, name)
    slipway("apply", "-f", "team", "--yes")
    write_application(live.deliveries, "typo")
    live.edit("typo", notfy=["inbox"])
    live.edit("cart", notify=["inbx"])
    live.edit_gate(deadline="90h")
    live.edit_environment("staging", "search", rollout_within="9m")
    monkeypatch.setattr(Saying, "confirmed", confirmed_at_once(live))

    ended = slipway("apply", "-f", "team", "--yes", "--json")
    assert ended.exit_code == 1
    output = json.loads(ended.stdout)
    outcomes = {change["subject"]: (change["outcome"], change["number"]) for change in output["changes"]}
    assert outcomes == {
        "project:team": ("unchanged", 1),
        "application:search": ("changed", 2),
        "application:shop": ("proposed", 0),
        "application:cart": ("refused", 0),
    }
    (cart,) = [change for change in output["changes"] if change["subject"] == "application:cart"]
    (app_problem,) = cart["problems"]
    text = (live.deliveries / "cart" / "application.yaml").read_text().splitlines()
    assert (app_problem["file"], "inbx" in text[app_problem["line"] - 1]) == ("team/cart/application.yaml", True)
    (local_problem,) = output["problems"]
    assert (local_problem["file"], local_problem["field"]) == ("team/typo/application.yaml", "notfy")
    assert output["page"] == f"https://slipway.example.com/changes/{output['change'][7:]}"
    assert (output["refused"], output["committed"]) == (True, True)

    result = slipway("apply", "-f", "team", "--yes")
    assert result.exit_code == 1
    assert "? shop: waits for votes" in result.stdout
    assert "team/typo/application.yaml:" in result.stdout
    assert slipway("diff", "-f", "team").exit_code == 1


def confirmed_at_once(live: Live) -> Callable[[Saying, str], tuple[str, str] | None]:
    """Somebody confirms what the command line asks for, before it asks whether they have."""
    confirmed = Saying.confirmed

    def confirm(saying: Saying, handle: str) -> tuple[str, str] | None:
        if confirmed(saying, handle) is None:
            confirm_pending(live, handle)
        return confirmed(saying, handle)

    return confirm


def test_a_weaker_project_is_confirmed_by_a_person_on_a_page(slipway: Slipway, live: Live) -> None:
    live.edit_project(lambda value: value["environments"]["production"].update(least_gate={"required": 2}))
    assert slipway("apply", "-f", "team/project.yaml", "--yes").exit_code == 0
    live.edit_project(lambda value: value["environments"]["production"].update(least_gate={"required": 1}))
    diff = slipway("diff", "-f", "team/project.yaml")
    assert (diff.exit_code, "weaker, which a person has to confirm: environments" in diff.stdout) == (0, True)
    result = slipway("apply", "-f", "team/project.yaml", "--yes", "--no-wait")
    assert result.exit_code == 5
    address = re.search(r"a person has to confirm it: https://\S+/confirm/(\S+)", result.stderr)
    assert address is not None
    assert len(json.loads(slipway("history", "team", "--project", "--json").stdout)["versions"]) == 1
    confirm_pending(live, address[1])
    live.hear()
    newest = json.loads(slipway("history", "team", "--project", "--json").stdout)["versions"][0]
    assert (newest["number"], newest["by"]) == (2, f"oid:{SIGNS_IN.oid}")


def test_a_channel_that_the_installation_does_not_know_is_reported_at_its_line(slipway: Slipway, live: Live) -> None:
    live.edit(notify=["inbx"])
    result = slipway("apply", "-f", "team", "--yes")
    assert result.exit_code == 1
    file, line, field = next(
        output_line for output_line in result.stdout.splitlines() if output_line.startswith("team/")
    ).split(":")[:3]
    text = (live.deliveries / "shop" / "application.yaml").read_text().splitlines()[int(line) - 1]
    assert (file, field) == ("team/shop/application.yaml", " notify[0]")
    assert "inbx" in text


@pytest.mark.parametrize("command", [("apply", "--yes"), ("diff",)], ids=lambda command: command[0])
def test_manifests_that_kubernetes_would_refuse_are_reported_at_their_line_and_the_others_go_on(
    slipway: Slipway, live: Live, command: tuple[str, ...]
) -> None:
    write_application(live.deliveries, "cart")
    file = live.deliveries / "cart" / "manifests" / "service.yaml"
    file.write_text(file.read_text().replace("port: 80", "prot: 80", 1))
    line = next(n for n, text in enumerate(file.read_text().splitlines(), start=1) if "prot:" in text)
    (live.deliveries / "shop" / "manifests" / "route.yaml").write_text(
        "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata:\n  name: shop\nspec:\n  anything: 1\n"
    )
    with (live.deliveries / "project.yaml").open("a") as project:
        project.write("kinds: { also: [gateway.networking.k8s.io/HTTPRoute] }\n")

    result = slipway(*command, "-f", "team")
    assert result.exit_code == 1
    expected = f"team/cart/manifests/service.yaml:{line}: spec.ports[0].prot: unknown field; did you mean 'port'?"
    assert expected in result.stdout.splitlines()
    assert "HTTPRoute (gateway.networking.k8s.io/v1)" in result.stdout
    output = json.loads(slipway(*command, "-f", "team", "--json").stdout)
    assert {change["subject"] for change in output["changes"]} == {"project:team", "application:shop"}
    assert {problem["file"] for problem in output["problems"]} == {"team/cart/manifests/service.yaml"}
    assert output["not_compared"] == ["HTTPRoute (gateway.networking.k8s.io/v1)"]


def test_manifests_are_compared_with_the_version_of_kubernetes_that_is_named(slipway: Slipway, live: Live) -> None:
    (live.deliveries / "shop" / "manifests" / "budget.yaml").write_text(
        "apiVersion: policy/v1beta1\nkind: PodDisruptionBudget\nmetadata:\n  name: shop\nspec:\n  minAvailable: 1\n"
    )
    refused = slipway("diff", "-f", "team/shop")
    assert "budget.yaml:1: apiVersion: expected policy/v1 for PodDisruptionBudget" in refused.output
    assert refused.exit_code == 1
    older = slipway("diff", "-f", "team", "--kubernetes", "1.24")
    assert (older.exit_code, "expected one of" in older.stderr) == (2, True)
    older = slipway("apply", "-f", "team", "--yes", "--kubernetes", "1.25")
    assert "policy/v1" in older.stdout


def test_an_export_applied_again_is_the_same_version(slipway: Slipway, live: Live, tmp_path: Path) -> None:
    slipway("apply", "-f", "team", "--yes")
    assert slipway("export", "shop", "-o", "out").exit_code == 0
    assert (tmp_path / "out" / "manifests" / "deployment.yaml").is_file()
    assert slipway("apply", "-f", "out", "--yes").stderr == "nothing to change\n"


def test_an_export_has_its_fields_in_the_order_of_the_reference(slipway: Slipway, live: Live) -> None:
    slipway("apply", "-f", "team", "--yes")
    for command, model in ((("export", "shop"), WrittenApplication), (("export", "team", "--project"), Project)):
        (document,) = yaml.safe_load_all(slipway(*command).stdout.split("\n# ")[0])
        fields = [field.alias or name for name, field in model.model_fields.items()]
        assert list(document) == [name for name in fields if name in document]
    (exported,) = yaml.safe_load_all(slipway("export", "shop").stdout.split("\n# ")[0])
    fields = [field.alias or name for name, field in WrittenEnvironment.model_fields.items()]
    for environment in exported["environments"]:
        assert list(environment) == [name for name in fields if name in environment]
        assert next(iter(environment)) == "name"


def test_an_earlier_version_is_exported_by_its_hash(slipway: Slipway, live: Live) -> None:
    slipway("apply", "-f", "team", "--yes")
    live.edit_environment("staging", rollout_within="9m")
    slipway("apply", "-f", "team", "--yes")
    second, first = json.loads(slipway("history", "shop", "--json").stdout)["versions"]
    lines = slipway("export", "shop", "--document", first["document"]).stdout.splitlines()
    assert "  rollout_within: 5m" in lines
    assert (second["before"], second["number"]) == (first["document"], 2)
    unknown = slipway("export", "shop", "--document", "sha256:" + "0" * 64)
    assert (unknown.exit_code, "no such version" in unknown.stderr) == (3, True)


def test_a_removed_application_is_gone_and_its_history_stays(slipway: Slipway, live: Live) -> None:
    slipway("apply", "-f", "team", "--yes")
    assert slipway("remove", "shop", "--yes", "--reason", "over").exit_code == 0
    assert live.app.catalogue.entries == {}
    assert slipway("history", "shop").stdout.startswith("2 removed")
    assert slipway("remove", "shop", "--yes").exit_code == 3


@pytest.mark.parametrize("role", [Role.READER, Role.OPERATOR])
def test_a_reader_or_an_operator_applies_nothing(slipway: Slipway, live: Live) -> None:
    result = slipway("apply", "-f", "team", "--yes")
    assert result.exit_code == 1
    assert "only the role platform may apply projects" in result.stdout
    assert live.app.catalogue.entries == {}


@pytest.mark.parametrize("role", [Role.READER, Role.OPERATOR])
def test_a_reader_or_an_operator_sees_the_difference_and_that_it_would_be_refused(
    slipway: Slipway, live: Live, role: str
) -> None:
    slipway("apply", "-f", "team", "--yes", by=Role.PLATFORM)
    live.edit_environment("staging", rollout_within="9m")
    diff = slipway("diff", "-f", "team")
    assert "environments.staging.rollout_within: 5m → 9m" in diff.stdout
    assert "refused: applications of the project team are applied by role:platform" in diff.stdout
    assert diff.exit_code == 1
    (version,) = json.loads(slipway("history", "shop", "--json").stdout)["versions"]
    assert version["number"] == 1


def test_the_values_of_a_secret_are_in_no_difference_and_no_readers_export(slipway: Slipway, live: Live) -> None:
    secret = "apiVersion: v1\nkind: Secret\nmetadata: { name: shop }\nstringData: { password: hunter2 }\n"
    (live.deliveries / "shop" / "manifests" / "secret.yaml").write_text(secret)
    applied = slipway("apply", "-f", "team", "--yes")
    assert "manifests/secret.yaml: changed; it holds a Secret, which is not shown" in applied.stdout
    assert "hunter2" not in applied.stdout + slipway("history", "shop").stdout
    assert not any("hunter2" in str(record) for record in live.trail())
    assert "hunter2" in slipway("export", "shop").stdout
    refused = slipway("export", "shop", by=Role.READER)
    assert (refused.exit_code, "see-secrets" in refused.stderr) == (1, True)
    document = live.app.versions.current(next(iter(live.documents()[1:])).subject).document
    assert slipway("evidence", str(document), by=Role.READER).exit_code == 1


def test_an_application_in_force_whose_channel_has_gone_has_a_problem(slipway: Slipway, live: Live) -> None:
    slipway("apply", "-f", "team", "--yes")
    live.without("channels", "inbox")
    entry = live.app.catalogue.entries["shop"]
    assert "notify[0]" in entry.problems[0]


UNKNOWN_NAMES = {name: mistake for name, mistake in MISTAKES.items() if mistake.asks}


@pytest.mark.parametrize("mistake", UNKNOWN_NAMES.values(), ids=UNKNOWN_NAMES)
def test_the_check_asks_an_installation_that_it_finds_about_its_names(
    slipway: Slipway, tmp_path: Path, mistake: Mistake
) -> None:
    home = tmp_path / ("team" if mistake.file == PROJECT else "team/shop")
    assert slipway("check", "team").exit_code == 0
    mistake.make(home)
    offline, online = slipway("check", "team", "--offline"), slipway("check", "team")
    assert (offline.exit_code, online.exit_code) == (0, 1), offline.output + online.output
    assert "! not checked: whether this installation has the registries, clusters and channels" in offline.stdout
    assert "not checked" not in online.stdout
    assert mistake.is_reported(online, os.path.relpath(home / mistake.file)), online.stdout


def test_an_application_of_a_refused_project_is_reported_to_wait_for_its_correction(
    slipway: Slipway, tmp_path: Path
) -> None:
    project = tmp_path / "team/project.yaml"
    project.write_text(project.read_text().replace("clusters: [staging]", "clusters: [staging, stagng]"))
    lines = slipway("check", "team").stdout.splitlines()
    assert (
        "team/shop/application.yaml:2: project: first correct the project team, which is being applied with it" in lines
    )


def test_the_check_says_when_no_installation_answers(slipway: Slipway) -> None:
    nobody = slipway("check", "team", "--url", "http://127.0.0.1:1")
    assert nobody.exit_code == 0
    (note,) = (line for line in nobody.stdout.splitlines() if line.startswith("! not checked: "))
    assert "registries, clusters and channels" in note
    assert ", because the app at 127.0.0.1:1 cannot be reached" in note

"""`slipway doctor`: each finding is shown, with the command that mends it, and the exit code says how it went."""

import json
from typing import Any

import pytest
import yaml

from local.azuredevops import Organization, serve
from tests.serving import in_a_thread
from tests.unit.cli.conftest import Command
from tests.unit.cli.served import Reply, Served

GRANT = 'az role assignment create --assignee "x" --role "Azure Service Bus Data Sender"'
GOOD = {"check": "table", "status": "ok", "said": "read and written", "missing": "", "command": "", "seconds": 0.1}
BAD = {
    **{"check": "queue:steps", "status": "failed", "said": "it may not send", "missing": "send on the queue steps"},
    **{"command": GRANT, "seconds": 0.2},
}
SKIPPED = {**GOOD, "check": "channel:mail", "status": "skipped", "said": "cannot be tried without sending"}


@pytest.fixture
def app_with_checks(app: Served) -> Served:
    def reply(content: Any, status: int = 200) -> Reply:
        return Reply(status=status, body=json.dumps(content).encode())

    app.looks["doctor list"] = {"checks": ["table", "channel:mail"]}
    app.looks |= {"doctor table": GOOD, "doctor queue:steps": BAD, "doctor channel:mail": SKIPPED}
    app.replies["/api/health"] = reply({"healthy": True, "version": "0.1.0"})
    return app


def test_doctor_ends_with_0_where_nothing_is_missing(app_with_checks: Served, slipway: Command) -> None:
    result = slipway("doctor")
    assert result.exit_code == 0, result.output
    assert "ok      table: read and written" in result.output
    assert "nothing is missing: 2 checks, 1 could not be made" in result.output


def test_a_missing_right_is_named_with_the_command_that_grants_it(app_with_checks: Served, slipway: Command) -> None:
    app_with_checks.looks["doctor list"] = {"checks": ["table", "queue:steps"]}
    result = slipway("doctor")
    assert result.exit_code == 1
    assert "missing: send on the queue steps" in result.output
    assert f"grant it: {GRANT}" in result.output
    output = json.loads(slipway("doctor", "--json").stdout)
    assert output["healthy"] is False
    assert [finding["status"] for finding in output["checks"]] == ["ok", "ok", "failed"]


def test_some_checks_can_be_chosen(app_with_checks: Served, slipway: Command) -> None:
    output = json.loads(slipway("doctor", "--json", "--only", "channel").stdout)
    assert [finding["check"] for finding in output["checks"]] == ["channel:mail"]


@pytest.mark.parametrize("chosen", [("chanel",), ("channel", "hook"), ("zzz",)])
def test_an_unknown_check_is_refused_and_not_reported_as_passed(
    app_with_checks: Served, slipway: Command, chosen: tuple[str, ...]
) -> None:
    result = slipway("doctor", *(word for name in chosen for word in ("--only", name)))
    assert result.exit_code == 2
    assert f"--only: expected the beginning of a check, got {chosen[-1]!r}" in result.stderr
    assert ("did you mean 'channel'?" in result.stderr) is (chosen == ("chanel",))
    assert "nothing is missing" not in result.stderr


def test_an_unhealthy_app_is_a_finding_and_an_unreachable_app_ends_with_4(
    app_with_checks: Served, slipway: Command
) -> None:
    app_with_checks.replies["/api/health"] = Reply(status=503, body=b'{"healthy": false}')
    assert "failed  app: it answers 503" in slipway("doctor").output
    result = slipway("doctor", SLIPWAY_URL="http://127.0.0.1:9")
    assert result.exit_code == 4


def test_a_key_that_is_refused_ends_with_1(app: Served, slipway: Command) -> None:
    app.replies["/api/health"] = Reply(body=b'{"healthy": true, "version": "1"}')
    assert slipway("doctor", SLIPWAY_KEY="wrong").exit_code == 1


def test_the_service_hook_is_checked_if_its_project_is_named(app_with_checks: Served, slipway: Command) -> None:
    organization = Organization()
    words = ["doctor", "--json", "--only", "hook", "--organization", "contoso", "--project", "shop"]
    with in_a_thread(serve(organization)) as server:
        words += ["--server", f"http://127.0.0.1:{server.server_port}"]
        [check] = json.loads(slipway(*words, AZURE_DEVOPS_EXT_PAT=organization.pat).stdout)["checks"]
        denied = json.loads(slipway(*words, AZURE_DEVOPS_EXT_PAT="wrong").stdout)["checks"]
    assert check["command"] == "slipway connect azure-devops --organization contoso --project shop"
    assert "does not accept the token" in denied[0]["said"]
    assert organization.subscriptions == {}


def test_a_project_without_its_organization_is_refused(app: Served, slipway: Command) -> None:
    assert slipway("doctor", "--project", "shop").exit_code == 2


CHECKS = {"checks": ["table", "cluster:staging:shop:staging", "cluster:production:shop:production"]}
DOCUMENTS = [
    {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind, "metadata": {"name": "slipway-other-kinds"}}
    for kind in ("Role", "RoleBinding")
]


def test_the_printed_roles_are_yaml_that_kubectl_takes(app_with_checks: Served, slipway: Command) -> None:
    app_with_checks.looks["doctor list"] = CHECKS
    app_with_checks.looks["doctor rbac:cluster:staging:shop:staging"] = {"documents": [], "problem": ""}
    app_with_checks.looks["doctor rbac:cluster:production:shop:production"] = {"documents": DOCUMENTS, "problem": ""}
    result = slipway("doctor", "--print-rbac", "--kind", "argoproj.io/Rollout")
    assert result.exit_code == 0, result.output
    assert list(yaml.safe_load_all(result.stdout)) == DOCUMENTS
    assert "cluster:staging:shop:staging: nothing beyond Azure's role" in result.stderr


def test_a_role_that_is_unknown_is_a_failure_and_no_yaml(app_with_checks: Served, slipway: Command) -> None:
    app_with_checks.looks["doctor list"] = CHECKS
    away = {"documents": [], "problem": "staging could not be reached"}
    app_with_checks.looks["doctor rbac:cluster:staging:shop:staging"] = away
    result = slipway("doctor", "--print-rbac", "--only", "cluster:staging")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "staging could not be reached" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--kind", "argoproj.io/Rollout"), "--kind goes with --print-rbac"),
        (("--print-rbac", "--only", "table"), "expected the beginning of a check of a cluster"),
        (("--print-rbac", *("--kind", "a/B") * 9), "expected at most 8, got 9"),
    ],
)
def test_options_that_do_not_go_together_are_a_mistake(
    app_with_checks: Served, slipway: Command, arguments: tuple[str, ...], message: str
) -> None:
    app_with_checks.looks["doctor list"] = CHECKS
    result = slipway("doctor", *arguments)
    assert (result.exit_code, message in result.stderr) == (2, True), result.output

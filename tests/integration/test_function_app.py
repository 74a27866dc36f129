"""The app in the worker library that Azure runs: what it registers, and what stops it from starting."""

import ast
import json
import os
import re
import subprocess
from typing import Any

import pytest

from local.functions.launch import ROOT, command_line
from local.stack import configuration
from slipway.domain.queues import Queue

EXAMPLE = ROOT / "local.settings.json.example"

QUEUE_TRIGGERS = {
    "take_event": "events",
    "take_hint": "hints",
    "take_run": "runs",
    "take_vote": "approvals",
    "take_work": "work",
    "run_step": "steps",
}
TIMERS = {
    "reconcile": "0 * * * * *",
    "reconcile_sources": "30 */5 * * * *",
    "drift": "20 * * * * *",
    "anchor": "0 7 * * * *",
    "keep": "0 37 * * * *",
    "clean_up": "0 52 3 * * *",
}
EVENT_GRID = {"image_pushed", "image_pushed_cloudevent"}
LOOK, GET, POST = ("GET", "HEAD"), ("GET",), ("POST",)
ROUTES: dict[str, tuple[str, tuple[str, ...], str]] = {
    "azure_devops_hook": ("api/hooks/azure-devops", POST, "ANONYMOUS"),  # its own secret
    "health": ("api/health", GET, "ANONYMOUS"),
    "page_approval": ("approvals/{token}", LOOK, "ANONYMOUS"),  # the token
    "page_approval_changes": ("approvals/{token}/changes", LOOK, "ANONYMOUS"),
    "take_decision": ("approvals/{token}", POST, "ANONYMOUS"),
    "page_approval_place": ("approvals/{application}/{number}/{environment}", LOOK, "ANONYMOUS"),  # a session
    "page_approval_place_changes": ("approvals/{application}/{number}/{environment}/changes", LOOK, "ANONYMOUS"),
    "take_decision_of_signed_in": ("approvals/{application}/{number}/{environment}", POST, "ANONYMOUS"),
    "page_change": ("changes/{change}", LOOK, "ANONYMOUS"),  # a session
    "take_vote_on_change": ("changes/{change}", POST, "ANONYMOUS"),
    "page_board": ("/", LOOK, "ANONYMOUS"),  # a session
    "page_audit": ("audit", LOOK, "ANONYMOUS"),
    "page_audit_jsonl": ("audit.jsonl", LOOK, "ANONYMOUS"),
    "page_audit_csv": ("audit.csv", LOOK, "ANONYMOUS"),
    "page_release_changes": ("releases/{release}/changes", LOOK, "ANONYMOUS"),
    "page_numbers": ("numbers", LOOK, "ANONYMOUS"),
    "page_outcome": ("said/{application}/{id}", LOOK, "ANONYMOUS"),
    "page_said_back": ("say/back", GET, "ANONYMOUS"),
    "page_parked": ("parked", LOOK, "ANONYMOUS"),
    "unknown_page": ("{address:regex(^(?!admin|runtime))}/{*rest}", LOOK, "ANONYMOUS"),  # shows nothing
    "page_catalogue": ("catalogue", LOOK, "ANONYMOUS"),
    "page_versions": ("catalogue/{kind}/{name}", LOOK, "ANONYMOUS"),
    "api_apply": ("api/v1/catalogue", POST, "FUNCTION"),
    "api_compare": ("api/v1/catalogue/difference", POST, "FUNCTION"),
    "api_changes": ("api/v1/changes", GET, "FUNCTION"),
    "api_change": ("api/v1/changes/{change}", GET, "FUNCTION"),
    "api_vote_on_change": ("api/v1/changes/{change}/votes", POST, "FUNCTION"),
    "api_catalogue": ("api/v1/catalogue", GET, "FUNCTION"),
    "api_versions": ("api/v1/catalogue/{kind}/{name}", GET, "FUNCTION"),
    "api_export": ("api/v1/catalogue/{kind}/{name}/files", GET, "FUNCTION"),
    "api_remove": ("api/v1/catalogue/{kind}/{name}/removal", POST, "FUNCTION"),
    "page_operate": ("operate", LOOK, "ANONYMOUS"),
    "take_command": ("operate", POST, "ANONYMOUS"),  # a session, and the form's token
    "page_confirm": ("confirm/{handle}", LOOK, "ANONYMOUS"),
    "take_confirmation": ("confirm/{handle}", POST, "ANONYMOUS"),  # a session, the form's token, and a proof
    "api_confirmation": ("api/v1/confirmations/{handle}", GET, "FUNCTION"),
    "page_sign_in": ("sign-in", GET, "ANONYMOUS"),
    "page_signed_in": ("sign-in/back", GET, "ANONYMOUS"),  # what was sealed in this browser when it began
    "page_sign_out": ("sign-out", LOOK, "ANONYMOUS"),
    "take_sign_out": ("sign-out", POST, "ANONYMOUS"),  # a session, and the form's token
    "page_signed_out": ("signed-out", GET, "ANONYMOUS"),
    "page_release": ("releases/{release}", LOOK, "ANONYMOUS"),
    "page_evidence": ("evidence/{digest}", LOOK, "ANONYMOUS"),
    "page_stylesheet": ("assets/slipway.css", LOOK, "ANONYMOUS"),
    "api_freezes": ("api/v1/freezes", GET, "FUNCTION"),
    "api_command": ("api/v1/commands", POST, "FUNCTION"),
    "api_outcome": ("api/v1/inbox/{application}/{id}", GET, "FUNCTION"),
    "api_applications": ("api/v1/applications", GET, "FUNCTION"),
    "api_releases": ("api/v1/releases", GET, "FUNCTION"),
    "api_release": ("api/v1/releases/{release}", GET, "FUNCTION"),
    "api_explain": ("api/v1/releases/{release}/explain", GET, "FUNCTION"),
    "api_evidence": ("api/v1/evidence/{digest}", GET, "FUNCTION"),
    "api_audit": ("api/v1/audit/{application}", GET, "FUNCTION"),
    "api_audit_query": ("api/v1/audit", GET, "FUNCTION"),
    "api_live": ("api/v1/environments/{environment}/live", GET, "FUNCTION"),
    "api_anchored_chains": ("api/v1/anchors", GET, "FUNCTION"),
    "api_anchors": ("api/v1/anchors/{application}", GET, "FUNCTION"),
    "api_public_keys": ("api/v1/public-keys", GET, "FUNCTION"),
    "api_index_verification": ("api/v1/verification/{application}/index", GET, "FUNCTION"),
    "api_look": ("api/v1/looks", POST, "FUNCTION"),
    "api_look_seen": ("api/v1/looks/{id}", GET, "FUNCTION"),
    "api_openapi": ("api/v1/openapi.json", GET, "ANONYMOUS"),
    "api_approvals": ("api/v1/approvals", GET, "FUNCTION"),
    "api_vote": ("api/v1/approvals/{release}", POST, "ANONYMOUS"),  # an access token, or an approver's token
    "api_numbers": ("api/v1/numbers", GET, "FUNCTION"),
    "api_parked": ("api/v1/parked", GET, "FUNCTION"),
    "api_replay": ("api/v1/parked/{id}/replay", POST, "FUNCTION"),
}


def list_functions(**settings: str) -> subprocess.CompletedProcess[str]:
    """Run `--list` with the example's settings, some of them changed."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("SLIPWAY_", "AzureWebJobs", "FUNCTIONS_"))}
    command = command_line("--app", str(ROOT), "--settings", str(EXAMPLE), "--list")
    return subprocess.run(
        command, capture_output=True, text=True, cwd=ROOT, timeout=120, check=False, env=clean | settings
    )


@pytest.fixture(scope="module")
def triggers() -> dict[str, dict[str, Any]]:
    """The trigger of each function."""
    process = list_functions(SLIPWAY_EVENT_GRID_FUNCTION="true")
    assert process.returncode == 0, process.stderr
    functions = json.loads(process.stdout)
    assert not [function["error"] for function in functions if function["error"]]
    return {function["name"]: function["config"]["bindings"][0] for function in functions}


def of_type(triggers: dict[str, dict[str, Any]], kind: str) -> dict[str, dict[str, Any]]:
    return {name: trigger for name, trigger in triggers.items() if trigger["type"] == kind}


def test_only_the_expected_triggers_are_registered(triggers: dict[str, dict[str, Any]]) -> None:
    assert set(triggers) == {*QUEUE_TRIGGERS, *TIMERS, *EVENT_GRID, *ROUTES}


def test_event_grid_cannot_call_an_app_without_the_setting_that_allows_it() -> None:
    process = list_functions()
    assert process.returncode == 0, process.stderr
    assert {function["name"] for function in json.loads(process.stdout)} & set(EVENT_GRID) == set()


def test_each_queue_has_one_function(triggers: dict[str, dict[str, Any]]) -> None:
    matching = of_type(triggers, "serviceBusTrigger")
    assert {name: trigger["queueName"] for name, trigger in matching.items()} == QUEUE_TRIGGERS
    assert {trigger["connection"] for trigger in matching.values()} == {"ServiceBus"}
    assert {trigger["dataType"] for trigger in matching.values()} == {"BINARY"}
    with_sessions = {trigger["queueName"] for trigger in matching.values() if trigger.get("isSessionsEnabled")}
    assert with_sessions == {queue.value for queue in Queue if queue.sessions}


def test_timers_run_each_minute_and_each_five_minutes(triggers: dict[str, dict[str, Any]]) -> None:
    matching = of_type(triggers, "timerTrigger")
    assert {name: trigger["schedule"] for name, trigger in matching.items()} == TIMERS
    assert not any(trigger["runOnStartup"] for trigger in matching.values())


def test_both_schemas_of_event_grid_are_taken(triggers: dict[str, dict[str, Any]]) -> None:
    assert set(of_type(triggers, "eventGridTrigger")) == EVENT_GRID


def test_each_route_has_its_methods_and_its_guard(triggers: dict[str, dict[str, Any]]) -> None:
    matching = of_type(triggers, "httpTrigger")
    assert {
        name: (trigger["route"], tuple(trigger["methods"]), trigger["authLevel"]) for name, trigger in matching.items()
    } == ROUTES


def test_the_laptop_has_exactly_the_queues_of_the_code(triggers: dict[str, dict[str, Any]]) -> None:
    used = {trigger["queueName"] for trigger in of_type(triggers, "serviceBusTrigger").values()}
    assert used == set(Queue) == set(configuration.QUEUES)


def test_wrong_settings_stop_the_start_and_are_named() -> None:
    wrong = {
        "SLIPWAY_HOOK_SECRETS": ("hush-hush", "expected secrets of at least 16 characters"),
        "SLIPWAY_REGISTRIES": ('{"hush-hush', "expected JSON"),
        "SLIPWAY_SIGNING_KEYS": ("local:hush-hush", "item 1: expected base64"),
    }
    process = list_functions(**{setting: value for setting, (value, _) in wrong.items()})
    assert (process.returncode, process.stdout) == (1, "")
    assert [setting for setting, (_, message) in wrong.items() if f"{setting}: {message}" not in process.stderr] == []
    assert "hush-hush" not in process.stderr


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("@Microsoft.KeyVault(SecretUri=hush-hush)", "SLIPWAY_SIGNING_KEYS: a Key Vault"),
        pytest.param(
            "@file:no-such-keys", "no-such-keys: cannot be read (FileNotFoundError)", marks=pytest.mark.thorough
        ),
    ],
)
def test_missing_signing_keys_stop_the_start(value: str, message: str) -> None:
    process = list_functions(SLIPWAY_SIGNING_KEYS=value)
    assert (process.returncode, process.stdout) == (1, "")
    assert message in process.stderr
    assert "hush-hush" not in process.stderr


def test_nothing_of_the_product_imports_azure_functions() -> None:
    forbidden = re.compile(r"^\s*(?:(?:from|import) (?:azure\.)?functions\b|from azure import)", re.MULTILINE)
    importing = [
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "slipway").rglob("*.py")
        if forbidden.search(path.read_text(encoding="utf-8"))
    ]
    assert importing == []


def test_function_app_builds_and_registers_and_does_nothing_else() -> None:
    body = ast.parse((ROOT / "function_app.py").read_text(encoding="utf-8")).body
    docstring, *statements = body
    assert isinstance(docstring, ast.Expr)
    executed = [node for node in statements if not isinstance(node, ast.Import | ast.ImportFrom)]
    role, check, build, *by_role = executed
    assert ast.unparse(role) == "role = role_of_app()"
    assert ast.unparse(check) == "check_at_start()"
    assert ast.unparse(build) == "app = func.FunctionApp(http_auth_level=func.AuthLevel.FUNCTION)"
    conditions = []
    for node in by_role:
        assert isinstance(node, ast.If)
        conditions.append(ast.unparse(node.test))
        _, register = node.body
        assert isinstance(register, ast.For)
        assert [ast.unparse(statement) for statement in register.body] == ["app.register_functions(module.blueprint)"]
    event_grid = "role.answers and parts().settings.event_grid_function"
    assert conditions == ["role.works", "role.answers", event_grid]

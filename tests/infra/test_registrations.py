"""Both Entra registrations, made and kept by the hooks, against a tenant that refuses what Graph refuses."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from local.identity.settings import laptop
from slipway.domain.roles import Role
from slipway.http import saying, signing_in
from tests.infra.azure_double import TENANT
from tests.infra.entra_double import GRAPH_ENTRY, ME
from tests.infra.hook_installation import HOOKS, NEW, OUTPUTS, PRINCIPAL, Azure

pytestmark = pytest.mark.hooks

AFTER_DOWN = "11111111-1111-1111-1111-222222222222"
AZURE_CLI = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"
BOTH = ("sign-in", "votes")


@pytest.fixture
def azure(tmp_path: Path) -> Azure:
    return Azure(tmp_path)


def entry(azure: Azure, name: str) -> dict[str, Any]:
    client_id = azure.application(name)["appId"]
    (service_principal,) = [item for item in azure.state["entries"] if item["appId"] == client_id]
    return service_principal  # type: ignore[no-any-return]


def test_both_registrations_are_made_once_and_remembered(azure: Azure) -> None:
    azure.run_successfully("preprovision")
    client_ids = {name: azure.application(name)["appId"] for name in BOTH}
    expected = {"SLIPWAY_SIGN_IN_CLIENT_ID": client_ids["sign-in"], "SLIPWAY_VOTES_CLIENT_ID": client_ids["votes"]}
    assert azure.state["environment"] == expected
    assert {azure.application(name)["signInAudience"] for name in BOTH} == {"AzureADMyOrg"}
    azure.run_successfully("preprovision")
    assert {name: azure.application(name)["appId"] for name in BOTH} == client_ids


def test_neither_registration_gives_a_token_without_a_code(azure: Azure) -> None:
    azure.provision()
    for name in BOTH:
        assert azure.application(name)["web"]["implicitGrantSettings"] == {"enableIdTokenIssuance": False}


def test_both_registrations_have_the_same_roles_including_those_that_gates_name(azure: Azure) -> None:
    azure.run_successfully("preprovision", SLIPWAY_APP_ROLES="shop-approvers, security")
    role_names = [[role["value"] for role in azure.application(name)["appRoles"]] for name in BOTH]
    assert role_names[0] == role_names[1] == ["reader", "operator", "platform", "shop-approvers", "security"]


def test_a_role_that_is_added_later_leaves_the_others_as_they_are(azure: Azure) -> None:
    azure.run_successfully("preprovision")
    before = azure.application()["appRoles"]
    state = azure.state
    state["applications"][azure.application()["appId"]]["appRoles"][0]["displayName"] = "Looks on"
    azure.state = state
    azure.run_successfully("preprovision", SLIPWAY_APP_ROLES="security")
    after = azure.application()["appRoles"]
    assert after[0]["displayName"] == "Looks on"
    assert [role["id"] for role in after[:-1]] == [role["id"] for role in before]


def test_a_role_with_another_kind_of_name_is_refused_before_anything_is_made(azure: Azure) -> None:
    process = azure.run("preprovision", SLIPWAY_APP_ROLES="shop approvers")
    assert process.returncode == 1
    assert "shop approvers" in process.stderr
    assert not azure.calls("appRoles")


def test_the_azure_cli_gets_tokens_for_the_api_and_none_for_votes(azure: Azure) -> None:
    azure.run_successfully("preprovision")
    api = azure.application("sign-in")["api"]
    (client,) = api["preAuthorizedApplications"]
    assert (client["appId"], client["delegatedPermissionIds"]) == (
        AZURE_CLI,
        [api["oauth2PermissionScopes"][0]["id"]],
    )
    assert azure.application("votes")["api"]["preAuthorizedApplications"] == []


def test_tokens_are_of_version_two_and_name_what_is_asked_of_them(azure: Azure) -> None:
    azure.run_successfully("preprovision")
    for name, scope in (("sign-in", "user_impersonation"), ("votes", "vote")):
        application = azure.application(name)
        assert application["identifierUris"] == [f"api://{application['appId']}"]
        assert application["api"]["requestedAccessTokenVersion"] == 2
        assert [item["value"] for item in application["api"]["oauth2PermissionScopes"]] == [scope]
    claims = azure.application("votes")["optionalClaims"]
    assert {claim["name"] for claim in claims["idToken"]} == {"acct", "auth_time"}
    claims = azure.application("sign-in")["optionalClaims"]
    assert "idtyp" in {claim["name"] for claim in claims["accessToken"]}


def test_only_people_with_a_role_are_let_in_and_the_installing_person_gets_one(azure: Azure) -> None:
    azure.run_successfully("preprovision")
    for name in BOTH:
        service_principal = entry(azure, name)
        assert service_principal["appRoleAssignmentRequired"] is True
        (assigned,) = [item for item in azure.state["assigned"] if item["resourceId"] == service_principal["id"]]
        roles = {role["id"]: role["value"] for role in azure.application(name)["appRoles"]}
        assert (assigned["principalId"], roles[assigned["appRoleId"]]) == (ME, "platform")


def test_the_installing_person_gets_no_role_if_another_person_has_one(azure: Azure) -> None:
    azure.run_successfully("preprovision")
    state = azure.state
    for item in state["assigned"]:
        item["principalId"] = "00000000-0000-0000-0004-00000000000b"
    azure.state = state
    azure.run_successfully("preprovision")
    assert {item["principalId"] for item in azure.state["assigned"]} == {"00000000-0000-0000-0004-00000000000b"}


def test_an_installation_by_a_pipeline_warns_that_nobody_can_sign_in_yet(azure: Azure) -> None:
    azure.change(me="")
    output = azure.run_successfully("preprovision")
    assert azure.state["assigned"] == []
    assert "nobody can sign in" in output


def test_consent_is_given_for_everybody_to_what_signing_in_asks_for(azure: Azure) -> None:
    azure.run_successfully("preprovision")
    for name, scope in (("sign-in", "user_impersonation"), ("votes", "vote")):
        principal_id = entry(azure, name)["id"]
        scopes = {
            item["resourceId"]: item["scope"] for item in azure.state["grants"] if item["clientId"] == principal_id
        }
        assert scopes == {GRAPH_ENTRY: "openid profile", principal_id: scope}


def test_consent_that_was_given_in_part_is_completed(azure: Azure) -> None:
    azure.run_successfully("preprovision")
    state = azure.state
    for item in state["grants"]:
        if item["resourceId"] == GRAPH_ENTRY:
            item["scope"] = "User.Read openid"
    azure.state = state
    azure.run_successfully("preprovision")
    texts = {item["scope"] for item in azure.state["grants"] if item["resourceId"] == GRAPH_ENTRY}
    assert texts == {"User.Read openid profile"}


def test_a_registration_that_somebody_named_is_used_and_what_it_lacks_is_added(azure: Azure) -> None:
    azure.run_successfully("preprovision")
    state = azure.state
    client_id = azure.application()["appId"]
    state["applications"][client_id]["uniqueName"] = "somebody-made-this"
    state["applications"][client_id]["identifierUris"] = []
    state["environment"] = {}
    azure.state = state
    azure.run_successfully("preprovision", SLIPWAY_SIGN_IN_CLIENT_ID=client_id)
    assert azure.state["applications"][client_id]["identifierUris"] == [f"api://{client_id}"]
    assert len(azure.state["applications"]) == 2


def test_a_client_id_that_the_tenant_does_not_know_is_named(azure: Azure) -> None:
    unknown = "22222222-2222-2222-2222-222222222222"
    process = azure.run("preprovision", SLIPWAY_SIGN_IN_CLIENT_ID=unknown)
    assert process.returncode == 1
    assert f"SLIPWAY_SIGN_IN_CLIENT_ID is {unknown}" in process.stderr
    assert azure.state["applications"] == {}


@pytest.mark.parametrize(("name", "path"), [("sign-in", "/sign-in/back"), ("votes", "/say/back")])
def test_people_come_back_to_every_address_of_the_app_and_to_those_that_they_added(
    azure: Azure, name: str, path: str
) -> None:
    azure.provision()
    own_url, public_url = f"https://func-try.azurewebsites.net{path}", f"https://slipway.example.com{path}"
    assert azure.application(name)["web"]["redirectUris"] == [own_url, public_url]
    state = azure.state
    application = state["applications"][azure.application(name)["appId"]]
    application["web"]["redirectUris"] = [own_url, "https://vote.example.com/back"]
    azure.state = state
    azure.provision()
    assert azure.application(name)["web"]["redirectUris"] == [own_url, "https://vote.example.com/back", public_url]


def test_an_address_with_a_slash_at_its_end_makes_no_other_redirect(azure: Azure) -> None:
    azure.run_successfully("preprovision")
    azure.run_successfully("postprovision", **OUTPUTS | {"SLIPWAY_PUBLIC_URL": "https://func-try.azurewebsites.net/"})
    assert azure.application()["web"]["redirectUris"] == ["https://func-try.azurewebsites.net/sign-in/back"]


@pytest.mark.parametrize("name", BOTH)
def test_each_registration_trusts_the_apps_identity_even_after_azd_down_replaced_it(azure: Azure, name: str) -> None:
    azure.provision()
    azure.provision()
    (first,) = azure.application(name)["credentials"]
    assert first["issuer"] == f"https://login.microsoftonline.com/{TENANT}/v2.0"
    assert (first["name"], first["subject"]) == ("func-try", PRINCIPAL)
    azure.provision(SLIPWAY_IDENTITY_PRINCIPAL_ID=AFTER_DOWN)
    (second,) = azure.application(name)["credentials"]
    assert (second["name"], second["subject"]) == ("func-try", AFTER_DOWN)


# Somebody else has the right.


def commands_in(text: str) -> list[str]:
    return re.findall(r"^   (az rest .*)$", text, re.MULTILINE)


def test_a_missing_right_makes_the_hook_print_each_remaining_step_with_the_right_that_it_needs(azure: Azure) -> None:
    azure.change(forbidden=["consent"])
    process = azure.run("preprovision")
    assert process.returncode == 1
    assert "Right: Cloud Application Administrator or Privileged Role Administrator" in process.stderr
    scopes_of_each = "openid and profile of Microsoft Graph, and the scope of the registration"
    assert len(commands_in(process.stderr)) == 2 * len(BOTH), scopes_of_each


def test_somebody_who_runs_the_printed_commands_lets_azd_up_go_on(azure: Azure) -> None:
    azure.change(forbidden=["consent"])
    process = azure.run("preprovision")
    assert process.returncode == 1
    azure.change(forbidden=[])
    for command in commands_in(process.stderr):
        result = azure.run_command(shlex.split(command))
        assert result.returncode == 0, result.stderr
    azure.change(forbidden=["consent"])
    azure.run_successfully("preprovision")
    assert len(azure.state["grants"]) == 4


def test_a_person_who_may_not_register_gets_the_whole_list_of_steps(azure: Azure) -> None:
    azure.change(forbidden=["register", "change", "consent"])
    process = azure.run("preprovision")
    assert process.returncode == 1
    assert "1. Register Slipway (try). Right: Application Developer" in process.stderr
    assert "Register Slipway votes (try). Right: Application Developer" in process.stderr
    assert azure.state["applications"] == {}


def test_the_list_is_printed_without_changing_anything(azure: Azure) -> None:
    output = azure.run_successfully("registrations")
    assert "Register Slipway (try)" in output
    assert "Register Slipway votes (try)" in output
    assert azure.state["applications"] == {}
    azure.run_successfully("preprovision")
    assert azure.run_successfully("registrations") == "Nothing is left to do.\n"


def test_the_list_has_the_apps_addresses_and_identity_once_the_app_exists(azure: Azure) -> None:
    azure.run_successfully("preprovision")
    output = azure.run_successfully("registrations", **OUTPUTS)
    for name, way_back in (("sign-in", signing_in.BACK), ("votes", saying.BACK)):
        assert f"https://slipway.example.com{way_back}" in output
        assert f"Trust the managed identity of func-try ({name})" in output
    for command in commands_in(output):
        assert azure.run_command(shlex.split(command)).returncode == 0
    assert azure.run_successfully("registrations", **OUTPUTS) == "Nothing is left to do.\n"
    before = len(azure.state["calls"])
    azure.run_successfully("postprovision", **OUTPUTS)
    assert not [
        call for call in azure.state["calls"][before:] if "graph.microsoft.com" in call and "--method get" not in call
    ]


def test_the_roles_that_every_installation_has_are_those_that_the_app_knows(azure: Azure) -> None:
    azure.run_successfully("preprovision")
    for name in BOTH:
        assert [role["value"] for role in azure.application(name)["appRoles"]] == list(Role)


def test_the_registrations_have_the_apps_return_addresses_and_the_laptops_scopes() -> None:
    program = (
        "import json, wanted_registrations as w; "
        "print(json.dumps({r.name: [r.scope, r.way_back] for r in w.REGISTRATIONS}))"
    )
    process = subprocess.run(
        [sys.executable, "-c", program], cwd=HOOKS, env=NEW, capture_output=True, text=True, check=True
    )
    hooks = json.loads(process.stdout)
    assert {name: way for name, (_scope, way) in hooks.items()} == {"sign-in": signing_in.BACK, "votes": saying.BACK}
    laptops = {item.name: list(item.scopes) for item in laptop().registrations if item.name in hooks}
    assert {name: [scope] for name, (scope, _way_back) in hooks.items()} == laptops

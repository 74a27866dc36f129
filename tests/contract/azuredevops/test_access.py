"""Who is let in, and how Azure DevOps refuses: often without an error status."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from local.azuredevops import AzureDevOps, Organization
from local.azuredevops.access import Tenant

from .support import WORKER, Client, Story

PLACES = ("shop/_apis/build/builds/402", "_apis/identities")


def _signed_by_another_key(tenant: str) -> str:
    """Signed by a key that is not the tenant's, with the tenant's name and key id."""
    return Tenant(tenant).token(WORKER)


BAD_TOKENS: dict[str, Callable[[Client], str]] = {
    "text that is not a token": lambda ask: "not-a-token",
    "another audience": lambda ask: ask.azure.token(WORKER, aud="https://management.azure.com"),
    "another tenant": lambda ask: ask.azure.token(WORKER, iss="https://sts.windows.net/other/"),
    "an issuer of version 2.0": lambda ask: ask.azure.token(
        WORKER, iss=f"https://login.microsoftonline.com/{ask.azure.organization.tenant}/v2.0"
    ),
    "expired": lambda ask: ask.azure.token(WORKER, exp=1),
    "not valid yet": lambda ask: ask.azure.token(WORKER, nbf=9_999_999_999),
    "without an object id": lambda ask: ask.azure.token(WORKER, oid=None),
    "without an end": lambda ask: ask.azure.token(WORKER, exp=None),
    "signed by somebody else": lambda ask: _signed_by_another_key(ask.azure.organization.tenant),
}


@pytest.mark.parametrize("bad", BAD_TOKENS)
def test_a_bad_token_is_answered_with_the_page_for_signing_in(bad: str, ask: Client) -> None:
    response = ask.with_token(BAD_TOKENS[bad](ask))("shop/_apis/build/builds/402")
    assert (response.status, response.headers["Content-Type"]) == (203, "text/html; charset=utf-8")
    assert b"Sign In" in response.body


def test_a_bad_token_may_be_redirected_to_the_page_for_signing_in(story: Story, ask: Client) -> None:
    story.organization.faults.redirects_to_sign_in = True
    response = ask.with_token("bad")("shop/_apis/build/builds/402")
    assert response.status == 302
    assert "_signin" in response.headers["Location"]


@pytest.mark.parametrize("host", ["dev", "vssps"])
def test_a_request_without_a_token_gets_status_203(host: str, ask: Client) -> None:
    assert ask("shop/_apis/build/builds/402", people=host == "vssps", headers={}).status == 203


def test_a_valid_token_is_refused_if_the_organization_does_not_know_its_holder(ask: Client) -> None:
    stranger = "99999999-0000-4000-8000-000000000002"
    response = ask.with_token(ask.azure.token(stranger))("shop/_apis/build/builds/402")
    assert (response.status, response.json["typeKey"]) == (401, "UnauthorizedRequestException")
    assert stranger in response.json["message"]


@pytest.mark.parametrize(
    ("authorization", "expected"),
    [("Basic OmEtcGVyc29uYWwtYWNjZXNzLXRva2Vu", "personal access token"), ("Bearer {person}", "token of a person")],
)
def test_a_token_of_a_person_is_refused_by_name(authorization: str, expected: str, story: Story, ask: Client) -> None:
    header = authorization.format(person=ask.azure.token(story.ada.oid, idtyp=None, scp="user_impersonation"))
    response = ask(story.build, headers={"Authorization": header})
    assert response.status == 501
    assert expected in response.json["message"]


def test_a_project_that_a_reader_may_not_see_is_answered_as_an_absent_one(story: Story, ask: Client) -> None:
    story.organization.project("secret")
    story.organization.admit("slipway-worker", oid=WORKER, projects=frozenset({"secret"}))
    hidden, absent = ask(story.build), ask("nowhere/_apis/build/builds/1")
    assert hidden.status == absent.status == 404
    assert hidden.json["typeKey"] == absent.json["typeKey"] == "ProjectDoesNotExistWithNameException"


def test_a_stakeholder_sees_no_repository(story: Story, ask: Client) -> None:
    story.organization.admit("slipway-worker", oid=WORKER, basic=False)
    response = ask(f"{story.git}/commits/{story.commit.id}")
    assert (response.status, response.json["typeKey"]) == (404, "GitRepositoryNotFoundException")


def test_the_graph_api_needs_a_right_that_the_identities_api_does_not_need(story: Story, ask: Client) -> None:
    story.organization.admit("slipway-worker", oid=WORKER, may_read_people=False)
    preview = ask.in_version("7.1-preview.1")
    assert preview(f"_apis/graph/users/{story.ada.descriptor}", people=True).status == 403
    assert ask("_apis/identities", {"identityIds": story.ada.storage_key}, people=True).status == 200


# ---- versions and what is not known
@pytest.mark.parametrize(
    ("version", "status", "key"),
    [
        (None, 400, "VssVersionNotSpecifiedException"),
        ("9.9", 400, "VssVersionOutOfRangeException"),
        ("5.0", 501, "NotKnownToTheDouble"),
    ],
)
def test_a_request_without_a_known_api_version_is_refused(
    version: str | None, status: int, key: str, story: Story, ask: Client
) -> None:
    response = ask.in_version(version)(story.build)
    assert (response.status, response.json["typeKey"]) == (status, key)


def test_a_preview_resource_is_given_only_for_a_preview_version(story: Story, ask: Client) -> None:
    path = f"_apis/graph/users/{story.ada.descriptor}"
    response = ask(path, people=True)
    assert (response.status, response.json["typeKey"]) == (400, "VssInvalidPreviewVersionException")
    assert ask.in_version("7.1-preview.1")(path, people=True).status == 200


def test_the_api_version_may_be_sent_in_the_accept_header(story: Story, ask: Client) -> None:
    token = {"Authorization": f"Bearer {ask.azure.token(WORKER)}", "Accept": "application/json;api-version=7.1"}
    assert ask.in_version(None)(story.build, headers=token).status == 200


def test_a_path_is_taken_in_any_case_and_on_its_own_host_only(story: Story, ask: Client) -> None:
    assert ask(story.build.replace("builds", "Builds").replace("build/", "Build/")).status == 200
    assert ask(story.build, people=True).status == 501


@pytest.mark.parametrize(
    ("path", "query", "expected"),
    [
        ("shop/_apis/build/builds/402/logs", {}, "builds/402/logs"),
        ("shop/_apis/build/builds/402", {"propertyFilters": "a"}, "propertyFilters"),
        ("shop/_apis/build/builds/402/changes", {}, "$top"),
        ("shop/_apis/git/repositories/shop/commits", {"searchCriteria.author": "ada"}, "searchCriteria.author"),
        ("shop/_apis/build/builds", {"$top": 1, "queryOrder": "random"}, "random"),
    ],
)
def test_a_path_or_parameter_that_the_double_does_not_know_is_refused_by_name(
    path: str, query: dict[str, Any], expected: str, story: Story, ask: Client
) -> None:
    response = ask(path, query)
    assert response.status == 501
    assert expected in response.json["message"]


# ---- throttling and outages
def test_a_complete_answer_may_still_ask_the_client_to_wait(story: Story, ask: Client) -> None:
    story.organization.faults.retry_after = 17
    response = ask(story.build)
    assert (response.status, response.headers["Retry-After"]) == (200, "17")
    assert response.headers["X-RateLimit-Limit"] == "200"


@pytest.mark.parametrize(("fault", "status", "code"), [("blocked", 429, "TF400733"), ("stopped", 503, "TF24668")])
def test_a_blocked_client_and_a_stopped_organization_each_have_their_own_error(
    fault: str, status: int, code: str, story: Story, ask: Client
) -> None:
    setattr(story.organization.faults, fault, True)
    response = ask(story.build)
    assert response.status == status
    assert response.json["message"].startswith(code)


def test_a_token_lives_for_an_hour(story: Story, ask: Client) -> None:
    token = ask.azure.token(WORKER)
    assert ask.with_token(token)(story.build).status == 200
    clock: Any = story.organization.clock
    clock.moment += timedelta(hours=1)
    assert ask.with_token(token)(story.build).status == 203


def test_a_double_without_keys_accepts_no_token() -> None:
    organization = Organization()
    organization.admit("slipway-worker", oid=WORKER)
    with AzureDevOps(organization, keys=lambda _: None) as azure:
        assert Client(azure=azure)("shop/_apis/build/builds/1").status == 203

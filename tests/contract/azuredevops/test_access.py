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


def test_a_bad_token_may_also_be_led_to_that_page(story: Story, ask: Client) -> None:
    story.organization.faults.redirects_to_sign_in = True
    response = ask.with_token("bad")("shop/_apis/build/builds/402")
    assert response.status == 302
    assert "_signin" in response.headers["Location"]


@pytest.mark.parametrize("host", ["dev", "vssps"])
def test_nobody_is_let_in_without_a_token(host: str, ask: Client) -> None:
    assert ask("shop/_apis/build/builds/402", people=host == "vssps", headers={}).status == 203


def test_a_token_is_not_enough_the_organization_must_know_its_holder(ask: Client) -> None:
    stranger = "99999999-0000-4000-8000-000000000002"
    response = ask.with_token(ask.azure.token(stranger))("shop/_apis/build/builds/402")
    assert (response.status, response.json["typeKey"]) == (401, "UnauthorizedRequestException")
    assert stranger in response.json["message"]


@pytest.mark.parametrize(
    ("authorization", "expected"),
    [("Basic OmEtcGVyc29uYWwtYWNjZXNzLXRva2Vu", "personal access token"), ("Bearer {person}", "token of a person")],
)
def test_who_is_not_a_service_principal_is_refused_by_name(
    authorization: str, expected: str, story: Story, ask: Client
) -> None:
    header = authorization.format(person=ask.azure.token(story.ada.oid, idtyp=None, scp="user_impersonation"))
    response = ask(story.build, headers={"Authorization": header})
    assert response.status == 501
    assert expected in response.json["message"]


def test_what_a_reader_may_not_see_is_as_if_it_were_not_there(story: Story, ask: Client) -> None:
    story.organization.project("secret")
    story.organization.admit("slipway-worker", oid=WORKER, projects=frozenset({"secret"}))
    hidden, absent = ask(story.build), ask("nowhere/_apis/build/builds/1")
    assert hidden.status == absent.status == 404
    assert hidden.json["typeKey"] == absent.json["typeKey"] == "ProjectDoesNotExistWithNameException"


def test_a_stakeholder_sees_no_repository(story: Story, ask: Client) -> None:
    story.organization.admit("slipway-worker", oid=WORKER, basic=False)
    response = ask(f"{story.git}/commits/{story.commit.id}")
    assert (response.status, response.json["typeKey"]) == (404, "GitRepositoryNotFoundException")


def test_the_graph_needs_a_right_that_identities_do_not(story: Story, ask: Client) -> None:
    story.organization.admit("slipway-worker", oid=WORKER, people=False)
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
def test_a_version_has_to_be_sent_and_to_be_one_that_is_known(
    version: str | None, status: int, key: str, story: Story, ask: Client
) -> None:
    response = ask.in_version(version)(story.build)
    assert (response.status, response.json["typeKey"]) == (status, key)


def test_what_is_in_preview_has_to_be_asked_for_as_such(story: Story, ask: Client) -> None:
    path = f"_apis/graph/users/{story.ada.descriptor}"
    response = ask(path, people=True)
    assert (response.status, response.json["typeKey"]) == (400, "VssInvalidPreviewVersionException")
    assert ask.in_version("7.1-preview.1")(path, people=True).status == 200


def test_the_version_may_stand_in_accept(story: Story, ask: Client) -> None:
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
def test_what_the_double_does_not_know_it_says_by_name(
    path: str, query: dict[str, Any], expected: str, story: Story, ask: Client
) -> None:
    response = ask(path, query)
    assert response.status == 501
    assert expected in response.json["message"]


# ---- throttling and outages
def test_an_answer_may_be_whole_and_still_ask_to_wait(story: Story, ask: Client) -> None:
    story.organization.faults.retry_after = 17
    response = ask(story.build)
    assert (response.status, response.headers["Retry-After"]) == (200, "17")
    assert response.headers["X-RateLimit-Limit"] == "200"


@pytest.mark.parametrize(("fault", "status", "code"), [("blocked", 429, "TF400733"), ("stopped", 503, "TF24668")])
def test_a_bad_day_has_an_error_of_its_own(fault: str, status: int, code: str, story: Story, ask: Client) -> None:
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


def test_without_keys_no_token_is_taken() -> None:
    organization = Organization()
    organization.admit("slipway-worker", oid=WORKER)
    with AzureDevOps(organization, keys=lambda _: None) as azure:
        assert Client(azure=azure)("shop/_apis/build/builds/1").status == 203

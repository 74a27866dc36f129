"""Service hooks of Azure DevOps: completed builds and runs, and everything else that may arrive at the hook."""

from datetime import UTC, datetime
from typing import Any

import pytest

from slipway.domain.runs import Run
from slipway.inbound import BadInput, Ignored, parse_hook
from slipway.inbound.claims import claimed_run
from tests.unit.inbound.samples import (
    BUILD,
    LEGACY_BUILD,
    MINIMAL_BUILD,
    NOTHING,
    NOW,
    RUN_STATE,
    as_bytes,
    changed,
)

ANY: frozenset[str] = frozenset()
FINISHED = datetime(2026, 11, 22, 21, 40, 0, 765432, tzinfo=UTC)


def parse(hook: dict[str, Any], organizations: frozenset[str] = ANY) -> Run:
    event = parse_hook(as_bytes(hook), organizations, now=NOW)
    assert (event.received_at, event.repository, event.digest, event.tag) == (NOW, None, None, None)
    return event.claims


def test_a_completed_build_becomes_a_run() -> None:
    assert parse(BUILD) == claimed_run(
        organization="Contoso",
        project="shop",
        project_id="5e2f3a1b-33f1-4b0c-8a1b-2f3d4c5b6a79",
        pipeline="shop-ci",
        folder="\\",
        definition=7,
        id=4711,
        number="1.4.2",
        result="succeeded",
        branch="refs/heads/main",
        commit="600a5ed7c9c0bd5fb3a2f60a8ab86e9f3a2b1c4d",
        requester="ada@contoso.com",
        finished_at=FINISHED,
    )


def test_minimal_details_are_enough_for_a_run_without_branch_and_person() -> None:
    run = parse(BUILD)
    bare = run.evolve(branch="", commit="", folder="", people=(), finished_at=NOW)
    assert parse(MINIMAL_BUILD) == bare


def test_a_build_of_version_1_is_refused_by_the_field_to_change() -> None:
    with pytest.raises(BadInput) as refused:
        parse(LEGACY_BUILD)
    assert str(refused.value) == "resourceVersion: expected 2.0 (set it on the service hook subscription), got '1.0'"


def test_a_completed_run_becomes_a_run_whose_project_is_known_by_id() -> None:
    assert parse(RUN_STATE) == claimed_run(
        organization="Contoso",
        project="5e2f3a1b-33f1-4b0c-8a1b-2f3d4c5b6a79",
        project_id="5e2f3a1b-33f1-4b0c-8a1b-2f3d4c5b6a79",
        pipeline="shop-ci",
        folder="\\",
        definition=7,
        id=4711,
        number="1.4.2",
        result="succeeded",
        finished_at=FINISHED,
    )


@pytest.mark.parametrize("state", ["inProgress", "canceling", "unknown"])
def test_a_run_that_is_still_running_is_ignored(state: str) -> None:
    with pytest.raises(Ignored, match=rf"the run 1\.4\.2 is {state}, not completed"):
        parse(changed(RUN_STATE, resource__run__state=state, resource__run__result=NOTHING))


@pytest.mark.parametrize("details", [{}, {"id": 1}, None, NOTHING])
def test_other_events_are_ignored_whatever_they_hold(details: Any) -> None:
    with pytest.raises(Ignored, match=r"'git\.push' start nothing"):
        parse(changed(BUILD, eventType="git.push", resource=details))


@pytest.mark.parametrize("publisher", ["tfs", "azure-devops", "pipelines", NOTHING])
def test_the_publisher_does_not_matter(publisher: Any) -> None:
    assert parse(changed(BUILD, publisherId=publisher)) == parse(BUILD)


@pytest.mark.parametrize("result", ["succeeded", "partiallySucceeded", "failed", "canceled", "something-new"])
@pytest.mark.parametrize("hook", [BUILD, RUN_STATE])
def test_only_succeeded_is_a_success(hook: dict[str, Any], result: str) -> None:
    path = "resource__result" if hook is BUILD else "resource__run__result"
    run = parse(changed(hook, **{path: result}))
    assert (run.result, run.succeeded) == (result, result == "succeeded")


@pytest.mark.parametrize("branch", ["refs/heads/main", "refs/pull/7/merge", "refs/tags/v1", "main", "", NOTHING])
def test_the_branch_is_passed_on_as_it_came(branch: Any) -> None:
    assert parse(changed(BUILD, resource__sourceBranch=branch)).branch == ("" if branch is NOTHING else branch)


@pytest.mark.parametrize(
    ("url", "organization"),
    [
        ("https://dev.azure.com/contoso/", "contoso"),
        ("https://dev.azure.com/contoso", "contoso"),
        ("https://DEV.azure.com/contoso?x=1", "contoso"),
        ("https://contoso.visualstudio.com/", "contoso"),
        ("https://contoso.visualstudio.com", "contoso"),
    ],
)
@pytest.mark.parametrize("container", ["account", "collection", "project"])
def test_the_organization_is_read_from_both_forms_of_address(container: str, url: str, organization: str) -> None:
    hook = changed(BUILD, resourceContainers={container: {"id": "some-guid", "baseUrl": url}})
    assert parse(hook, frozenset({"contoso"})).organization == organization


@pytest.mark.parametrize(
    "url",
    [
        "https://contoso.visualstudio.com.evil.example/",
        "https://dev.azure.com.evil.example/contoso/",
        "https://evil.example/https://dev.azure.com/contoso/",
        "http://dev.azure.com/contoso/",
        "https://dev.azure.com/",
        "https://dev.azure.com/fabrikam/",
        "",
    ],
)
def test_other_addresses_name_no_organization_that_counts(url: str) -> None:
    hook = changed(BUILD, resourceContainers={"account": {"id": "some-guid", "baseUrl": url}})
    with pytest.raises(BadInput, match=r"^resourceContainers: expected an organization of this .* \(contoso\), got "):
        parse(hook, frozenset({"contoso"}))


def test_where_any_organization_may_come_the_account_stands_in_for_its_name() -> None:
    hook = changed(BUILD, resourceContainers={"account": {"id": "f844ec47"}})
    assert parse(hook).organization == "f844ec47"
    assert parse(changed(BUILD, resourceContainers=NOTHING)).organization == ""


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "https://dev.azure.com.evil.example/", "https://evil.example/x"]
)
def test_the_address_of_the_run_is_made_from_its_ids_whatever_the_hook_says(url: str) -> None:
    run = parse(changed(BUILD, resource___links={"web": {"href": url}}))
    assert run.url == f"https://dev.azure.com/Contoso/{run.project_id}/_build/results?buildId=4711"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("eventType", NOTHING),
        ("eventType", 7),
        ("resource", NOTHING),
        ("resource", []),
        ("resource__id", NOTHING),
        ("resource__id", -1),
        ("resource__id", 2**63),
        ("resource__id", "4711x"),
        ("resource__buildNumber", NOTHING),
        ("resource__buildNumber", "x" * 2049),
        ("resource__result", NOTHING),
        ("resource__definition", NOTHING),
        ("resource__definition__name", {}),
        ("resource__requestedFor", "ada"),
        ("resource__finishTime", "9999-12-31T23:59:59-12:00"),
        ("resource__sourceVersion", ["a"]),
        ("resourceContainers", []),
        ("resourceContainers__account__baseUrl", 7),
    ],
)
def test_a_wrong_field_is_named_by_its_path_in_a_short_message(field: str, value: Any) -> None:
    with pytest.raises(BadInput) as refused:
        parse(changed(BUILD, **{field: value}))
    assert refused.value.field == field.replace("__", ".")
    assert len(str(refused.value)) < 250


def test_long_values_are_cut_to_what_a_run_holds() -> None:
    run = parse(changed(BUILD, resource__buildNumber="9" * 2048, resource__sourceBranch="b" * 2048))
    assert (len(run.number), len(run.branch)) == (256, 1024)


def test_the_test_of_the_wizard_is_answered_with_success_whatever_it_holds() -> None:
    zeros = "00000000-0000-0000-0000-000000000000"
    for hook in (BUILD, LEGACY_BUILD, RUN_STATE, {"eventType": BUILD["eventType"]}):
        with pytest.raises(Ignored, match="test of the connection: it came through, the secret is right"):
            parse({**hook, "subscriptionId": zeros}, frozenset({"another"}))


def test_a_hook_that_is_sent_again_is_the_same_event() -> None:
    again = changed(BUILD, notificationId=99, id="another", createdDate="2026-11-22T22:00:00Z")
    later = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
    first = parse_hook(as_bytes(BUILD), ANY, now=NOW)
    assert parse_hook(as_bytes(again), ANY, now=later).mark == first.mark

"""Recorded answers of the real service: the double's answers have the same members, and no others.

`recorded/7.1.json` holds the member names and their types, taken from public recordings and from the examples of
Microsoft's interface description, each with its source and its date, and the members that the description 7.1 allows.
"""

import json
import operator
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from local.azuredevops import Strategy
from local.azuredevops.locations import LOCATIONS
from local.azuredevops.people import Kind

from .support import Client, Response, Story

FILE = Path(__file__).parent / "recorded" / "7.1.json"
RECORDED = json.loads(FILE.read_text(encoding="utf-8"))
FACTS: dict[str, dict[str, Any]] = {fact["what"]: fact for fact in RECORDED["facts"]}
DESCRIBED: dict[str, list[str]] = RECORDED["described"]
TYPES = {"string": str, "number": int, "boolean": bool, "object": dict}


def _begun(story: Story, ask: Client) -> Response:
    run = story.pipeline.start(story.commit, requested_for=story.ben, reason="manual")
    return ask(f"{story.project.id}/_apis/build/builds/{run.id}")


def _retried(story: Story, ask: Client) -> Response:
    story.run.retry("build").finish()
    return ask(f"{story.build}/timeline")


def _active(story: Story, ask: Client) -> Response:
    story.repository.commit("More", by=story.ada, branch="more")
    pull_request = story.repository.pull_request("More", by=story.ada, branch="more")
    return ask(f"{story.git}/pullRequests/{pull_request.id}")


def _commits(story: Story, ask: Client) -> Response:
    criteria = {"itemVersion": story.live.id, "compareVersion": story.commit.id}
    versions = {f"searchCriteria.{name}.version": id for name, id in criteria.items()}
    types = {f"searchCriteria.{name}.versionType": "commit" for name in criteria}
    return ask(f"{story.git}/commits", versions | types)


def _service(story: Story, ask: Client) -> Response:
    principal = next(p for p in story.organization.people.values() if p.kind is Kind.SERVICE_PRINCIPAL)
    return ask.in_version("7.1-preview.1")(f"_apis/graph/serviceprincipals/{principal.descriptor}", people=True)


REQUESTS: dict[str, Callable[[Story, Client], Response]] = {
    "a completed run": lambda story, ask: ask(story.build),
    "a run that has begun": _begun,
    "the timeline after a retry": _retried,
    "an active pull request": _active,
    "a completed pull request": lambda story, ask: ask(f"{story.git}/pullRequests/{story.pull_request.id}"),
    "a commit": lambda story, ask: ask(f"{story.git}/commits/{story.commit.id}"),
    "a list of commits": _commits,
    "a list of pushes": lambda story, ask: ask(
        f"{story.git}/pushes", {"$top": 10, "searchCriteria.includeRefUpdates": "true"}
    ),
    "an identity": lambda story, ask: ask(
        "_apis/identities", {"searchFilter": "General", "filterValue": "Ada"}, people=True
    ),
    "a user of the graph": lambda story, ask: ask.in_version("7.1-preview.1")(
        f"_apis/graph/users/{story.ada.descriptor}", people=True
    ),
    "a service principal of the graph": _service,
    "a descriptor": lambda story, ask: ask(f"_apis/graph/descriptors/{story.ada.storage_key}", people=True),
    "a storage key": lambda story, ask: ask(f"_apis/graph/storagekeys/{story.ada.descriptor}", people=True),
    "a project that is not there": lambda story, ask: ask("nowhere/_apis/build/builds/1"),
}


def missing(recorded: Any, actual: Any, path: str) -> list[str]:
    """Members that were recorded and that the double lacks, or gives as another type."""
    if recorded == "null" or actual is None:
        return []
    if isinstance(recorded, list):
        if not isinstance(actual, list):
            return [path]
        return [line for item in actual if recorded for line in missing(recorded[0], item, f"{path}[]")]
    if isinstance(recorded, dict):
        if not isinstance(actual, dict):
            return [path]
        lost = [f"{path}.{name}" for name in recorded if name not in actual]
        return lost + [line for n in recorded if n in actual for line in missing(recorded[n], actual[n], f"{path}.{n}")]
    return [] if isinstance(actual, TYPES[recorded]) else [path]


def test_every_recorded_fact_is_asked_of_the_double() -> None:
    assert set(REQUESTS) == set(FACTS)


@pytest.mark.parametrize("situation", REQUESTS)
def test_an_answer_has_every_recorded_member(situation: str, story: Story, ask: Client) -> None:
    fact, response = FACTS[situation], REQUESTS[situation](story, ask)
    assert response.status == fact["status"]
    assert response.headers["Content-Type"].startswith("application/json; charset=utf-8; api-version=7.1")
    lost = set(missing(fact["members"], response.json, "")) - set(fact.get("not_ours", ()))
    assert not lost


OBJECTS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "Build": ("a completed run", lambda content: content),
    "TeamProjectReference": ("a completed run", lambda content: content["project"]),
    "DefinitionReference": ("a completed run", lambda content: content["definition"]),
    "BuildRepository": ("a completed run", lambda content: content["repository"]),
    "IdentityRef": ("a completed run", lambda content: content["requestedFor"]),
    "Timeline": ("the timeline after a retry", lambda content: content),
    "TimelineRecord": ("the timeline after a retry", lambda content: content["records"][0]),
    "TimelineAttempt": ("the timeline after a retry", lambda content: _attempts(content)[0]),
    "GitPullRequest": ("a completed pull request", lambda content: content),
    "IdentityRefWithVote": ("a completed pull request", lambda content: content["reviewers"][0]),
    "GitRepository": ("a completed pull request", lambda content: content["repository"]),
    "GitCommitRef": ("a commit", lambda content: content),
    "GitPush": ("a list of pushes", lambda content: content["value"][0]),
    "GitRefUpdate": ("a list of pushes", lambda content: content["value"][0]["refUpdates"][0]),
    "GraphUser": ("a user of the graph", lambda content: content),
    "GraphServicePrincipal": ("a service principal of the graph", lambda content: content),
    "Identity": ("an identity", lambda content: content["value"][0]),
}


def _attempts(content: Any) -> list[Any]:
    return [attempt for record in content["records"] for attempt in record["previousAttempts"]]


@pytest.mark.parametrize("kind", OBJECTS)
def test_an_answer_has_only_described_or_recorded_members(kind: str, story: Story, ask: Client) -> None:
    situation, pick = OBJECTS[kind]
    actual = pick(REQUESTS[situation](story, ask).json)
    recorded = pick(FACTS[situation]["members"]) if kind not in ("GitPullRequest", "IdentityRefWithVote") else {}
    assert actual
    assert set(actual) - set(DESCRIBED[kind]) - set(recorded) == set()


def test_the_members_that_no_recording_shows_are_those_of_the_description(story: Story, ask: Client) -> None:
    [attachment] = ask(f"{story.build}/attachments/slipway").value
    change = ask(f"{story.build}/changes", {"$top": 10}).value[0]
    run = ask(f"{story.project.id}/_apis/pipelines/{story.pipeline.id}/runs/{story.run.id}").json
    assert set(attachment) == set(DESCRIBED["Attachment"])
    assert set(change) <= set(DESCRIBED["Change"])
    assert set(run) <= set(DESCRIBED["Run"])
    assert set(run["pipeline"]) <= set(DESCRIBED["PipelineReference"])


@pytest.mark.parametrize("strategy", Strategy)
def test_the_names_of_merge_strategies_are_those_of_the_description(strategy: Strategy) -> None:
    assert strategy.value in RECORDED["values"]["mergeStrategy"]


def test_the_resources_are_where_the_service_says_that_they_are(ask: Client) -> None:
    """Template, released version and newest preview of each, as the service tells its clients."""
    response = ask.in_version(None)("_apis", method="OPTIONS")
    assert response.status == 200
    key = operator.itemgetter("id")
    assert sorted(response.value, key=key) == sorted(RECORDED["locations"]["value"], key=key)


@pytest.mark.parametrize("location", RECORDED["locations"]["value"], ids=lambda location: location["routeTemplate"])
def test_each_resource_takes_its_previews_and_no_later_one(location: dict[str, Any]) -> None:
    versions = next(item for item in LOCATIONS if item.id == location["id"]).versions
    newest = location["resourceVersion"]
    assert versions.take("7.1")
    assert versions.take(f"7.1-preview.{newest}")
    assert not versions.take(f"7.1-preview.{newest + 1}")

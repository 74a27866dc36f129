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

from .support import Answer, Client, Story

FILE = Path(__file__).parent / "recorded" / "7.1.json"
RECORDED = json.loads(FILE.read_text(encoding="utf-8"))
FACTS: dict[str, dict[str, Any]] = {fact["what"]: fact for fact in RECORDED["facts"]}
DESCRIBED: dict[str, list[str]] = RECORDED["described"]
TYPES = {"string": str, "number": int, "boolean": bool, "object": dict}


def _begun(told: Story, ask: Client) -> Answer:
    run = told.pipeline.start(told.commit, requested_for=told.ben, reason="manual")
    return ask(f"{told.project.id}/_apis/build/builds/{run.id}")


def _retried(told: Story, ask: Client) -> Answer:
    told.run.retry("build").finish()
    return ask(f"{told.build}/timeline")


def _active(told: Story, ask: Client) -> Answer:
    told.repository.commit("More", by=told.ada, branch="more")
    made = told.repository.pull_request("More", by=told.ada, branch="more")
    return ask(f"{told.git}/pullRequests/{made.id}")


def _commits(told: Story, ask: Client) -> Answer:
    criteria = {"itemVersion": told.live.id, "compareVersion": told.commit.id}
    versions = {f"searchCriteria.{name}.version": id for name, id in criteria.items()}
    types = {f"searchCriteria.{name}.versionType": "commit" for name in criteria}
    return ask(f"{told.git}/commits", versions | types)


def _service(told: Story, ask: Client) -> Answer:
    found = next(p for p in told.organization.people.values() if p.kind is Kind.SERVICE_PRINCIPAL)
    return ask.in_version("7.1-preview.1")(f"_apis/graph/serviceprincipals/{found.descriptor}", people=True)


ASKED: dict[str, Callable[[Story, Client], Answer]] = {
    "a completed run": lambda told, ask: ask(told.build),
    "a run that has begun": _begun,
    "the timeline after a retry": _retried,
    "an active pull request": _active,
    "a completed pull request": lambda told, ask: ask(f"{told.git}/pullRequests/{told.pull_request.id}"),
    "a commit": lambda told, ask: ask(f"{told.git}/commits/{told.commit.id}"),
    "a list of commits": _commits,
    "a list of pushes": lambda told, ask: ask(
        f"{told.git}/pushes", {"$top": 10, "searchCriteria.includeRefUpdates": "true"}
    ),
    "an identity": lambda told, ask: ask(
        "_apis/identities", {"searchFilter": "General", "filterValue": "Ada"}, people=True
    ),
    "a user of the graph": lambda told, ask: ask.in_version("7.1-preview.1")(
        f"_apis/graph/users/{told.ada.descriptor}", people=True
    ),
    "a service principal of the graph": _service,
    "a descriptor": lambda told, ask: ask(f"_apis/graph/descriptors/{told.ada.storage_key}", people=True),
    "a storage key": lambda told, ask: ask(f"_apis/graph/storagekeys/{told.ada.descriptor}", people=True),
    "a project that is not there": lambda told, ask: ask("nowhere/_apis/build/builds/1"),
}


def missing(recorded: Any, given: Any, path: str) -> list[str]:
    """Members that were recorded and that the double lacks, or gives as another type."""
    if recorded == "null" or given is None:
        return []
    if isinstance(recorded, list):
        if not isinstance(given, list):
            return [path]
        return [line for each in given if recorded for line in missing(recorded[0], each, f"{path}[]")]
    if isinstance(recorded, dict):
        if not isinstance(given, dict):
            return [path]
        lost = [f"{path}.{name}" for name in recorded if name not in given]
        return lost + [line for n in recorded if n in given for line in missing(recorded[n], given[n], f"{path}.{n}")]
    return [] if isinstance(given, TYPES[recorded]) else [path]


def test_every_recorded_fact_is_asked_of_the_double() -> None:
    assert set(ASKED) == set(FACTS)


@pytest.mark.parametrize("what", ASKED)
def test_an_answer_has_what_was_recorded(what: str, told: Story, ask: Client) -> None:
    fact, answer = FACTS[what], ASKED[what](told, ask)
    assert answer.status == fact["status"]
    assert answer.headers["Content-Type"].startswith("application/json; charset=utf-8; api-version=7.1")
    lost = set(missing(fact["members"], answer.json, "")) - set(fact.get("not_ours", ()))
    assert not lost


OBJECTS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "Build": ("a completed run", lambda answer: answer),
    "TeamProjectReference": ("a completed run", lambda answer: answer["project"]),
    "DefinitionReference": ("a completed run", lambda answer: answer["definition"]),
    "BuildRepository": ("a completed run", lambda answer: answer["repository"]),
    "IdentityRef": ("a completed run", lambda answer: answer["requestedFor"]),
    "Timeline": ("the timeline after a retry", lambda answer: answer),
    "TimelineRecord": ("the timeline after a retry", lambda answer: answer["records"][0]),
    "TimelineAttempt": ("the timeline after a retry", lambda answer: _attempts(answer)[0]),
    "GitPullRequest": ("a completed pull request", lambda answer: answer),
    "IdentityRefWithVote": ("a completed pull request", lambda answer: answer["reviewers"][0]),
    "GitRepository": ("a completed pull request", lambda answer: answer["repository"]),
    "GitCommitRef": ("a commit", lambda answer: answer),
    "GitPush": ("a list of pushes", lambda answer: answer["value"][0]),
    "GitRefUpdate": ("a list of pushes", lambda answer: answer["value"][0]["refUpdates"][0]),
    "GraphUser": ("a user of the graph", lambda answer: answer),
    "GraphServicePrincipal": ("a service principal of the graph", lambda answer: answer),
    "Identity": ("an identity", lambda answer: answer["value"][0]),
}


def _attempts(answer: Any) -> list[Any]:
    return [attempt for record in answer["records"] for attempt in record["previousAttempts"]]


@pytest.mark.parametrize("kind", OBJECTS)
def test_an_answer_has_nothing_that_was_neither_described_nor_recorded(kind: str, told: Story, ask: Client) -> None:
    what, pick = OBJECTS[kind]
    given = pick(ASKED[what](told, ask).json)
    recorded = pick(FACTS[what]["members"]) if kind not in ("GitPullRequest", "IdentityRefWithVote") else {}
    assert given
    assert set(given) - set(DESCRIBED[kind]) - set(recorded) == set()


def test_the_members_that_no_recording_shows_are_those_of_the_description(told: Story, ask: Client) -> None:
    [attachment] = ask(f"{told.build}/attachments/slipway").value
    change = ask(f"{told.build}/changes", {"$top": 10}).value[0]
    run = ask(f"{told.project.id}/_apis/pipelines/{told.pipeline.id}/runs/{told.run.id}").json
    assert set(attachment) == set(DESCRIBED["Attachment"])
    assert set(change) <= set(DESCRIBED["Change"])
    assert set(run) <= set(DESCRIBED["Run"])
    assert set(run["pipeline"]) <= set(DESCRIBED["PipelineReference"])


@pytest.mark.parametrize("strategy", Strategy)
def test_the_names_of_merge_strategies_are_those_of_the_description(strategy: Strategy) -> None:
    assert strategy.value in RECORDED["values"]["mergeStrategy"]


def test_the_resources_are_where_the_service_says_that_they_are(ask: Client) -> None:
    """Template, released version and newest preview of each, as the service tells its clients."""
    answer = ask.in_version(None)("_apis", method="OPTIONS")
    assert answer.status == 200
    key = operator.itemgetter("id")
    assert sorted(answer.value, key=key) == sorted(RECORDED["locations"]["value"], key=key)


@pytest.mark.parametrize("location", RECORDED["locations"]["value"], ids=lambda told: told["routeTemplate"])
def test_each_resource_takes_its_previews_and_no_later_one(location: dict[str, Any]) -> None:
    versions = next(each for each in LOCATIONS if each.id == location["id"]).versions
    newest = location["resourceVersion"]
    assert versions.take("7.1")
    assert versions.take(f"7.1-preview.{newest}")
    assert not versions.take(f"7.1-preview.{newest + 1}")

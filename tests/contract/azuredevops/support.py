"""A small organization with one released change, and a client that follows no redirect."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import urllib3

from local.azuredevops import AzureDevOps, Kind, Organization, Strategy
from local.azuredevops.organization import Project
from local.azuredevops.people import Person
from local.azuredevops.repository import Commit, PullRequest, Repository
from local.azuredevops.runs import Pipeline, Run

WORKER = "99999999-0000-4000-8000-000000000001"
PUBLISHED: dict[str, Any] = {
    "v": 1,
    "kind": "image",
    "registry": "nonprod",
    "repository": "shop",
    "digest": "sha256:" + "a" * 64,
}


class Clock:
    """A clock that advances by a second with each reading."""

    def __init__(self) -> None:
        self.moment = datetime(2026, 3, 2, 9, 0, 0, 123456, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.moment += timedelta(seconds=1)
        return self.moment


@dataclass(frozen=True, kw_only=True)
class Response:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def value(self) -> list[Any]:
        content = self.json
        assert content["count"] == len(content["value"])
        entries: list[Any] = content["value"]
        return entries


@dataclass(kw_only=True)
class Client:
    """Sends requests as the worker would: with a token and a version, and without following a redirect."""

    azure: AzureDevOps
    token: str | None = None
    version: str | None = "7.1"
    http: urllib3.PoolManager = field(default_factory=lambda: urllib3.PoolManager(retries=False, timeout=10))

    def __call__(
        self,
        path: str,
        query: Mapping[str, object] | None = None,
        *,
        body: Any = None,
        people: bool = False,
        headers: Mapping[str, str] | None = None,
        method: str | None = None,
    ) -> Response:
        parameters = {name: str(value) for name, value in (query or {}).items()}
        if self.version:
            parameters["api-version"] = self.version
        base = self.azure.people_url if people else self.azure.url
        default_headers = {"Authorization": f"Bearer {self.token or self.azure.token(WORKER)}"}
        response = self.http.request(
            method or ("GET" if body is None else "POST"),
            f"{base}/contoso/{path}?{urlencode(parameters)}",
            body=None if body is None else json.dumps(body).encode(),
            headers=default_headers if headers is None else dict(headers),
            redirect=False,
        )
        return Response(status=response.status, headers=response.headers, body=response.data)

    def in_version(self, version: str | None) -> "Client":
        return Client(azure=self.azure, token=self.token, version=version)

    def with_token(self, token: str) -> "Client":
        return Client(azure=self.azure, token=token, version=self.version)


@dataclass(kw_only=True)
class Story:
    """Ada writes a change, Ben completes her pull request, and the run that follows publishes an image."""

    organization: Organization
    project: Project
    repository: Repository
    pipeline: Pipeline
    ada: Person
    ben: Person
    live: Commit
    pull_request: PullRequest
    commit: Commit
    run: Run

    @property
    def build(self) -> str:
        return f"{self.project.id}/_apis/build/builds/{self.run.id}"

    @property
    def git(self) -> str:
        return f"{self.project.id}/_apis/git/repositories/{self.repository.id}"


def play_story(strategy: Strategy = Strategy.SQUASH) -> Story:
    organization = Organization(clock=Clock())
    organization.admit("slipway-worker", oid=WORKER)
    ada = organization.person("Ada", "ada@example.com")
    ben = organization.person("Ben", "ben@example.com")
    organization.person("Grace", "grace@partner.example", kind=Kind.GUEST)
    project = organization.project()
    repository = project.repository("shop")
    pipeline = project.pipeline("shop-ci", repository, path="\\team\\shop")
    live = repository.commit("Begin\n\nWith some words below.", by=ada)
    pipeline.run(live, requested_for=ada)
    repository.commit("Add a cart", by=ada, branch="cart")
    repository.commit("Fill the cart", by=ada, branch="cart")
    pull_request = repository.pull_request("A cart", by=ada, branch="cart")
    pull_request.review(ben, 10)
    commit = pull_request.complete(by=ben, strategy=strategy)
    run = pipeline.run(commit, requested_for=ben, publishes=json.dumps(PUBLISHED).encode())
    return Story(
        organization=organization,
        project=project,
        repository=repository,
        pipeline=pipeline,
        ada=ada,
        ben=ben,
        live=live,
        pull_request=pull_request,
        commit=commit,
        run=run,
    )

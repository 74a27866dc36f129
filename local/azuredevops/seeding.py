"""The short way to put a story in: a pull request of somebody, completed by somebody, and the run that it started.

In a process of its own the double takes the same story by `POST /local/deliveries`; `/local` is asked for no token.
"""

import json
from typing import Any

import urllib3
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from .answers import Answer
from .organization import Organization
from .people import Person, Signature
from .repository import Strategy
from .runs import Run

_MAIN = "refs/heads/main"


class _Told(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Somebody(_Told):
    """A person, by address; made a member of the organization when they are none."""

    name: str
    mail: str
    oid: str | None = None


class Delivery(_Told):
    """What happened before an image was pushed."""

    project: str = "shop"
    repository: str = "shop"
    pipeline: str = "shop-ci"
    title: str = "Change the shop"
    author: Somebody
    """Who committed, opened the pull request and pushed its branch."""
    claims: Somebody | None = None
    """Whom the commit names instead as its author and committer."""
    completer: Somebody | None = None
    """Who completed the pull request; nobody: the commit was pushed to main without one."""
    strategy: Strategy = Strategy.SQUASH
    result: str = "succeeded"
    publishes: dict[str, Any] | None = None
    """The document that the run publishes; nothing: it says nothing."""


class Delivered(_Told):
    """What can be asked for now."""

    organization: str
    project: str = Field(description="id")
    definition: int
    run: int
    number: str
    commit: str
    pull_request: int | None
    attachment: str | None = Field(description="id of the record that holds it")


def deliver(organization: Organization, told: Delivery) -> Delivered:
    """Let it happen in the organization."""
    project = organization.project(told.project)
    repository = project.repository(told.repository)
    author = _person(organization, told.author)
    claims = Signature(name=told.claims.name, email=told.claims.mail) if told.claims else None
    if _MAIN not in repository.refs:
        repository.commit("Begin", by=author)
    pull_request = None
    if told.completer is None:
        commit, pusher = repository.commit(told.title, by=author, claims=claims), author
    else:
        branch = f"topic-{len(repository.pushes)}"
        repository.commit(told.title, by=author, branch=branch, claims=claims)
        pull_request = repository.pull_request(told.title, by=author, branch=branch)
        pusher = _person(organization, told.completer)
        commit = pull_request.complete(by=pusher, strategy=told.strategy)
    document = None if told.publishes is None else json.dumps(told.publishes).encode()
    run = project.pipeline(told.pipeline, repository).run(
        commit, requested_for=pusher, publishes=document, result=told.result
    )
    return _delivered(run, pull_request.id if pull_request else None)


def _delivered(run: Run, pull_request: int | None) -> Delivered:
    project = run.pipeline.project
    return Delivered(
        organization=project.organization.name,
        project=project.id,
        definition=run.pipeline.id,
        run=run.id,
        number=run.number,
        commit=run.commit.id,
        pull_request=pull_request,
        attachment=run.attachments[0].record if run.attachments else None,
    )


def _person(organization: Organization, told: Somebody) -> Person:
    for known in organization.people.values():
        if known.mail == told.mail:
            return known
    return organization.person(told.name, told.mail, oid=told.oid)


def deliver_over_http(organization: Organization, path: str, body: bytes) -> Answer:
    """The answer to a request under `/local`."""
    if path != "deliveries":
        return Answer(content={"message": "Here is only POST /local/deliveries."}, status=404)
    try:
        told = Delivery.model_validate_json(body)
    except ValidationError as error:
        return Answer(content={"message": str(error)}, status=400)
    return Answer(content=deliver(organization, told).model_dump())


class Seeding:
    """Puts stories into a double that runs in another process."""

    def __init__(self, url: str) -> None:
        self._url = f"{url}/local/deliveries"
        self._http = urllib3.PoolManager(retries=False, timeout=10)

    def deliver(self, told: Delivery) -> Delivered:
        """Raises `ValueError` when the double does not take it."""
        answer = self._http.request("POST", self._url, body=told.model_dump_json().encode())
        if answer.status != 200:
            raise ValueError(answer.data.decode())
        return Delivered.model_validate_json(answer.data)

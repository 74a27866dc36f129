"""Puts a whole delivery into the double at once: a pull request, who completed it, and the run that it started.

An image can only be named once it is built, from a commit that exists: so a run can be left in progress (`ends=False`)
and ended later. A double that runs as a process accepts the same by `POST /local/deliveries` and `/local/endings`;
requests to `/local` need no token.
"""

import json
from typing import Any

import urllib3
from pydantic import BaseModel, ConfigDict, Field

from .answers import Response
from .organization import Organization
from .people import Person, Signature
from .repository import Strategy
from .runs import Job, Run

_MAIN = "refs/heads/main"
PROJECT_ID = "5e2f3a1b-33f1-4b0c-8a1b-2f3d4c5b6a79"
"""The project `shop` of the local stack's organization."""


class _SeedModel(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Somebody(_SeedModel):
    """A person, by address; added to the organization if they are not a member yet."""

    name: str
    mail: str
    oid: str | None = None


class Delivery(_SeedModel):
    """What happened before an image was pushed."""

    project: str = "shop"
    repository: str = "shop"
    pipeline: str = "shop-ci"
    title: str = "Change the shop"
    author: Somebody
    """The person who committed, opened the pull request and pushed its branch."""
    claims: Somebody | None = None
    """Whom the commit names as its author and committer, if not the real author."""
    completer: Somebody | None = None
    """Who completed the pull request; None if the commit was pushed to main without one."""
    strategy: Strategy = Strategy.SQUASH
    ends: bool = True
    """Whether the run ends at once; otherwise it stays in progress until an `Ending` arrives."""
    result: str = "succeeded"
    publishes: dict[str, Any] | None = None
    """The document that the run publishes; None if it publishes none."""


class Ending(_SeedModel):
    """The end of a run."""

    project: str
    """Id or name."""
    run: int
    result: str = "succeeded"
    publishes: dict[str, Any] | None = None


class BadDay(_SeedModel):
    """Faults that begin or end now."""

    stopped: bool


class Delivered(_SeedModel):
    """The ids of what a delivery made, by which a client can query it."""

    organization: str
    project: str = Field(description="id")
    definition: int
    run: int
    number: str
    commit: str
    pull_request: int | None
    attachment: str | None = Field(description="id of the record that holds it")


def deliver(organization: Organization, delivery: Delivery) -> Delivered:
    """Make the commit, the pull request if there is one, and the run."""
    project = organization.project(delivery.project)
    repository = project.repository(delivery.repository)
    author = _person(organization, delivery.author)
    claims = Signature(name=delivery.claims.name, email=delivery.claims.mail) if delivery.claims else None
    if _MAIN not in repository.refs:
        repository.commit("Begin", by=author)
    pull_request = None
    if delivery.completer is None:
        commit, pusher = repository.commit(delivery.title, by=author, claims=claims), author
    else:
        branch = f"topic-{len(repository.pushes)}"
        repository.commit(delivery.title, by=author, branch=branch, claims=claims)
        pull_request = repository.pull_request(delivery.title, by=author, branch=branch)
        pusher = _person(organization, delivery.completer)
        commit = pull_request.complete(by=pusher, strategy=delivery.strategy)
    run = project.pipeline(delivery.pipeline, repository).start(commit, requested_for=pusher)
    job = run.job()
    job.task("Checkout", task=None)
    if delivery.ends:
        _end(job, delivery.publishes, delivery.result)
    return _as_delivered(run, pull_request.id if pull_request else None)


def finish(organization: Organization, ending: Ending) -> Delivered:
    """Let a run in progress publish its document and end. Raises `ValueError` if there is no such run."""
    project = organization.find_project(ending.project)
    run = project.runs.get(ending.run) if project else None
    job = run.running() if run else None
    if run is None or job is None:
        raise ValueError(f"no run {ending.run} is in progress in the project {ending.project}")
    _end(job, ending.publishes, ending.result)
    return _as_delivered(run, None)


def _end(job: Job, publishes: dict[str, Any] | None, result: str) -> None:
    job.task("Build and push the image")
    if publishes is not None:
        job.publish(json.dumps(publishes).encode())
    job.finish(result)
    job.run.finish(result)


def _as_delivered(run: Run, pull_request: int | None) -> Delivered:
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


def _person(organization: Organization, somebody: Somebody) -> Person:
    for member in organization.people.values():
        if member.mail == somebody.mail:
            return member
    return organization.person(somebody.name, somebody.mail, oid=somebody.oid)


def deliver_over_http(organization: Organization, path: str, body: bytes) -> Response:
    """Carry out a request under `/local`; returns the response."""
    try:
        if path == "deliveries":
            delivered = deliver(organization, Delivery.model_validate_json(body))
        elif path == "endings":
            delivered = finish(organization, Ending.model_validate_json(body))
        elif path == "faults":
            organization.faults.stopped = BadDay.model_validate_json(body).stopped
            return Response(content={})
        else:
            message = "The requests here are POST /local/deliveries, /local/endings and /local/faults."
            return Response(content={"message": message}, status=404)
    except ValueError as error:  # pydantic's are of this kind too
        return Response(content={"message": str(error)}, status=400)
    return Response(content=delivered.model_dump())


class Seeding:
    """Puts deliveries into a double that runs in another process."""

    def __init__(self, url: str) -> None:
        self._url = f"{url}/local"
        self._http = urllib3.PoolManager(retries=False, timeout=10)

    def deliver(self, delivery: Delivery) -> Delivered:
        """Raises `ValueError` if the double refuses it."""
        return Delivered.model_validate_json(self._post("deliveries", delivery))

    def finish(self, ending: Ending) -> Delivered:
        """Raises `ValueError` if no such run is in progress."""
        return Delivered.model_validate_json(self._post("endings", ending))

    def set_stopped(self, *, yes: bool) -> None:
        """Stop the organization, so that it answers every request with 503, or start it again. Requests to `/local`
        still work."""
        self._post("faults", BadDay(stopped=yes))

    def _post(self, path: str, request: BaseModel) -> bytes:
        response = self._http.request("POST", f"{self._url}/{path}", body=request.model_dump_json().encode())
        if response.status != 200:
            raise ValueError(response.data.decode())
        return response.data

"""Azure DevOps service hooks: `build.complete` 2.0 and `run-state-changed`. Each is a hint about a run that ended.

Their content is only claimed: `proving.py` asks Azure DevOps. `run-state-changed` names its project only by id, and has
neither branch nor requester.
"""

import re
from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from ..domain.events import RunReported
from ..domain.incoming import ForeignModel, Time
from ..domain.runs import Run
from .claims import claimed_run
from .reading import LARGEST_ID, BadInput, Ignored, plausible_time, read_as, read_json

BUILD_COMPLETE = "build.complete"
RUN_STATE_CHANGED = "ms.vss-pipelines.run-state-changed-event"
OF_A_TEST = "00000000-0000-0000-0000-000000000000"
"""The subscription in the message that the wizard's button *Test* sends: an example, of a project that does not
exist."""

_ORGANIZATION = re.compile(
    r"https://(?:dev\.azure\.com/([^/?#]+)|([a-z0-9-]+)\.visualstudio\.com)(?:[/?#]|$)", re.IGNORECASE
)

Text = Annotated[str, Field(max_length=2048)]


class _NamedResource(ForeignModel):
    id: int | str | None = None
    name: Text = ""


class _Definition(ForeignModel):
    id: int | None = Field(default=None, ge=0, le=LARGEST_ID)
    name: Text
    path: Text = ""


class _Pipeline(ForeignModel):
    id: int | None = Field(default=None, ge=0, le=LARGEST_ID)
    name: Text
    folder: Text = ""


class _Person(ForeignModel):
    uniqueName: Text = ""  # noqa: N815 - names of the event


class _Build(ForeignModel):
    id: int = Field(ge=0, le=LARGEST_ID)
    buildNumber: Text  # noqa: N815
    result: Text
    definition: _Definition
    project: _NamedResource = _NamedResource()
    sourceBranch: Text = ""  # noqa: N815
    sourceVersion: Text = ""  # noqa: N815
    requestedFor: _Person = _Person()  # noqa: N815
    finishTime: Time | None = None  # noqa: N815


class _PipelineRun(ForeignModel):
    id: int = Field(ge=0, le=LARGEST_ID)
    name: Text
    state: Text
    result: Text = ""
    finishedDate: Time | None = None  # noqa: N815


class _Author(ForeignModel):
    email: Text = ""


class _Change(ForeignModel):
    author: _Author = _Author()
    committer: _Author = _Author()


class _Source(ForeignModel):
    change: _Change = _Change()


class _RunResource(ForeignModel):
    run: _PipelineRun
    pipeline: _Pipeline
    repositories: Annotated[tuple[_Source, ...], Field(max_length=100)] = ()


class _Container(ForeignModel):
    id: Text = ""
    baseUrl: Text = ""  # noqa: N815


class _Containers(ForeignModel):
    collection: _Container = _Container()
    account: _Container = _Container()
    project: _Container = _Container()


class _Hook(ForeignModel):
    id: Text = ""
    subscriptionId: Text = ""  # noqa: N815
    eventType: Text  # noqa: N815
    resourceVersion: Text = ""  # noqa: N815
    resource: Any = None
    resourceContainers: _Containers = _Containers()  # noqa: N815


def parse_hook(body: bytes, organizations: frozenset[str], *, now: datetime) -> RunReported:
    """Parse a completed run: a hint. Raises `Ignored` for other events, `BadInput` for malformed ones.

    `organizations`, in lower case, are those whose events are accepted; if empty, all are (the caller has checked the
    shared secret).
    """
    hook = read_as(_Hook, read_json(body))
    if hook.subscriptionId == OF_A_TEST:
        raise Ignored("a test of the connection: it came through, the secret is right, and it starts nothing")
    if hook.eventType not in (BUILD_COMPLETE, RUN_STATE_CHANGED):
        raise Ignored(f"events of type {hook.eventType[:100]!r} start nothing")
    organization = _organization(hook)
    if organizations and organization.casefold() not in organizations:
        raise BadInput(
            "resourceContainers",
            f"an organization of this installation ({', '.join(sorted(organizations))})",
            repr(organization[:100]),
        )
    run = _build(hook, organization, now) if hook.eventType == BUILD_COMPLETE else _run(hook, organization, now)
    return RunReported(received_at=now, claims=run)


def _build(hook: _Hook, organization: str, now: datetime) -> Run:
    if hook.resourceVersion.startswith("1.0"):
        raise BadInput(
            "resourceVersion", "2.0 (set it on the service hook subscription)", repr(hook.resourceVersion[:100])
        )
    build = read_as(_Build, hook.resource, at="resource")
    project_id = str(build.project.id or hook.resourceContainers.project.id)[:64]
    return claimed_run(
        organization=organization,
        project=(build.project.name or project_id)[:256],
        project_id=project_id,
        pipeline=build.definition.name[:256],
        folder=build.definition.path[:512],
        definition=build.definition.id,
        id=build.id,
        number=build.buildNumber[:256],
        result=build.result[:64],
        branch=build.sourceBranch[:1024],
        commit=build.sourceVersion[:128],
        finished_at=plausible_time(build.finishTime, now),
        requester=build.requestedFor.uniqueName,
    )


def _run(hook: _Hook, organization: str, now: datetime) -> Run:
    resource = read_as(_RunResource, hook.resource, at="resource")
    if resource.run.state != "completed":
        raise Ignored(f"the run {resource.run.name[:100]} is {resource.run.state[:64]}, not completed")
    return claimed_run(
        organization=organization,
        project=hook.resourceContainers.project.id[:256],
        project_id=hook.resourceContainers.project.id[:64],
        pipeline=resource.pipeline.name[:256],
        folder=resource.pipeline.folder[:512],
        definition=resource.pipeline.id,
        id=resource.run.id,
        number=resource.run.name[:256],
        result=resource.run.result[:64],
        finished_at=plausible_time(resource.run.finishedDate, now),
        committer=_committer(resource.repositories),
    )


def _committer(sources: tuple[_Source, ...]) -> str:
    """The committer's address, if the run has a single repository and the event names one; otherwise empty."""
    if len(sources) != 1:
        return ""
    change = sources[0].change
    return change.committer.email or change.author.email


def _organization(hook: _Hook) -> str:
    """The organization in the base URL: https://dev.azure.com/contoso/ or https://contoso.visualstudio.com/."""
    containers = hook.resourceContainers
    for container in (containers.account, containers.collection, containers.project):
        match = _ORGANIZATION.match(container.baseUrl)
        if match:
            return (match[1] or match[2])[:256]
    return containers.account.id[:256]

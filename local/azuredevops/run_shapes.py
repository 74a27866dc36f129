"""Runs, timelines, attachments and changes as JSON, with the fields of the 7.1 API reference and of recordings."""

from typing import Any

from . import code_shapes
from .people import Addresses, reference
from .repository import Commit, Repository
from .runs import Attachment, Pipeline, Record, Run
from .times import as_timestamp, to_the_second

_KINDS = {"TfsGit": "azureReposGit", "GitHub": "gitHub"}


def definition(pipeline: Pipeline, at: Addresses) -> dict[str, Any]:
    return {
        "drafts": [],
        "id": pipeline.id,
        "name": pipeline.name,
        "url": f"{_build(pipeline, at)}/Definitions/{pipeline.id}?revision={pipeline.revision}",
        "uri": f"vstfs:///Build/Definition/{pipeline.id}",
        "path": pipeline.path,
        "type": "build",
        "queueStatus": "enabled",
        "revision": pipeline.revision,
        "project": code_shapes.project(at, pipeline.project),
    }


def build(run: Run, at: Addresses) -> dict[str, Any]:
    """A run as the build API returns it."""
    pipeline, repository = run.pipeline, run.pipeline.repository
    base = _build(pipeline, at)
    web = f"{at.organization_url}/{pipeline.project.id}/_build/results?buildId={run.id}"
    ended = {"result": run.result, "finishTime": as_timestamp(run.finished)} if run.finished else {}
    deleted: dict[str, Any] = {}
    if run.deleted_by and run.deleted_at:
        deleted = {
            "deleted": True,
            "deletedDate": as_timestamp(run.deleted_at),
            "deletedBy": reference(run.deleted_by, at),
            "deletedReason": "Deleted by retention policies",
        }
    where = (
        {"url": f"{at.organization_url}/{pipeline.project.name}/_git/{repository.name}"}
        if repository.kind == "TfsGit"
        else {}
    )
    return {
        "_links": {
            "self": {"href": f"{base}/Builds/{run.id}"},
            "web": {"href": web},
            "sourceVersionDisplayUri": {"href": f"{base}/builds/{run.id}/sources"},
            "timeline": {"href": f"{base}/builds/{run.id}/Timeline"},
            "badge": {"href": f"{base}/status/{pipeline.id}"},
        },
        "properties": {},
        "tags": [],
        "validationResults": [],
        "plans": [{"planId": run.timeline_id}],
        "triggerInfo": {"ci.sourceBranch": run.branch, "ci.sourceSha": run.commit.id, "ci.message": run.commit.message}
        if run.reason == "individualCI"
        else {},
        "id": run.id,
        "buildNumber": run.number,
        "status": run.status,
        **ended,
        "queueTime": as_timestamp(run.queued),
        "startTime": as_timestamp(run.queued),
        "url": f"{base}/Builds/{run.id}",
        "definition": definition(pipeline, at),
        "buildNumberRevision": 1,
        "project": code_shapes.project(at, pipeline.project),
        "uri": f"vstfs:///Build/Build/{run.id}",
        "sourceBranch": run.branch,
        "sourceVersion": run.commit.id,
        "queue": {"id": 1, "name": "Azure Pipelines", "pool": {"id": 1, "name": "Azure Pipelines", "isHosted": True}},
        "priority": "normal",
        "reason": run.reason,
        "requestedFor": reference(run.requested_for, at),
        "requestedBy": reference(run.requested_by, at),
        "lastChangedDate": as_timestamp(run.finished or run.queued),
        "lastChangedBy": reference(run.requested_by, at),
        "orchestrationPlan": {"planId": run.timeline_id},
        "logs": {"id": 0, "type": "Container", "url": f"{base}/builds/{run.id}/logs"},
        "repository": {
            "id": repository.id,
            "type": repository.kind,
            "name": repository.name,
            **where,
            "clean": None,
            "checkoutSubmodules": False,
        },
        "keepForever": False,
        "retainedByRelease": False,
        "triggeredByBuild": None,
        "appendCommitMessageToRunName": True,
        **deleted,
    }


def run_of_pipeline(run: Run, at: Addresses) -> dict[str, Any]:
    """The same run as the pipelines API returns it, which does not say who requested it."""
    pipeline, repository = run.pipeline, run.pipeline.repository
    base = f"{at.organization_url}/{pipeline.project.id}/_apis/pipelines/{pipeline.id}"
    ended = {"result": _result(run), "finishedDate": as_timestamp(run.finished)} if run.finished else {}
    return {
        "_links": {
            "self": {"href": f"{base}/runs/{run.id}"},
            "web": {"href": f"{at.organization_url}/{pipeline.project.id}/_build/results?buildId={run.id}"},
            "pipeline.web": {
                "href": f"{at.organization_url}/{pipeline.project.id}/_build/definition?definitionId={pipeline.id}"
            },
            "pipeline": {"href": f"{base}?revision={pipeline.revision}"},
        },
        "templateParameters": {},
        "pipeline": {
            "url": f"{base}?revision={pipeline.revision}",
            "id": pipeline.id,
            "revision": pipeline.revision,
            "name": pipeline.name,
            "folder": pipeline.path,
        },
        "state": run.status,
        **ended,
        "createdDate": as_timestamp(run.queued),
        "url": f"{base}/runs/{run.id}",
        "resources": {
            "repositories": {
                "self": {
                    "repository": {"id": repository.id, "type": _KINDS[repository.kind]},
                    "refName": run.branch,
                    "version": run.commit.id,
                }
            }
        },
        "id": run.id,
        "name": run.number,
    }


def _result(run: Run) -> str | None:
    return "failed" if run.result == "partiallySucceeded" else run.result


def record(of: Record, run: Run, at: Addresses) -> dict[str, Any]:
    base = f"{_build(run.pipeline, at)}/builds/{run.id}"
    task = dict(zip(("id", "name", "version"), of.task, strict=True)) if of.task else None
    return {
        "previousAttempts": [
            {"attempt": former.attempt, "timelineId": former.timeline, "recordId": former.record}
            for former in of.previous
        ],
        "id": of.id,
        "parentId": of.parent,
        "type": of.type,
        "name": of.name,
        "startTime": as_timestamp(of.started),
        "finishTime": as_timestamp(of.finished) if of.finished else None,
        "currentOperation": None,
        "percentComplete": None,
        "state": of.state,
        "result": of.result,
        "resultCode": None,
        "changeId": 7,
        "lastModified": "0001-01-01T00:00:00",
        "workerName": None if of.type in ("Stage", "Phase") else "Azure Pipelines 2",
        **({"queueId": 1} if of.type == "Job" else {}),
        "order": of.order,
        "details": None,
        "errorCount": 0,
        "warningCount": 0,
        "url": None,
        "log": {"id": of.order, "type": "Container", "url": f"{base}/logs/{of.order}"} if of.finished else None,
        "task": task,
        "attempt": of.attempt,
        "identifier": of.identifier,
    }


def timeline(id: str, records: list[Record], run: Run, at: Addresses) -> dict[str, Any]:
    return {
        "records": [record(entry, run, at) for entry in records],
        "lastChangedBy": "00000002-0000-8888-8000-000000000000",
        "lastChangedOn": as_timestamp(run.finished or run.queued),
        "id": id,
        "changeId": 23,
        "url": f"{_build(run.pipeline, at)}/builds/{run.id}/Timeline/{id}",
    }


def attachment(of: Attachment, run: Run, at: Addresses) -> dict[str, Any]:
    """The ids of task and record stand only in the link; readers take them from there and must not follow it."""
    base = f"{_build(run.pipeline, at)}/builds/{run.id}"
    return {
        "_links": {"self": {"href": f"{base}/{of.timeline}/{of.record}/attachments/{of.type}/{of.name}"}},
        "name": of.name,
    }


def change(of: Commit, repository: Repository, at: Addresses) -> dict[str, Any]:
    """A commit as a run lists it: its author by e-mail and its pusher by id, without a committer."""
    organization, push = repository.project.organization, repository.push_of(of.id)
    authors = [p for p in organization.people.values() if p.mail and p.mail == of.author.email]
    author = reference(authors[0], at) if len(authors) == 1 else {"displayName": of.author.name, "id": of.author.email}
    message, is_cut = code_shapes.shorten_message(of.message)
    return {
        "id": of.id,
        "message": message,
        **({"messageTruncated": True} if is_cut else {}),
        "type": repository.kind,
        "author": author,
        "timestamp": to_the_second(of.at),
        "location": f"{code_shapes.git(repository, at)}/commits/{of.id}",
        "displayUri": f"{at.organization_url}/{repository.project.name}/_git/{repository.name}/commit/{of.id}",
        **({"pusher": push.by.storage_key} if push else {}),
    }


def _build(pipeline: Pipeline, at: Addresses) -> str:
    return f"{at.organization_url}/{pipeline.project.id}/_apis/build"

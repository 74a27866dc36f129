"""Runs, timelines, attachments, changes and definitions, as `dev.azure.com` returns them."""

from collections.abc import Callable
from datetime import datetime

from . import code_shapes
from . import run_shapes as shapes
from .answers import NotKnown, Refusal, Response, list_response, page_response
from .routes import Call, Host, Table
from .runs import Pipeline, Record, Run
from .times import read

table = Table(Host.MAIN)
_BUILDS = "{project}/_apis/build/builds"
_LIST = (
    "buildIds",
    "definitions",
    "minTime",
    "maxTime",
    "queryOrder",
    "statusFilter",
    "resultFilter",
    "reasonFilter",
    "branchName",
    "deletedFilter",
    "repositoryId",
    "repositoryType",
    "$top",
    "continuationToken",
)


@table.get(f"{_BUILDS}/{{id}}")
def one_build(call: Call) -> Response:
    """A deleted run too, for as long as it is kept."""
    return Response(content=shapes.build(_run(call), call.addresses))


@table.get(_BUILDS, *_LIST)
def builds(call: Call) -> Response:
    """A list by ids, or sorted by a time, which `minTime` and `maxTime` then refer to."""
    runs = [run for run in call.project().runs.values() if _matches_query(call, run)]
    if "buildIds" in call.query:
        return list_response([shapes.build(run, call.addresses) for run in runs])
    order = call.query.get("queryOrder", "")
    time_of = _ORDERS.get(order.removesuffix("Ascending").removesuffix("Descending"))
    if time_of is None:
        raise NotKnown(f"the order {order!r} of runs: send queryOrder=finishTimeAscending, or another of its kind")
    since, until = (read(call.query[name]) if name in call.query else None for name in ("minTime", "maxTime"))
    timed_runs = [(at, run) for run in runs if (at := time_of(run)) is not None]
    timed_runs = [
        (at, run) for at, run in timed_runs if (since is None or at >= since) and (until is None or at <= until)
    ]
    timed_runs.sort(key=lambda pair: (pair[0], pair[1].id), reverse=order.endswith("Descending"))
    return page_response(
        [shapes.build(run, call.addresses) for _, run in timed_runs],
        top=call.number("$top"),
        page=call.organization.page,
        after=call.query.get("continuationToken", ""),
    )


_ORDERS: dict[str, Callable[[Run], datetime | None]] = {
    "finishTime": lambda run: run.finished,
    "queueTime": lambda run: run.queued,
    "startTime": lambda run: run.queued,
}


def _matches_query(call: Call, run: Run) -> bool:
    deleted = call.query.get("deletedFilter", "excludeDeleted")
    if deleted not in ("excludeDeleted", "includeDeleted", "onlyDeleted"):
        raise NotKnown(f"the deletedFilter {deleted!r}")
    is_deleted = run.deleted_by is not None
    if (deleted == "excludeDeleted" and is_deleted) or (deleted == "onlyDeleted" and not is_deleted):
        return False
    properties = {
        "buildIds": str(run.id),
        "definitions": str(run.pipeline.id),
        "statusFilter": run.status,
        "resultFilter": run.result or "",
        "reasonFilter": run.reason,
        "branchName": run.branch,
        "repositoryId": run.pipeline.repository.id,
        "repositoryType": run.pipeline.repository.kind,
    }
    return all(
        value.casefold() in call.query[name].casefold().split(",") or call.query[name] == "all"
        for name, value in properties.items()
        if name in call.query
    )


@table.get(f"{_BUILDS}/{{id}}/timeline")
def newest_timeline(call: Call) -> Response:
    run = _run(call)
    return Response(content=shapes.timeline(run.timeline_id, run.records, run, call.addresses))


@table.get(f"{_BUILDS}/{{id}}/timeline/{{timeline}}")
def one_timeline(call: Call) -> Response:
    """The run's current timeline, or that of a former attempt; 204 if there is none with that id."""
    run, id = _run(call), call.words["timeline"].casefold()
    records: list[Record] | None = run.records if id == run.timeline_id else run.earlier.get(id)
    if records is None:
        return Response(content=b"", status=204)
    return Response(content=shapes.timeline(id, records, run, call.addresses))


@table.get(f"{_BUILDS}/{{id}}/attachments/{{type}}")
def attachments(call: Call) -> Response:
    run, kind = _run(call), call.words["type"].casefold()
    attachments = [attachment for attachment in run.attachments if attachment.type.casefold() == kind]
    if call.organization.faults.hides_earlier_attachments:
        current = {record.id for record in run.records}
        attachments = [attachment for attachment in attachments if attachment.record in current]
    return list_response([shapes.attachment(attachment, run, call.addresses) for attachment in attachments])


@table.get(f"{_BUILDS}/{{id}}/{{timeline}}/{{record}}/attachments/{{type}}/{{name}}")
def one_attachment(call: Call) -> Response:
    """The bytes, served by this host without a redirect."""
    run, words = _run(call), call.words
    for attachment in run.attachments:
        key = (attachment.timeline, attachment.record, attachment.type.casefold(), attachment.name.casefold())
        if key == (words["timeline"], words["record"], words["type"].casefold(), words["name"].casefold()):
            return Response(content=attachment.content)
    raise Refusal(404, "AttachmentNotFoundException", f"No attachment {words['type']}/{words['name']} of this record.")


@table.get(f"{_BUILDS}/{{id}}/changes", "$top", "continuationToken", "includeSourceChange")
def changes(call: Call) -> Response:
    """Changes since the previous run of this pipeline on this branch, and not since the live release."""
    run = _run(call)
    repository, before = run.pipeline.repository, run.pipeline.before(run)
    commits = repository.between(before.commit.id, run.commit.id) if before else [run.commit]
    if "includeSourceChange" in call.query:
        raise NotKnown("includeSourceChange")
    return page_response(
        [shapes.change(commit, repository, call.addresses) for commit in commits],
        top=call.number("$top"),
        page=call.organization.page,
        after=call.query.get("continuationToken", ""),
    )


@table.get("{project}/_apis/build/definitions/{id}", "revision")
def one_definition(call: Call) -> Response:
    pipeline = _pipeline(call, "id")
    if call.query.get("revision", str(pipeline.revision)) != str(pipeline.revision):
        raise NotKnown("an earlier revision of a definition")
    repository = code_shapes.repository_reference(pipeline.repository, call.addresses)
    repository_reference = {
        "id": repository["id"],
        "type": pipeline.repository.kind,
        "name": repository["name"],
        "url": repository["url"],
    }
    process = {"yamlFilename": "azure-pipelines.yml", "type": 2}
    return Response(
        content={**shapes.definition(pipeline, call.addresses), "process": process, "repository": repository_reference}
    )


@table.get("{project}/_apis/pipelines/{pipeline}/runs/{id}")
def run_of_pipeline(call: Call) -> Response:
    run, pipeline = _run(call), _pipeline(call, "pipeline")
    if run.pipeline is not pipeline:
        raise Refusal(
            404, "RunNotFoundException", f"The run {run.id} of the pipeline {pipeline.id} could not be found."
        )
    return Response(content=shapes.run_of_pipeline(run, call.addresses))


def _run(call: Call) -> Run:
    """Absent, forgotten, or in another project: the response is the same."""
    project = call.project()
    if (run := project.runs.get(call.id("id"))) is None:
        raise Refusal(404, "BuildNotFoundException", f"The requested build {call.words['id']} could not be found.")
    return run


def _pipeline(call: Call, word: str) -> Pipeline:
    if (pipeline := call.project().pipelines.get(call.id(word))) is None:
        raise Refusal(404, "DefinitionNotFoundException", f"The definition {call.words[word]} could not be found.")
    return pipeline

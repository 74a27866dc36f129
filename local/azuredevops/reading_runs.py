"""Runs, timelines, attachments, changes and definitions, as `dev.azure.com` answers them."""

from collections.abc import Callable
from datetime import datetime

from . import code_shapes
from . import run_shapes as shapes
from .answers import Answer, NotKnown, Refusal, listed, paged
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
def one_build(call: Call) -> Answer:
    """Also when it was deleted, for as long as it is kept."""
    return Answer(content=shapes.build(_run(call), call.at))


@table.get(_BUILDS, *_LIST)
def builds(call: Call) -> Answer:
    """A list by ids, or in the order of a time, which is then also the time of `minTime` and `maxTime`."""
    found = [run for run in call.project().runs.values() if _wanted(call, run)]
    if "buildIds" in call.query:
        return listed([shapes.build(run, call.at) for run in found])
    order = call.query.get("queryOrder", "")
    moment = _ORDERS.get(order.removesuffix("Ascending").removesuffix("Descending"))
    if moment is None:
        raise NotKnown(f"the order {order!r} of runs: send queryOrder=finishTimeAscending, or another of its kind")
    since, until = (read(call.query[name]) if name in call.query else None for name in ("minTime", "maxTime"))
    placed = [(at, run) for run in found if (at := moment(run)) is not None]
    placed = [(at, run) for at, run in placed if (since is None or at >= since) and (until is None or at <= until)]
    placed.sort(key=lambda pair: (pair[0], pair[1].id), reverse=order.endswith("Descending"))
    return paged(
        [shapes.build(run, call.at) for _, run in placed],
        top=call.number("$top"),
        page=call.organization.page,
        after=call.query.get("continuationToken", ""),
    )


_ORDERS: dict[str, Callable[[Run], datetime | None]] = {
    "finishTime": lambda run: run.finished,
    "queueTime": lambda run: run.queued,
    "startTime": lambda run: run.queued,
}


def _wanted(call: Call, run: Run) -> bool:
    deleted = call.query.get("deletedFilter", "excludeDeleted")
    if deleted not in ("excludeDeleted", "includeDeleted", "onlyDeleted"):
        raise NotKnown(f"the deletedFilter {deleted!r}")
    gone = run.deleted_by is not None
    if (deleted == "excludeDeleted" and gone) or (deleted == "onlyDeleted" and not gone):
        return False
    values = {
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
        for name, value in values.items()
        if name in call.query
    )


@table.get(f"{_BUILDS}/{{id}}/timeline")
def newest_timeline(call: Call) -> Answer:
    run = _run(call)
    return Answer(content=shapes.timeline(run.timeline_id, run.records, run, call.at))


@table.get(f"{_BUILDS}/{{id}}/timeline/{{timeline}}")
def one_timeline(call: Call) -> Answer:
    """The run's own, or one of a former attempt. One that is not there is answered with 204."""
    run, wanted = _run(call), call.words["timeline"].casefold()
    records: list[Record] | None = run.records if wanted == run.timeline_id else run.earlier.get(wanted)
    if records is None:
        return Answer(content=b"", status=204)
    return Answer(content=shapes.timeline(wanted, records, run, call.at))


@table.get(f"{_BUILDS}/{{id}}/attachments/{{type}}")
def attachments(call: Call) -> Answer:
    run, kind = _run(call), call.words["type"].casefold()
    found = [each for each in run.attachments if each.type.casefold() == kind]
    if call.organization.faults.hides_earlier_attachments:
        current = {record.id for record in run.records}
        found = [each for each in found if each.record in current]
    return listed([shapes.attachment(each, run, call.at) for each in found])


@table.get(f"{_BUILDS}/{{id}}/{{timeline}}/{{record}}/attachments/{{type}}/{{name}}")
def one_attachment(call: Call) -> Answer:
    """The bytes, from this host, without a redirect."""
    run, words = _run(call), call.words
    for each in run.attachments:
        place = (each.timeline, each.record, each.type.casefold(), each.name.casefold())
        if place == (words["timeline"], words["record"], words["type"].casefold(), words["name"].casefold()):
            return Answer(content=each.content)
    raise Refusal(404, "AttachmentNotFoundException", f"No attachment {words['type']}/{words['name']} of this record.")


@table.get(f"{_BUILDS}/{{id}}/changes", "$top", "continuationToken", "includeSourceChange")
def changes(call: Call) -> Answer:
    """Changes since the previous run of this pipeline on this branch, not since the live release."""
    run = _run(call)
    repository, before = run.pipeline.repository, run.pipeline.before(run)
    new = repository.between(before.commit.id, run.commit.id) if before else [run.commit]
    if "includeSourceChange" in call.query:
        raise NotKnown("includeSourceChange")
    return paged(
        [shapes.change(commit, repository, call.at) for commit in new],
        top=call.number("$top"),
        page=call.organization.page,
        after=call.query.get("continuationToken", ""),
    )


@table.get("{project}/_apis/build/definitions/{id}", "revision")
def one_definition(call: Call) -> Answer:
    pipeline = _pipeline(call, "id")
    if call.query.get("revision", str(pipeline.revision)) != str(pipeline.revision):
        raise NotKnown("an earlier revision of a definition")
    repository = code_shapes.repository_reference(pipeline.repository, call.at)
    told = {
        "id": repository["id"],
        "type": pipeline.repository.kind,
        "name": repository["name"],
        "url": repository["url"],
    }
    process = {"yamlFilename": "azure-pipelines.yml", "type": 2}
    return Answer(content={**shapes.definition(pipeline, call.at), "process": process, "repository": told})


@table.get("{project}/_apis/pipelines/{pipeline}/runs/{id}")
def run_of_pipeline(call: Call) -> Answer:
    run, pipeline = _run(call), _pipeline(call, "pipeline")
    if run.pipeline is not pipeline:
        raise Refusal(
            404, "RunNotFoundException", f"The run {run.id} of the pipeline {pipeline.id} could not be found."
        )
    return Answer(content=shapes.run_of_pipeline(run, call.at))


def _run(call: Call) -> Run:
    """Absent, forgotten, or in another project: the answer is the same."""
    project = call.project()
    if (found := project.runs.get(call.id("id"))) is None:
        raise Refusal(404, "BuildNotFoundException", f"The requested build {call.words['id']} could not be found.")
    return found


def _pipeline(call: Call, word: str) -> Pipeline:
    if (found := call.project().pipelines.get(call.id(word))) is None:
        raise Refusal(404, "DefinitionNotFoundException", f"The definition {call.words[word]} could not be found.")
    return found

"""The payloads that a registry, Azure DevOps and a pipeline send, as they arrive."""

from datetime import datetime
from typing import Any

import azure.functions as func

from slipway.domain.run_source import RunInfo
from tests.unit.inbound.samples import BUILD, RUN_STATE, changed

from .applications import PIPELINE, PROJECT, PROJECT_ID, Json
from .artifacts import Artifact
from .registries import REPOSITORY


def run_id(name: str) -> int:
    return 1 + int.from_bytes(name.encode()[-6:].rjust(6, b"0")) % 10**9


def of_push(tag: str, artifact: Artifact, repository: str, *, at: datetime) -> func.EventGridEvent:
    target = {"mediaType": artifact.media_type, "digest": artifact.digest, "repository": repository, "tag": tag}
    data: Json = {
        "timestamp": at.isoformat(),
        "action": "push",
        "target": target,
        "request": {"host": "nonprod.test", "method": "PUT"},
        "actor": {"name": "ci"},
    }
    return func.EventGridEvent(
        id=f"event-{at.isoformat()}-{tag}",
        data=data,
        topic="",
        subject=f"{repository}:{tag}",
        event_type="Microsoft.ContainerRegistry.ImagePushed",
        event_time=at,
        data_version="1.0",
    )


def of_build(run: RunInfo, *, at: datetime) -> Json:
    """The service hook of a completed build."""
    base = f"https://dev.azure.com/{run.organization}/"
    return changed(
        BUILD,
        resource__id=run.id,
        resource__buildNumber=run.number,
        resource__result=run.result,
        resource__finishTime=at.isoformat(),
        resource__definition__id=run.definition,
        resource__definition__name=run.pipeline,
        resource__definition__path=run.folder,
        resource__project={"id": run.project_id, "name": run.project},
        resource__requestedFor={"uniqueName": run.requested_for.unique_name if run.requested_for else ""},
        resourceContainers={
            "account": {"id": run.organization, "baseUrl": base},
            "project": {"id": run.project_id, "baseUrl": base},
        },
    )


def of_run_state(number: str, *, author: str, committer: str, at: datetime) -> Json:
    """The service hook of a run's state, where the source is at GitHub."""
    change = {"author": {"email": author}, "committer": {"email": committer}, "message": "Add a discount (#12)"}
    return changed(
        RUN_STATE,
        resource__run__id=run_id(number),
        resource__run__name=number,
        resource__run__finishedDate=at.isoformat(),
        resource__pipeline__name=PIPELINE,
        resource__repositories=[{"type": "GitHub", "change": change}],
        resourceContainers__project={"id": PROJECT_ID},
    )


def by_pipeline(number: str, *, result: str, image: Json | None, at: datetime) -> dict[str, Any]:
    """The message that a pipeline sends itself."""
    return {
        "type": "slipway.pipeline-completed/v1",
        "organization": "contoso",
        "project": PROJECT,
        "pipeline": PIPELINE,
        "runId": run_id(number),
        "runNumber": number,
        "result": result,
        "branch": "refs/heads/main",
        "requestedBy": "cleo@example.com",
        "finishedAt": at.isoformat(),
        **({"image": {"repository": REPOSITORY, **image}} if image else {}),
    }

"""A pipeline run: a real two-platform image goes to the registry, then the service hook tells that the run is over."""

import base64
import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import urllib3
from azure.servicebus import ServiceBusClient, ServiceBusMessage

from local.images import BuiltImage, Credentials, build, push

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "hello-aks"
ACCEPTED = 202


@dataclass(frozen=True, kw_only=True)
class RunFacts:
    """What identifies one CI run."""

    id: int
    number: str
    commit: str
    requested_by: str = "grace@example.com"
    committed_by: str = ""
    """Known only where the pipeline says so itself: the service hook does not."""


class HookRefused(Exception):  # noqa: N818
    """The app did not take the service hook."""


@dataclass(frozen=True, kw_only=True)
class Pipeline:
    """A pipeline of the project `shop`, with what it needs to know of the stack."""

    app_url: str
    hook_secret: str
    registry: str
    """Login server of the non-production registry."""
    ci_password: str
    repository: str = "hello"
    name: str = "hello-ci"

    def build(self, version: str, *, variant: str | None = None, commit: str | None = None) -> BuiltImage:
        """The image of a version; a variant's files are laid over the source. Another commit is another image."""
        with tempfile.TemporaryDirectory(prefix="slipway-build-") as folder:
            source = Path(folder)
            shutil.copytree(EXAMPLE / "app", source / "app", ignore=shutil.ignore_patterns("__pycache__"))
            if variant:
                shutil.copytree(EXAMPLE / "variants" / variant / "app", source / "app", dirs_exist_ok=True)
            revision = commit or commit_of(version)
            return build(source, version=version, revision=revision, source="https://dev.azure.com/contoso/shop")

    def push(self, image: BuiltImage, tag: str, progress: Callable[[str], None] = lambda _: None) -> str:
        """Push as CI does; returns the digest."""
        credentials = Credentials(user="ci", password=self.ci_password)
        pushed = push(
            image,
            registry_url=f"http://{self.registry}",
            repository=self.repository,
            tag=tag,
            credentials=credentials,
            progress=progress,
        )
        return pushed.digest

    def report(self, run: RunFacts, *, result: str = "succeeded") -> None:
        """The service hook `build.complete` 2.0, with basic authentication. Raises `HookRefused`."""
        password = base64.b64encode(f"slipway:{self.hook_secret}".encode()).decode()
        http = urllib3.PoolManager(retries=False, timeout=30)
        answer = http.request(
            "POST",
            f"{self.app_url}/api/hooks/azure-devops",
            json=build_complete(run, result, pipeline=self.name),
            headers={"Authorization": f"Basic {password}"},
        )
        if answer.status != ACCEPTED:
            raise HookRefused(f"expected 202, got {answer.status}: {answer.data[:300].decode(errors='replace')}")

    def tell(self, bus: str, run: RunFacts, digest: str) -> None:
        """What the pipeline says itself with PublishToAzureServiceBus@2: it names its image, and who committed."""
        with ServiceBusClient.from_connection_string(bus) as client, client.get_queue_sender("runs") as sender:
            body = run_message(run, digest, repository=self.repository, pipeline=self.name)
            sender.send_messages(ServiceBusMessage(json.dumps(body)))


def commit_of(version: str) -> str:
    """A commit id for a version, the same each time."""
    return hashlib.sha256(version.encode()).hexdigest()[:40]


def run_of(version: str, *, again: int = 0) -> RunFacts:
    """The run that builds a version; `again` counts the later ones, which build another commit under the same tag."""
    commit = commit_of(f"{version} again {again}" if again else version)
    return RunFacts(id=int(commit[:7], 16), number=version, commit=commit)


def run_message(
    run: RunFacts, digest: str, *, repository: str, pipeline: str, result: str = "succeeded"
) -> dict[str, Any]:
    """The message of a run that names its image, as the pipeline templates write it."""
    return {
        "type": "slipway.pipeline-completed/v1",
        "organization": "contoso",
        "project": "shop",
        "pipeline": pipeline,
        "runId": run.id,
        "runNumber": run.number,
        "result": result,
        "branch": "refs/heads/main",
        "commit": run.commit,
        "requestedBy": run.requested_by,
        "committedBy": run.committed_by,
        "url": f"https://dev.azure.com/contoso/shop/_build/results?buildId={run.id}",
        "image": {"repository": repository, "digest": digest, "tag": run.number},
    }


def build_complete(run: RunFacts, result: str = "succeeded", *, pipeline: str = "hello-ci") -> dict[str, Any]:
    """The event as Azure DevOps sends it, with the fields that matter here."""
    url = "https://dev.azure.com/contoso/"
    finished = datetime.now(UTC).isoformat()
    return {
        "subscriptionId": "8f9d1f2e-7a7c-4d1c-9b38-0f6f3d5d7d10",
        "notificationId": run.id,
        "id": f"00000000-0000-4000-8000-{run.id:012d}",
        "eventType": "build.complete",
        "publisherId": "tfs",
        "resource": {
            "_links": {"web": {"href": f"{url}shop/_build/results?buildId={run.id}"}},
            "id": run.id,
            "buildNumber": run.number,
            "status": "completed",
            "result": result,
            "queueTime": finished,
            "startTime": finished,
            "finishTime": finished,
            "definition": {"id": 7, "name": pipeline, "path": "\\"},
            "project": {"id": "5e2f3a1b-33f1-4b0c-8a1b-2f3d4c5b6a79", "name": "shop"},
            "sourceBranch": "refs/heads/main",
            "sourceVersion": run.commit,
            "reason": "individualCI",
            "requestedFor": {"displayName": "Grace", "uniqueName": run.requested_by},
        },
        "resourceVersion": "2.0",
        "resourceContainers": {
            "collection": {"id": "c12d0eb8-e382-443b-9f9c-c52cba5014c2", "baseUrl": url},
            "account": {"id": "f844ec47-a9db-4511-8281-8b63f4eaf94e", "baseUrl": url},
            "project": {"id": "5e2f3a1b-33f1-4b0c-8a1b-2f3d4c5b6a79", "baseUrl": url},
        },
        "createdDate": finished,
    }

"""A pipeline run in the double of Azure DevOps: a change is merged, a real two-platform image is pushed to the
registry, the run publishes what it pushed, and the service hook reports that it has ended."""

import base64
import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import urllib3
from azure.servicebus import ServiceBusClient, ServiceBusMessage

from local.azuredevops import Delivery, Ending, Seeding, Somebody
from local.azuredevops.seeding import PROJECT_ID
from local.images import BuiltImage, Credentials, build, push

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "hello-aks"
ACCEPTED = 202


GRACE = Somebody(name="Grace", mail="grace@example.com")
DAN = Somebody(name="Dan", mail="dan@example.com")


@dataclass(frozen=True, kw_only=True)
class RunFacts:
    """The identity of one CI run, and the commit that it builds."""

    id: int
    number: str
    commit: str
    definition: int = 7


class HookRefused(Exception):  # noqa: N818
    """The app did not accept the service hook."""


@dataclass(frozen=True, kw_only=True)
class Pipeline:
    """A pipeline of the project `shop`, with the addresses and secrets that it needs."""

    app_url: str
    hook_secret: str
    registry: str
    """Login server of the non-production registry."""
    ci_password: str
    azure_devops: str
    """Address of the double of Azure DevOps."""
    repository: str = "hello"
    name: str = "hello-ci"
    source: Path = EXAMPLE
    """Folder with the program in `app/`."""

    def begin(
        self, title: str, *, author: Somebody = GRACE, claims: Somebody | None = None, completer: Somebody = DAN
    ) -> RunFacts:
        """Complete somebody's pull request, which starts a run that stays in progress until `end`. The commit names
        whomever it `claims` as its author."""
        delivery = Delivery(
            repository=self.repository,
            pipeline=self.name,
            title=title,
            author=author,
            claims=claims,
            completer=completer,
            ends=False,
        )
        delivered = Seeding(self.azure_devops).deliver(delivery)
        return RunFacts(
            id=delivered.run, number=delivered.number, commit=delivered.commit, definition=delivered.definition
        )

    def end(
        self,
        run: RunFacts,
        digest: str | None,
        *,
        result: str = "succeeded",
        published: Mapping[str, object] | None = None,
    ) -> None:
        """Let the run publish `published`, or else a document that names its image if it built one, and end it."""
        document = {
            "v": 1,
            "kind": "image",
            "registry": self.registry,
            "repository": self.repository,
            "digest": digest,
            "tool": "local.ci",
        }
        publishes = dict(published) if published else document if digest else None
        Seeding(self.azure_devops).finish(Ending(project=PROJECT_ID, run=run.id, result=result, publishes=publishes))

    def build(self, version: str, *, variant: str | None = None, commit: str | None = None) -> BuiltImage:
        """The image of a version; the files of a variant are laid over the source. Another commit gives another
        image."""
        with tempfile.TemporaryDirectory(prefix="slipway-build-") as folder:
            source = Path(folder)
            shutil.copytree(self.source / "app", source / "app", ignore=shutil.ignore_patterns("__pycache__"))
            if variant:
                shutil.copytree(self.source / "variants" / variant / "app", source / "app", dirs_exist_ok=True)
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
        response = http.request(
            "POST",
            f"{self.app_url}/api/hooks/azure-devops",
            json=build_complete(run, result, pipeline=self.name),
            headers={"Authorization": f"Basic {password}"},
        )
        if response.status != ACCEPTED:
            raise HookRefused(f"expected 202, got {response.status}: {response.data[:300].decode(errors='replace')}")

    def tell(self, bus: str, run: RunFacts, digest: str, *, tag: str) -> None:
        """Send the pipeline's own message, as PublishToAzureServiceBus@2 does; it names the image."""
        with ServiceBusClient.from_connection_string(bus) as client, client.get_queue_sender("runs") as sender:
            body = run_message(run, digest, tag=tag, repository=self.repository, pipeline=self.name)
            sender.send_messages(ServiceBusMessage(json.dumps(body)))


def commit_of(version: str) -> str:
    """A commit id for a version, always the same one."""
    return hashlib.sha256(version.encode()).hexdigest()[:40]


def run_of(version: str) -> RunFacts:
    """A run that Azure DevOps does not know."""
    commit = commit_of(version)
    return RunFacts(id=int(commit[:7], 16), number=version, commit=commit)


def run_message(
    run: RunFacts, digest: str, *, tag: str, repository: str, pipeline: str, result: str = "succeeded"
) -> dict[str, Any]:
    """The message of a run that names its image, as the pipeline templates write it."""
    return {
        "type": "slipway.pipeline-completed/v1",
        "organization": "contoso",
        "project": "shop",
        "projectId": PROJECT_ID,
        "pipeline": pipeline,
        "runId": run.id,
        "runNumber": run.number,
        "result": result,
        "branch": "refs/heads/main",
        "commit": run.commit,
        "image": {"repository": repository, "digest": digest, "tag": tag},
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
            "definition": {"id": run.definition, "name": pipeline, "path": "\\"},
            "project": {"id": PROJECT_ID, "name": "shop"},
            "sourceBranch": "refs/heads/main",
            "sourceVersion": run.commit,
            "reason": "individualCI",
            "requestedFor": {"displayName": "Dan", "uniqueName": DAN.mail},
        },
        "resourceVersion": "2.0",
        "resourceContainers": {
            "collection": {"id": "c12d0eb8-e382-443b-9f9c-c52cba5014c2", "baseUrl": url},
            "account": {"id": "f844ec47-a9db-4511-8281-8b63f4eaf94e", "baseUrl": url},
            "project": {"id": PROJECT_ID, "baseUrl": url},
        },
        "createdDate": finished,
    }

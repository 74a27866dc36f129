"""What tests of the whole system share: a stack with several applications, and helpers that play CI, Azure and people.

Every test has applications of its own, so that one stack serves all of them.
"""

import base64
import json
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from azure.servicebus import ServiceBusClient, ServiceBusMessage, ServiceBusSender

from local.ci import Pipeline
from local.ci.pipeline import RunFacts, run_message
from local.identity import laptop
from local.stack import Stack, StackOptions
from local.stack.configuration import TOPIC
from slipway.bootstrap.roles import AppRole
from slipway.domain.actions import end_action
from slipway.domain.phases import Phase

ROOT = Path(__file__).resolve().parents[2]
WITHIN = 180.0
"""Seconds to wait for a condition; only a test that fails waits so long."""
PUSHED = "Microsoft.ContainerRegistry.ImagePushed"
ADA = "ada@example.com"
ENDS = frozenset(end_action(phase) for phase in Phase if phase.final)

APPLICATION = """\
application: {name}
project: integration
image: {{ registry: nonprod, repository: team/{name} }}
versions: {{ range: ">=1.0.0", order: time }}
start: {start}
pipeline: {{ project: shop, name: {name}-ci, branches: [main] }}
notify: [inbox]
people: {{ {ada}: {{ name: Ada, mail: ada@example.com }} }}
environments:
  - name: staging
    clusters: [staging]
    namespace: {name}-staging
    substitutions: {{ REPLICAS: "1", GREETING: Hello }}
    verification:
      http: [{{ service: hello, path: /healthz, contains: ok }}]
  - name: production
    clusters: [production]
    namespace: {name}-production
    substitutions: {{ REPLICAS: "1", GREETING: Hello }}
    gate: {{ kind: approval, approvers: [ada@example.com] }}
    verification:
      http: [{{ service: hello, path: /healthz, contains: ok }}]
"""

PROJECT = """\
project: integration
owners: { apply: ["role:platform"] }
repositories: ["team/*"]
environments:
  staging: { class: test, clusters: [staging], namespaces: ["*-staging"] }
  production:
    class: production
    clusters: [production]
    namespaces: ["*-production"]
    registry: prod
    least_gate: { level: link, require_known: false, fresh: none }
"""
APPLICATIONS = {
    "repeats": "both",
    "survivor": "push",
    "paused": "push",
    "doors": "push",
    "messages": "run",
    "votes": "push",
    "traced": "push",
    "docs": "push",
    "browser": "push",
    "operators": "push",
    "gates": "push",
    "migrates": "push",
    "drifts": "push",
}
"""What starts a release, by application."""
IN_STAGING = {
    "migrates": "    before: [jobs/migrate.yaml]\n",
    "drifts": """\
    drift: hold
    drift_ignore:
      - { kind: Deployment, fields: [spec.minReadySeconds], by: [operator] }
""",
}
"""What an application sets for staging in addition to what all of them set."""
MIGRATION = """\
apiVersion: batch/v1
kind: Job
metadata: {{ name: migrate }}
spec:
  backoffLimit: 0
  template:
    spec:
      restartPolicy: Never
      containers:
        - name: migrate
          image: team/{name}
          command:
            - python3
            - -c
            - |
              print("altering the table orders")
              if "${{SLIPWAY_VERSION}}" == "{fails}":
                  raise SystemExit("column total already exists")
"""
FAILING = "1.1.0"
"""The version of `migrates` whose migration fails."""
SETTINGS = 60
"""ConfigMaps of the application `paused`, so that applying them takes a while; and one more, named by its version."""
SETTINGS_OF = {"paused": SETTINGS, "fenced": 2}
EVERY_LOOK = {"SLIPWAY_DRIFT_MINUTES": "1"}
"""So that a test can have the worker look for drift at any time."""
LATER = "later"
"""An application that a test adds while the system runs."""


def write_application(team: Path, name: str, start: str) -> None:
    """Write a folder with the manifests of the example."""
    folder = team / name
    shutil.copytree(ROOT / "examples" / "hello-aks" / "manifests", folder / "manifests")
    deployment = folder / "manifests" / "deployment.yaml"
    deployment.write_text(deployment.read_text().replace("image: hello", f"image: team/{name}"))
    if name in SETTINGS_OF:
        names = [*(f"setting-{number}" for number in range(SETTINGS_OF[name])), "only-${SLIPWAY_VERSION}"]
        (folder / "manifests" / "settings.yaml").write_text("---\n".join(map(setting, names)))
    if name == "migrates":
        (folder / "jobs").mkdir()
        (folder / "jobs" / "migrate.yaml").write_text(MIGRATION.format(name=name, fails=FAILING))
    text = APPLICATION.format(name=name, start=start, ada=laptop().person("Ada").oid)
    namespace = f"    namespace: {name}-staging\n"
    (folder / "application.yaml").write_text(text.replace(namespace, namespace + IN_STAGING.get(name, "")))


def setting(name: str) -> str:
    return f"""\
apiVersion: v1
kind: ConfigMap
metadata: {{ name: "{name}" }}
data: {{ VERSION: "${{SLIPWAY_VERSION}}" }}
"""


def options(folder: Path, applications: Mapping[str, str] = APPLICATIONS, **more: Any) -> StackOptions:
    """Two instances of the app, and queues that soon give a dead instance's messages to the other one."""
    team = folder / "team"
    for name, start in applications.items():
        write_application(team, name, start)
    (team / "project.yaml").write_text(PROJECT)
    names = [*applications, LATER]
    return StackOptions(
        **more,
        folder=folder / "stack",
        instances=2,
        apply=team,
        lock_seconds=5,
        traces=True,
        settings_of=lambda role, settings: settings | ({} if role is AppRole.FRONT else EVERY_LOOK),
        namespaces={place: tuple(f"{name}-{place}" for name in names) for place in ("staging", "production")},
    )


def until[T](condition: Callable[[], T], expected: str, *, instead: Callable[[], object] = str) -> T:
    """Wait until the condition holds, and return its value; a test that fails says what happened instead."""
    deadline = time.monotonic() + WITHIN
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.1)
    raise AssertionError(f"not within {WITHIN:g} s: {expected}\n{instead()}")


def now_by_the_registry() -> str:
    """With nine digits after the point, as the registry writes it."""
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f}789Z"


@dataclass(frozen=True, kw_only=True)
class Response:
    status: int
    content: Any


@dataclass(frozen=True)
class System:
    """A running stack, seen from outside."""

    stack: Stack

    def application(self, name: str) -> "ApplicationUnderTest":
        return ApplicationUnderTest(self, name)

    # ---- ways in
    def hook(self, body: bytes | dict[str, Any], *, instance: int = 0, secret: str | None = None) -> Response:
        """Call the hook, as Azure DevOps does."""
        password = self.stack.secrets.hook_secret if secret is None else secret
        basic = base64.b64encode(f"slipway:{password}".encode()).decode()
        return self._request(
            "POST",
            self.stack.urls[instance] + "/api/hooks/azure-devops",
            body if isinstance(body, bytes) else json.dumps(body).encode(),
            {"Authorization": f"Basic {basic}"},
        )

    def event(
        self, data: Any, *, instance: int = 0, topic: str = TOPIC + "nonprod", cloud: bool = False, at: str = ""
    ) -> Response:
        """Post an event, as Event Grid does, in either of its schemas."""
        now = at or now_by_the_registry()
        if cloud:
            function, kind = "image_pushed_cloudevent", "application/cloudevents+json"
            envelope = {"specversion": "1.0", "type": PUSHED, "source": topic, "time": now}
        else:
            function, kind = "image_pushed", "application/json"
            envelope = {"eventType": PUSHED, "topic": topic, "eventTime": now, "dataVersion": "1.0"}
        event = envelope | {"id": "an-event", "subject": "x", "data": data}
        code = self.stack.secrets.event_grid_key
        return self._request(
            "POST",
            f"{self.stack.urls[instance]}/runtime/webhooks/EventGrid?functionName={function}&code={code}",
            json.dumps(event if cloud else [event]).encode(),
            {"Content-Type": kind, "aeg-event-type": "Notification"},
        )

    def push_data(self, repository: str, digest: str, tag: str, *, host: str | None = None) -> dict[str, Any]:
        """`data` of an event, as the registry writes it."""
        return {
            "id": "a-push",
            "timestamp": now_by_the_registry(),
            "action": "push",
            "target": {
                "mediaType": "application/vnd.oci.image.index.v1+json",
                "digest": digest,
                "repository": repository,
                "tag": tag,
            },
            "request": {"host": host or self.stack.registries["nonprod"], "method": "PUT"},
        }

    def send(self, queue: str, body: bytes | Mapping[str, Any], *, message_id: str | None = None) -> None:
        """Send a message, as anybody can who may send to the queue."""
        payload = body if isinstance(body, bytes) else json.dumps(body).encode()
        if queue not in self._senders:
            self._senders[queue] = self._client.get_queue_sender(queue)
        self._senders[queue].send_messages(ServiceBusMessage(payload, message_id=message_id))

    @cached_property
    def _client(self) -> ServiceBusClient:
        return ServiceBusClient.from_connection_string(self.stack.bus)

    @cached_property
    def _senders(self) -> dict[str, ServiceBusSender]:
        """Opening one takes a second; each queue keeps its own."""
        return {}

    def close(self) -> None:
        for sender in self._senders.values():
            sender.close()
        self._client.close()

    # ---- the outcome
    def get(self, path: str, *, instance: int = 0) -> Any:
        headers = self._key | {"Authorization": f"Bearer {self.stack.access_token()}"}
        response = self._request("GET", self.stack.urls[instance] + path, None, headers)
        assert response.status == 200, (path, response)
        return response.content

    def post(self, path: str, body: Any = None) -> Response:
        payload = None if body is None else json.dumps(body).encode()
        headers = (
            self._key
            | {"Authorization": f"Bearer {self.stack.access_token()}"}
            | ({} if body is None else {"Content-Type": "application/json"})
        )
        return self._request("POST", self.stack.url + path, payload, headers)

    def kubernetes(
        self, path: str, *, method: str = "GET", body: Any = None, manager: str = "", cluster: str = "staging"
    ) -> Any:
        """Send a request to a cluster as somebody with all rights, by `kubectl` for example."""
        place = self.stack.clusters[cluster]
        headers = {"Authorization": f"Bearer {place['token']}", "Content-Type": "application/merge-patch+json"}
        url = f"{place['server']}{path}{f'?fieldManager={manager}' if manager else ''}"
        response = self._request(method, url, None if body is None else json.dumps(body).encode(), headers)
        assert response.status == 200, (method, path, response)
        return response.content

    def run_timer(self, name: str) -> None:
        """Have a timer's function of the worker run now."""
        self.stack.run_timer(name)

    def parked(self, *, source: str, reason: str, body: str = "", but: str = "") -> dict[str, Any]:
        """The parked input with these texts in its reason and body, once it is there; not the one with the id `but`."""

        def matching() -> dict[str, Any] | None:
            every = [p for p in self.get("/api/v1/parked")["parked"] if p["id"] != but]
            fitting = (p for p in every if p["source"] == source and reason in p["reason"] and body in p["body"])
            return next(fitting, None)

        return until(matching, f"input of {source} parked because of {reason!r}") or {}

    def approval_link(self, release: str) -> str:
        """The link that Ada finds in the inbox for this release."""

        def newest_link() -> str | None:
            notices = [n for n in self.stack.notices() if n["release"] == release and n["approval_url"]]
            return str(notices[-1]["approval_url"]) if notices else None

        return until(newest_link, f"a link to approve {release}") or ""

    @property
    def _key(self) -> dict[str, str]:
        return {"x-functions-key": self.stack.secrets.function_key}

    def _request(self, method: str, url: str, body: bytes | None, headers: Mapping[str, str]) -> Response:
        response = self.stack.http.request(method, url, body=body, headers=dict(headers))
        try:
            return Response(status=response.status, content=json.loads(response.data))
        except ValueError:
            return Response(status=response.status, content=response.data.decode())


@dataclass(frozen=True)
class ApplicationUnderTest:
    """One application: its CI and its state."""

    system: System
    name: str

    @cached_property
    def ci(self) -> Pipeline:
        stack = self.system.stack
        return Pipeline(
            app_url=stack.url,
            hook_secret=stack.secrets.hook_secret,
            registry=stack.registries["nonprod"],
            ci_password=stack.secrets.ci_password,
            azure_devops=stack.azure_devops["url"],
            repository=f"team/{self.name}",
            name=f"{self.name}-ci",
        )

    @cached_property
    def runs(self) -> dict[str, RunFacts]:
        """The run that built each version."""
        return {}

    def push(self, version: str) -> str:
        """Merge, build and push as CI does; the registry reports the push, and the run ends. Returns the digest."""
        run = self.runs[version] = self.ci.begin(f"Release {version}")
        digest = self.ci.push(self.ci.build(version, commit=run.commit), version)
        self.ci.end(run, digest)
        return digest

    def waiting(self, version: str) -> str:
        """Push a version and bring it to the gate of production; returns the release's id."""
        digest = self.push(version)
        if APPLICATIONS[self.name] == "run":
            self.system.send("runs", self.run_message(version, digest))
        return str(self.reached("gate.opened", tag=version)["release"])

    def run_message(self, version: str, digest: str) -> dict[str, Any]:
        """The message that the pipeline sends with PublishToAzureServiceBus@2."""
        run = self.runs[version]
        return run_message(run, digest, tag=version, repository=f"team/{self.name}", pipeline=f"{self.name}-ci")

    def records(self, *, instance: int = 0) -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = self.system.get(f"/api/v1/audit/{self.name}?limit=500", instance=instance)[
            "records"
        ]
        return entries

    def actions(self, release: str) -> list[str]:
        return [record["action"] for record in self.records() if record["release"] == release]

    def reached(self, action: str, *, tag: str | None = None, instance: int = 0) -> dict[str, Any]:
        """The record of the action, once it is there; with a tag, of the release of that tag.

        A release that ended otherwise fails the test at once.
        """

        def latest() -> dict[str, Any] | None:
            records = self.records(instance=instance)
            releases = {r["release"] for r in records if tag is None or r["details"].get("tag") == tag}
            matching = [r for r in records if r["release"] in releases]
            reached = [r for r in matching if r["action"] == action]
            ended = [r for r in matching if r["action"] in ENDS]
            assert reached or not ended or tag is None, ended
            return reached[-1] if reached else None

        return until(latest, f"{action} of {self.name}:{tag}", instead=self.what_happened) or {}

    def what_happened(self) -> str:
        """The application's records, and the lines about it in the logs of fronts and workers."""
        records = [f"{record['time']} {record['action']} {record['details']}" for record in self.records()[:20]]
        logs = sorted((self.system.stack.folder / "logs").glob("*.log"))
        lines = [f"{log.name}: {line}" for log in logs for line in log.read_text(errors="replace").splitlines()]
        about_it = [line for line in lines if self.name in line and ("front" in line or "worker" in line)]
        return "\n".join([*records, *about_it[-40:]])

    def release(self, release: str) -> dict[str, Any]:
        details: dict[str, Any] = self.system.get(f"/api/v1/releases/{release}")
        return details

    @property
    def releases(self) -> list[dict[str, Any]]:
        summaries: list[dict[str, Any]] = self.system.get(f"/api/v1/releases?application={self.name}&limit=200")[
            "releases"
        ]
        return summaries

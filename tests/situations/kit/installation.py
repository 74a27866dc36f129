"""One installation: the app's own wiring and functions, driven from outside as the Functions host drives them."""

import base64
import json
import re
import shutil
from dataclasses import replace
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

import azure.functions as func
import pytest
from azure.functions.servicebus import ServiceBusMessage

from functions import shared
from slipway.bootstrap import App, Settings, app
from slipway.catalogue import ConfigError
from slipway.commands import saying
from slipway.domain.answers import StatementState
from slipway.domain.inbox import Speaker, Via
from slipway.domain.model import DIGEST_PATTERN
from slipway.domain.run_source import RunInfo
from slipway.ed25519 import public_key
from slipway.effects.messaging import TRIES, RawMessage
from slipway.http.saying import ProviderRedirect
from slipway.testing import ManualClock, MemoryBus, MemoryCluster, documents_in
from slipway.testing.identity import TENANT
from slipway.testing.ports import Outside
from slipway.testing.runs import published_by_run, run_info
from slipway.testing.sign_in import SIGN_IN_CLIENT, VOTES_CLIENT, bearer, person, signed_in

from . import doors, payloads
from .applications import PIPELINE, PROJECT, PROJECT_ID, Application, Json
from .artifacts import Artifact, image
from .doors import call
from .kubernetes import KubernetesCluster
from .people import ApprovalPage, Guest, Mailboxes, Response
from .registries import REPOSITORY, RegistryInMemory
from .releases import Release, read_release

HOOK_SECRET = "the password of the service hook"
PARTIAL = "partiallySucceeded"
SOON = timedelta(minutes=1)
"""Messages that are due within it are delivered by `settle`, which moves the clock."""
MESSAGES = 3_000


class Installation:
    """Slipway, with these applications applied. What could not be applied is in `refused`, with the reason."""

    def __init__(
        self,
        deliveries: Path,
        *applications: Application,
        kubernetes: KubernetesCluster | None = None,
        broken: dict[str, str] | None = None,
    ) -> None:
        """`kubernetes` is production's cluster; `broken`: application.yaml files as somebody has spoilt them."""
        self._deliveries = deliveries
        self.time = kubernetes.time if kubernetes else ManualClock()
        self._kubernetes = kubernetes
        for application in applications:
            application.write(deliveries)
        for name, text in (broken or {}).items():
            (deliveries / name).mkdir(parents=True, exist_ok=True)
            (deliveries / name / "application.yaml").write_text(text)
        self.ci, self.prod = RegistryInMemory("nonprod", self.time), RegistryInMemory("prod", self.time)
        self._clusters: dict[str, Any] = {"staging": MemoryCluster(), "production": MemoryCluster()}
        if kubernetes is not None:
            self._clusters["production"] = kubernetes.client
        self.mail = Mailboxes()
        self._base = "http://127.0.0.1:7071"
        self._parts = self._assemble(deliveries)
        self._submissions = 0
        self._pushed: dict[str, str] = {}
        """The newest digest of each tag."""
        self.refused = dict[str, str]()
        for name in ("project.yaml", *(application.name for application in applications), *(broken or {})):
            self._apply(deliveries / name)

    def _assemble(self, deliveries: Path) -> App:
        login = {name: {"login_server": f"{name}.test", "credential": "anonymous"} for name in ("nonprod", "prod")}
        token = {"credential": "token", "token": "t"}
        cluster = {name: {"server": f"https://{name}.test", **token} for name in self._clusters}
        inbox = {"kind": "webhook", "url": "http://127.0.0.1:8025/", "secret": "a secret of the webhook"}
        settings = Settings.read(
            {
                "SLIPWAY_PUBLIC_URL": self._base,
                "SLIPWAY_STORAGE_CONNECTION": "in memory",
                "ServiceBus": "in memory",
                "SLIPWAY_REGISTRIES": json.dumps(login),
                "SLIPWAY_CLUSTERS": json.dumps(cluster),
                "SLIPWAY_CHANNELS": json.dumps({"inbox": inbox}),
                "SLIPWAY_SIGNING_KEYS": "test:" + base64.b64encode(b"k" * 32).decode(),
                "SLIPWAY_PUBLIC_KEYS": "test:" + base64.b64encode(public_key(b"k" * 32)).decode(),
                "SLIPWAY_HOOK_SECRETS": HOOK_SECRET,
                "SLIPWAY_TENANT_ID": TENANT,
                "SLIPWAY_SIGN_IN_CLIENT_ID": SIGN_IN_CLIENT,
                "SLIPWAY_VOTES_CLIENT_ID": VOTES_CLIENT,
                "SLIPWAY_SESSION_KEYS": "test:" + base64.b64encode(b"s" * 32).decode(),
            }
        )
        registries: dict[str, Any] = {"nonprod": self.ci.double, "prod": self.prod.double}
        self._outside = Outside(clock=self.time, inbox=self.mail)
        # What Azure offers, in memory; all else is put together by the product's own wiring.
        ports = replace(
            self._outside.as_ports(deliveries),
            registry=registries.__getitem__,
            cluster=self._clusters.__getitem__,
            catalogue=None,
        )
        return app(ports, settings)

    def start(self, patch: pytest.MonkeyPatch) -> Self:
        """Load the app as the host does; until the test ends its functions work on this installation."""
        patch.setattr(shared, "_parts", lambda: self._parts)
        shared.check_at_start()
        return self

    def change(self, application: Application) -> None:
        """Apply it again, as its team does; files that it no longer has are gone."""
        shutil.rmtree(self._deliveries / application.name)
        self._apply(application.write(self._deliveries))

    def _apply(self, path: Path) -> None:
        """Apply the folder, as a team does."""
        platform = Speaker(oid=person(7, "Olga").oid, name="olga@example.com", roles=("platform",), via=Via.CLI)
        try:
            submission = self._parts.submitting.apply(documents_in(path), platform, reason="")
        except ConfigError as error:
            self.refused[path.name] = str(error)
            return
        if isinstance(submission, tuple):
            self.refused[path.name] = "; ".join(change.refused for change in submission)
            return
        assert isinstance(submission, saying.StatementReceipt), submission
        self._parts.inbox_reader.take(submission.partition, submission.id)
        reply = self._parts.answers.reply(submission.partition, submission.id)
        assert reply.state is StatementState.COUNTED, reply

    # ---- what happens outside
    def push(self, tag: str, artifact: Artifact | None = None, *, repository: str = REPOSITORY) -> Artifact:
        """CI pushes an artifact, and the registry announces it. Without one, each tag gets an image of its own."""
        pushed_artifact = artifact or image(f"layer of {repository} {tag}")
        self.ci.hold(pushed_artifact, tag, repository=repository)
        self._pushed[tag] = pushed_artifact.digest
        call("image_pushed", payloads.of_push(tag, pushed_artifact, repository, at=self.time()))
        return pushed_artifact

    def run_ended(
        self,
        number: str,
        *,
        result: str = "succeeded",
        project: str = PROJECT,
        pipeline: str = PIPELINE,
        definition: int = 7,
        folder: str = "\\",
        organization: str = "contoso",
        requested_by: str = "cleo@example.com",
    ) -> Response:
        """Azure DevOps' service hook announces a completed run that has published the image of that tag."""
        run = run_info(
            id=payloads.run_id(f"{organization} {definition} {number}"),
            number=number,
            result=result,
            organization=organization,
            project=project,
            project_id=PROJECT_ID,
            pipeline=pipeline,
            definition=definition,
            folder=folder,
            requested_by=requested_by,
        )
        self._put_run(run, self._pushed.get(number))
        return self._hook(payloads.of_build(run, at=self.time()))

    def run_state_changed(self, number: str, *, author: str, committer: str) -> Response:
        """The other hook of Azure DevOps, of a run whose source is at GitHub: it names who made the change."""
        run = run_info(
            id=payloads.run_id(number), number=number, project=PROJECT, project_id=PROJECT_ID, repository_is_here=False
        )
        self._put_run(run, self._pushed.get(number), author=author)
        return self._hook(payloads.of_run_state(number, author=author, committer=committer, at=self.time()))

    def run_message(self, number: str, *, result: str = "succeeded", image: Json | None = None) -> None:
        """The pipeline sends its own message to the queue `runs`; the run has published the image that it names."""
        image_fields = image or {}
        spelling = result[:1].lower() + result[1:]
        run = run_info(
            id=payloads.run_id(number),
            number=number,
            result={"succeededWithIssues": PARTIAL}.get(spelling, spelling),
            project=PROJECT,
            project_id=PROJECT_ID,
            requested_by="cleo@example.com",
        )
        self._put_run(run, str(image_fields.get("digest") or "") or self._pushed.get(str(image_fields.get("tag"))))
        message = payloads.by_pipeline(number, result=result, image=image, at=self.time())
        body = json.dumps(message).encode()
        self._bus.send_raw(RawMessage(queue="runs", body=body, message_id=f"run-{number}"))

    def _put_run(self, run: RunInfo, digest: str | None, *, author: str = "") -> None:
        """Set what Azure DevOps says about a run when it is asked."""
        is_digest = digest is not None and re.fullmatch(DIGEST_PATTERN, digest)
        document = published_by_run(digest, REPOSITORY) if digest and is_digest else None
        self._outside.runs.put(run.evolve(finished_at=self.time()), document, pushed_by=author or "grace@example.com")

    def break_down(self, environment: str, artifact: Artifact) -> None:
        """The image's pods crash there, until `mend`."""
        self._clusters[environment].broken.add(artifact.digest)

    def mend(self, environment: str) -> None:
        self._clusters[environment].broken.clear()

    # ---- time and queues
    def settle(self, *, within: timedelta | None = None) -> None:
        """Deliver whatever is due and whatever follows from it, until nothing is due within a minute.

        With `within` it ends after that time at the latest, with the work still under way.
        """
        end = self.time() + within if within is not None else None
        for _ in range(MESSAGES):
            message = self._next()
            if message is None or (end is not None and (message.not_before or self.time()) > end):
                return
            if self._kubernetes is not None:
                self._kubernetes.come_to_rest()
            self.time.now = max(self.time(), message.not_before or self.time())
            self._deliver(message)
        raise RuntimeError(f"{MESSAGES} messages were delivered and there are still more")

    def wait(self, **time: float) -> None:
        """Time passes; the timers run at its end, and the queues are emptied."""
        self.time.wait(timedelta(**time))
        call("reconcile", SimpleNamespace(past_due=False))
        self.settle()

    @property
    def _bus(self) -> MemoryBus:
        return self._outside.bus

    def _next(self) -> Any:
        messages: list[Any] = [*self._bus.raw, *self._bus.sent]
        due = [m for m in messages if (m.not_before or self.time()) <= self.time() + SOON]
        return min(due, key=lambda m: m.not_before or self.time(), default=None)

    def _deliver(self, message: Any) -> None:
        if isinstance(message, RawMessage):
            self._bus.raw.remove(message)
            body, id, tries = message.body, message.message_id, message.tries
        else:
            self._bus.sent.remove(message)
            body, id, tries = self._parts.envelopes.seal(message, now=self.time()), message.id, 0
        bus_message = ServiceBusMessage(
            body=body, message_id=id, application_properties={TRIES: tries} if tries else {}, user_properties={}
        )
        call(doors.OF_QUEUES[message.queue], bus_message)

    # ---- people
    def page(self, approver: str, release: int = 1) -> ApprovalPage:
        """The approver follows the link of the newest message that asks them about the release."""
        return ApprovalPage(self._http, self._link(approver, release))

    def _link(self, approver: str, release: int) -> str:
        questions = [m for m in self.mail.messages if m.recipient == approver and m.approval_url]
        links = [m.approval_url for m in questions if m.release == f"shop-{release}"]
        if not links:
            raise LookupError(f"{approver} was sent no link for release {release}: {self.release(release)}")
        return urlsplit(links[-1]).path

    def approve(self, approver: str, release: int = 1) -> Response:
        response = self.page(approver, release).submit("approve")
        self.settle()
        return response

    def reject(self, approver: str, release: int = 1, *, reason: str = "not today") -> Response:
        response = self.page(approver, release).submit("reject", reason=reason)
        self.settle()
        return response

    def vote_by_api(self, approver: str, decision: str, *, id: str, release: int = 1, reason: str = "") -> Response:
        """A vote by the API, in the name of the person the link was made for. `id` names the request."""
        vote = {"decision": decision, "reason": reason, "id": id}
        body = json.dumps(vote | {"token": self._link(approver, release).rpartition("/")[2]}).encode()
        headers = {"Content-Type": "application/json"}
        response = self._http("POST", f"/api/v1/approvals/shop-{release}", headers=headers, body=body)
        self.settle()
        return response

    def page_signed_in(self, guest: Guest, release: int = 1) -> Response:
        """The page on which a signed-in person decides."""
        token, browser = bearer(self._parts, guest.person), signed_in(self._parts, guest.person)
        plan = self._json(f"/api/v1/releases/shop-{release}", **token)["plan_hash"]
        return self._http("GET", f"/approvals/shop/{release}/production?plan={plan}", headers=browser.headers)

    def command(self, verb: str, **fields: str) -> Response:
        """An operator gives a command."""
        self._submissions += 1
        order = {"verb": verb, "reason": "because", "id": f"1764000000000-{self._submissions:016x}", **fields}
        headers = {"Content-Type": "application/json", **bearer(self._parts, person(7, "Olga", "operator", "platform"))}
        response = self._http("POST", "/api/v1/commands", headers=headers, body=json.dumps(order).encode())
        if response.status == HTTPStatus.ACCEPTED and response.json["open"]:
            self._confirm(response.json["address"].rpartition("/")[2])
        self.settle()
        return response

    def _confirm(self, handle: str) -> None:
        """The operator opens the address that came back, presses the button, and signs what it says."""
        saying, browser = self._parts.saying, "the operator's browser"
        pending = saying.pending(handle)
        assert pending is not None
        olga = person(7, "Olga", "operator", "platform")
        redirect = saying.confirm(handle, pending, browser=browser, person=olga.oid)
        assert isinstance(redirect, ProviderRedirect), redirect
        state, code = self._outside.votes.signs_in(redirect.to, olga)
        assert isinstance(saying.handle_return(state=state, code=code, error="", browser=browser), ProviderRedirect)

    def release_again(self, release: int = 1) -> Response:
        """An operator asks for a release that has ended to be sent out once more."""
        return self.command("retry", release=f"shop-{release}")

    # ---- looking
    def releases(self) -> list[Release]:
        """Oldest first."""
        documents = self._json("/api/v1/releases?application=shop&limit=100")["releases"]
        return [read_release(document) for document in reversed(documents)]

    def release(self, number: int = 1) -> Release:
        return read_release(self._json(f"/api/v1/releases/shop-{number}"))

    def live(self, environment: str) -> str | None:
        """The tag that is live there."""
        for application in self._json("/api/v1/applications")["applications"]:
            for entry in application["environments"]:
                if (application["application"], entry["environment"]) == ("shop", environment):
                    return entry["live"]["tag"] if entry["live"] else None
        raise LookupError(f"there is no environment {environment}")

    def running(self, environment: str, namespace: str = "shop") -> str | None:
        """The digest that the application's container runs in the cluster."""
        digest: str | None = self._clusters[environment].digest(namespace)
        return digest

    def applied_objects(self, environment: str) -> list[Json]:
        """The objects that were applied in the cluster."""
        return list(self._clusters[environment].objects.values())

    def parked_reasons(self) -> list[str]:
        """The reasons of parked input."""
        return [item["reason"] for item in self._json("/api/v1/parked")["parked"]]

    def recorded_reasons(self) -> list[str]:
        """The reasons in the audit trail, newest first."""
        lines = self._http("GET", "/audit.jsonl", headers=self._reader).body.splitlines()
        records = [json.loads(line) for line in lines]
        return [str(record["details"]["reason"]) for record in records if record.get("details", {}).get("reason")]

    def reasons(self) -> list[str]:
        """Every reason that anybody can read: of parked input, and of the trail."""
        return self.parked_reasons() + self.recorded_reasons()

    def release_page(self, release: int = 1) -> str:
        """The page of a release, as text."""
        return self._http("GET", f"/releases/shop-{release}", headers=self._reader).body

    def board(self) -> Response:
        return self._http("GET", "/", headers=self._reader)

    # ---- over HTTP
    @property
    def _reader(self) -> dict[str, str]:
        """The browser of somebody who has just signed in."""
        return signed_in(self._parts, person(9, "Dora")).headers

    def _http(self, method: str, path: str, *, headers: dict[str, str], body: bytes = b"") -> Response:
        where, _, query = path.partition("?")
        name, values = doors.function_at(method, where)
        request = func.HttpRequest(
            method, self._base + where, headers=headers, params=dict(parse_qsl(query)), route_params=values, body=body
        )
        response = call(name, request)
        return Response(status=response.status_code, body=response.get_body().decode())

    def _json(self, path: str, **headers: str) -> Any:
        response = self._http("GET", path, headers={"x-functions-key": "a reader's", **headers})
        if response.status != 200:
            raise LookupError(f"{path}: {response.status} {response.body[:300]}")
        return response.json

    def _hook(self, hook: Json) -> Response:
        secret = base64.b64encode(f":{HOOK_SECRET}".encode()).decode()
        headers = {"Authorization": f"Basic {secret}", "Content-Type": "application/json"}
        return self._http("POST", "/api/hooks/azure-devops", headers=headers, body=json.dumps(hook).encode())

"""Plays the attacks on a running stack, like people outside the app, with only the rights that each of them has."""

import json
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

import urllib3
from azure.data.tables import TableServiceClient, UpdateMode
from azure.servicebus import ServiceBusClient, ServiceBusMessage

from local.azuredevops import Somebody
from local.ci import RunFacts
from local.ci.pipeline import GRACE, run_message
from local.images import Credentials, push
from local.person import PageRefused, Signer
from local.stack import Stack
from slipway.bundle import PackedBundle, unpack_bundle
from slipway.bundle.artifact import content_digest, pack_bundle
from slipway.domain.model import parse_release_id
from slipway.domain.phases import Phase
from slipway.domain.queues import Queue
from slipway.domain.release import Release
from slipway.domain.rights import TableName
from slipway.ledger import keys
from slipway.ledger.rows import pack_release
from slipway.ledger.rows import unpack as unpack_row

from .attacks import Attack, Attempt
from .bundled import ADA, BUNDLES
from .delivering import BROKEN, Delivering
from .narrator import Narrator
from .play import APPLICATION, WITHIN

ADA_AT_HER_DESK = Somebody(name=ADA.name, mail=ADA.mail)
NAMESPACE = "hello-staging"
TESTS = "slipway.dev/verification%3Dtrue"
"""The selector by which anybody can recognize the Job of the acceptance tests."""
SOON = 0.02
"""Seconds between two looks of an attacker who waits for the right moment."""
CREATED = 201
FORGED_LOG = "all 12 tests passed"


class Attacks(Delivering):
    """Each attack is one method, which first delivers everything that it needs."""

    def __init__(self, stack: Stack, narrator: Narrator, *, minor: int = 0) -> None:
        """`minor` is the minor version to push, for a stack that is attacked more than once."""
        super().__init__(stack, narrator)
        self._minor = minor

    def play(self, attack: Attack) -> Attempt:
        """Raises `TooSlow` and `RuntimeError` if neither its refusal nor its success can be observed."""
        self.skip_earlier_records()
        self.say.heading(f"{attack.story} ({attack.guard.finding})")
        with ExitStack() as until_it_ends:
            self._attack_functions[attack](until_it_ends)
            return self._outcome(attack)

    def tell(self) -> dict[str, str]:
        return {}

    @property
    def _attack_functions(self) -> dict[Attack, Callable[[ExitStack], None]]:
        return {
            Attack.FORGED_TESTS: self._forge_tests,
            Attack.OWN_CHANGE: self._approve_own_change,
            Attack.FORGED_RUN: self._forge_run,
            Attack.EDITED_ROW: self._edit_row,
            Attack.MOVABLE_IMAGE: self._move_image,
        }

    def _outcome(self, attack: Attack) -> Attempt:
        for record in self._watch.follow(lambda r: attack.is_refused_by(r) or attack.succeeds_by(r), within=WITHIN):
            self.say.record(record)
        attempt = Attempt(attack=attack, refused=attack.is_refused_by(record), record=record)
        label = f"record {record['sequence']}, {record['action']}"
        if attempt.refused:
            self.say.verdict(f"refused by the rule {attack.rule}: {label}: {attempt.reason}")
        else:
            self.say.verdict(f"SUCCEEDED: {record['release']} is live in {attack.wants}: {label}", holds=False)
        return attempt

    # ---- shared preparations
    @cached_property
    def _waiting_release(self) -> tuple[str, RunFacts]:
        """A release of a change by Ada that waits at production's gate, and its run."""
        release, run = self.deliver_bundle(self._version(1), author=ADA_AT_HER_DESK, claims=GRACE)
        self.follow_to_vote_request(release)
        return release, run

    def _version(self, patch: int) -> str:
        return f"1.{self._minor}.{patch}"

    # ---- the five attacks
    def _forge_tests(self, until_it_ends: ExitStack) -> None:
        until_it_ends.enter_context(self._running_alongside(self._swap_job))
        self.say.line("a developer's script watches staging for a Job of the acceptance tests")
        self.deliver_bundle(self._version(0), variant=BROKEN)

    def _approve_own_change(self, _: ExitStack) -> None:
        release, _run = self._waiting_release
        name, number = parse_release_id(release)
        self.say.line("Ada opens the page, which offers no such button, and sends the form with one; she signs it")
        try:
            Signer(ADA.oid).decide(f"{self.stack.url}/approvals/{name}/{number}/production", "approve", "it is mine")
        except PageRefused as refusal:
            self.say.line(f"the page: {refusal}"[:200])

    def _forge_run(self, _: ExitStack) -> None:
        _release, run = self._waiting_release
        self.push_image(self._version(2))
        published = self.push_bundle(self._version(2), self._version(2))
        self.say.line(
            f"another pipeline tells in the queue runs that run {run.number} built {published['digest'][:19]}…"
        )
        message = run_message(run, published["digest"], tag=self._version(2), repository=BUNDLES, pipeline=self.ci.name)
        with (
            ServiceBusClient.from_connection_string(self.stack.bus) as client,
            client.get_queue_sender(Queue.RUNS) as sender,
        ):
            sender.send_messages(ServiceBusMessage(json.dumps(message)))

    def _edit_row(self, _: ExitStack) -> None:
        release, _run = self._waiting_release
        number = parse_release_id(release)[1]
        with (
            TableServiceClient.from_connection_string(self.stack.storage) as tables,
            tables.get_table_client(TableName.LEDGER) as table,
        ):
            row = table.get_entity(APPLICATION, keys.release(number))
            columns = {name: value for name, value in row.items() if name.startswith("Data")}
            a_moment_ago = datetime.now(UTC) - timedelta(seconds=1)
            edited = unpack_row(Release, columns).evolve(phase=Phase.HELD_BACK, due=a_moment_ago)
            table.update_entity(dict(row) | pack_release(edited), mode=UpdateMode.REPLACE)
        self.say.line(f"the row of {release} says now that its gate was passed, and that it is due")
        self.stack.run_timer("reconcile")

    def _move_image(self, _: ExitStack) -> None:
        registry = self.stack.registries["nonprod"]
        credentials = Credentials(user="ci", password=self.stack.secrets.ci_password)
        push(
            self.ci.build("tool"),
            registry_url=f"http://{registry}",
            repository="tool",
            tag="stable",
            credentials=credentials,
        )
        self.say.line("somebody pushed tool:stable, and can push it again at any time")
        self.deliver_bundle(self._version(3), alter=lambda packed: with_container(packed, f"{registry}/tool:stable"))

    # ---- the developer
    def _swap_job(self, is_over: Callable[[], bool]) -> None:
        """Wait for the Job of the acceptance tests, delete it, and create another one with its name."""
        jobs = f"{self.stack.clusters['staging']['server']}/apis/batch/v1/namespaces/{NAMESPACE}/jobs"
        while not is_over():
            running_jobs = self._as_developer("GET", f"{jobs}?labelSelector={TESTS}").json().get("items") or []
            if not running_jobs:
                time.sleep(SOON)
                continue
            job = running_jobs[0]
            name = job["metadata"]["name"]
            self._as_developer("DELETE", f"{jobs}/{name}", {"propagationPolicy": "Background"})
            while self._as_developer("POST", jobs, forged(job)).status != CREATED and not is_over():
                time.sleep(SOON)
            self.say.line(f"the developer replaced Job {name} by one that says that {FORGED_LOG}")
            return

    def _as_developer(self, method: str, url: str, body: dict[str, Any] | None = None) -> urllib3.BaseHTTPResponse:
        headers = {"Authorization": f"Bearer {self.stack.secrets.developer_token}"}
        return self._http.request(method, url, headers=headers, json=body)

    @cached_property
    def _http(self) -> urllib3.PoolManager:
        return urllib3.PoolManager(retries=False, timeout=30)

    @contextmanager
    def _running_alongside(self, does: Callable[[Callable[[], bool]], None]) -> Any:
        """Somebody who does something alongside the story, until it is over."""
        over = Future[None]()
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="somebody") as threads:
            action = threads.submit(does, over.done)
            try:
                yield
            finally:
                over.set_result(None)
            action.result()


def forged(job: dict[str, Any]) -> dict[str, Any]:
    """A Job with the same name and image that runs another program."""
    container = dict(job["spec"]["template"]["spec"]["containers"][0])
    container |= {"command": ["python3", "-c", f"print({FORGED_LOG!r})"]}
    fake_container = {name: container[name] for name in ("name", "image", "command")}
    metadata = {"name": job["metadata"]["name"], "labels": {"slipway.dev/verification": "true"}}
    spec = {"backoffLimit": 0, "template": {"spec": {"restartPolicy": "Never", "containers": [fake_container]}}}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec}


def with_container(packed: PackedBundle, image: str) -> PackedBundle:
    """The bundle with one more container in staging: an init container of the application's pods."""
    config, files = unpack_bundle(packed)
    path = "environments/staging/deployment.yaml"
    extra = (
        f'      initContainers:\n      - name: tool\n        image: {image}\n        command: ["python3", "-c", "0"]\n'
    )
    text = files[path].decode().replace("      containers:\n", f"{extra}      containers:\n", 1)
    changed = files | {path: text.encode()}
    return pack_bundle(config.model_copy(update={"content": content_digest(changed)}), changed)

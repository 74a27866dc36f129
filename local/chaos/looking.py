"""Looks at a running stack from outside the app: during the run, at what shows only then; at the end, at everything.

It asks the parts themselves (tables, queues, clusters, inbox) wherever the app could be wrong about them.
"""

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

import urllib3
from azure.core.exceptions import AzureError
from azure.data.tables import TableServiceClient
from azure.servicebus import NEXT_AVAILABLE_SESSION, ServiceBusClient, ServiceBusReceiver, ServiceBusSubQueue
from azure.servicebus.exceptions import OperationTimeoutError

from local.demo.play import slipway
from local.identity import Person
from local.stack import Stack
from local.watch import Watcher
from slipway.domain.fence import ORDER_ANNOTATION
from slipway.domain.order import Order
from slipway.domain.queues import Queue
from slipway.domain.rights import TableName
from slipway.effects.cluster.names import FENCE_ANNOTATION
from slipway.ledger import keys

from .applications import APPLICATIONS, ENVIRONMENTS, ONLY, order_of
from .evidence import FINAL, Evidence, Live, NamespaceContent, Pushed

KINDS: Final = (
    "apis/apps/v1/namespaces/{}/deployments",
    "api/v1/namespaces/{}/services",
    "api/v1/namespaces/{}/configmaps",
)
"""The kinds that the applications consist of."""
UNAVAILABLE = (urllib3.exceptions.HTTPError, AzureError, OSError, ValueError, KeyError, RuntimeError)
SOON: Final = 3600.0
"""Seconds. A message scheduled for later is a deadline of something that may have ended long ago."""
PAGE: Final = 500


@dataclass(kw_only=True)
class Onlooker:
    """Follows the clusters and the inbox while the system runs, each in a thread of its own."""

    stack: Stack
    went_back: list[str] = field(default_factory=list)
    notices: dict[str, dict[str, Any]] = field(default_factory=dict)
    """All notices so far, by id. The inbox itself keeps only the newest."""
    _newest: dict[tuple[str, str], Order] = field(default_factory=dict)

    def vote_address(self, release: str, person: Person) -> str | None:
        """The address in the newest vote request to a person."""
        addresses = [
            notice["locate_url"]
            for notice in list(self.notices.values())
            if (notice["release"], notice["notice"], notice["recipient"]) == (release, "gate-opened", person.mail)
        ]
        return addresses[-1] if addresses else None

    def collect(self, over: threading.Event) -> None:
        while not over.wait(0.5):
            with suppress(urllib3.exceptions.HTTPError, OSError, ValueError):
                self.notices |= {notice["id"]: notice for notice in self.stack.notices()}

    def watch(self, cluster: str, over: threading.Event) -> None:
        """Follow the Deployments of a cluster. A watch that breaks starts again from a list."""
        while not over.is_set():
            with suppress(urllib3.exceptions.HTTPError, OSError, ValueError, KeyError):
                for deployment in self._changes(cluster):
                    self._note_order(cluster, deployment)
                    if over.is_set():
                        return
            over.wait(0.3)

    def _changes(self, cluster: str) -> Iterator[dict[str, Any]]:
        path = "apis/apps/v1/deployments"
        deployments = read_cluster(self.stack, cluster, path)
        yield from deployments["items"]
        version = deployments["metadata"]["resourceVersion"]
        query = f"{path}?watch=1&allowWatchBookmarks=true&timeoutSeconds=5&resourceVersion={version}"
        cluster_access = self.stack.clusters[cluster]
        response = self.stack.http.request(
            "GET", f"{cluster_access['server']}/{query}", headers=admin_headers(self.stack), preload_content=False
        )
        try:
            for line in response:
                for text in filter(None, line.splitlines()):
                    event = json.loads(text)
                    if event["type"] == "MODIFIED":
                        yield event["object"]
        finally:
            response.close()

    def _note_order(self, cluster: str, deployment: Mapping[str, Any]) -> None:
        metadata = deployment["metadata"]
        if (text := metadata.get("annotations", {}).get(ORDER_ANNOTATION)) is None:
            return
        namespace, order = (cluster, metadata["namespace"]), order_of(text)
        newest = self._newest.get(namespace, order)
        if order < newest:
            self.went_back.append(f"{metadata['namespace']} in {cluster}: order {order} came after {newest}")
        self._newest[namespace] = max(order, newest, key=lambda each: (each.epoch, each.number))


def admin_headers(stack: Stack) -> dict[str, str]:
    return {"Authorization": f"Bearer {stack.secrets.cluster_token}"}


def read_cluster(stack: Stack, cluster: str, path: str) -> dict[str, Any]:
    """Read from a cluster, as its administrator."""
    response = stack.http.request("GET", f"{stack.clusters[cluster]['server']}/{path}", headers=admin_headers(stack))
    if response.status != 200:
        raise RuntimeError(f"{path} in {cluster} got the status {response.status}")
    document: dict[str, Any] = response.json()
    return document


@dataclass(kw_only=True)
class Inspector:
    """Collects the evidence, once all is quiet."""

    stack: Stack
    onlooker: Onlooker
    say: Callable[[str], None]

    def wait_until_quiet(self, *, within: float) -> bool:
        """Wait until nothing moves any more; returns whether that happened."""
        end = time.monotonic() + within
        while time.monotonic() < end:
            releases, waiting = self._attempt(self.releases), self._attempt(self.waiting)
            ended = releases is not None and all(release["phase"] in FINAL for release in releases)
            if ended and waiting is not None and not any(waiting.values()):
                return True
            time.sleep(2.0)
        return False

    def evidence(self, pushed: list[Pushed], votes: frozenset[tuple[str, str]]) -> Evidence:
        notices = self.onlooker.notices.values()
        releases = self._attempt(self.releases)
        return Evidence(
            pushed=pushed,
            votes=votes,
            notices=frozenset((notice["notice"], notice["release"], notice["recipient"]) for notice in notices),
            went_back=self.onlooker.went_back,
            releases=releases,
            records=self._attempt(self.records),
            live=self._attempt(lambda: self.live(releases or ())),
            namespaces=self._attempt(self.namespaces),
            trail_faults=self._attempt(self.trail_faults),
            waiting=self._attempt(self.waiting),
            doctor=self._attempt(self.doctor),
            parked=self._attempt(self.parked_inputs),
        )

    def _attempt[T](self, look: Callable[[], T]) -> T | None:
        try:
            return look()
        except UNAVAILABLE as error:
            self.say(f"could not be checked: {type(error).__name__}: {str(error)[:200]}")
            return None

    def _watch(self, application: str) -> Watcher:
        return Watcher(self.stack.url, self.stack.secrets.function_key, application)

    def releases(self) -> list[dict[str, Any]]:
        return [
            release
            for application in APPLICATIONS
            for release in self._watch(application.name).get(
                f"/api/v1/releases?application={application.name}&limit=200"
            )["releases"]
        ]

    def records(self) -> dict[str, list[dict[str, Any]]]:
        records: dict[str, list[dict[str, Any]]] = {}
        for application in APPLICATIONS:
            watch = self._watch(application.name)
            records[application.name] = []
            while page := watch.new_records():
                records[application.name] += page
                watch.sequence = page[-1]["sequence"]
        return records

    def live(self, releases: list[dict[str, Any]] | tuple[()]) -> dict[tuple[str, str], Live | None]:
        digests = {release["id"]: release["digest"] for release in releases}
        applications = self._watch("").get("/api/v1/applications")["applications"]
        return {
            (application["application"], lane["environment"]): Live(
                release=lane["live"]["release"],
                tag=lane["live"]["tag"],
                digest=digests[lane["live"]["release"]],
            )
            if lane["live"]
            else None
            for application in applications
            for lane in application["environments"]
        }

    def namespaces(self) -> dict[tuple[str, str], NamespaceContent]:
        return {
            (application.name, environment): self._namespace(environment, application.namespace(environment))
            for application in APPLICATIONS
            for environment in ENVIRONMENTS
        }

    def _namespace(self, cluster: str, namespace: str) -> NamespaceContent:
        objects = [
            item for kind in KINDS for item in read_cluster(self.stack, cluster, kind.format(namespace))["items"]
        ]
        orders = {
            item["metadata"]["name"] + " " + item.get("kind", ""): order_of(text)
            for item in objects
            if (text := item["metadata"].get("annotations", {}).get(ORDER_ANNOTATION))
        }
        containers = [
            container
            for item in objects
            for container in item.get("spec", {}).get("template", {}).get("spec", {}).get("containers", ())
        ]
        leases = read_cluster(self.stack, cluster, f"apis/coordination.k8s.io/v1/namespaces/{namespace}/leases")[
            "items"
        ]
        fences = [
            json.loads(text)
            for lease in leases
            for name, text in lease["metadata"].get("annotations", {}).items()
            if name == FENCE_ANNOTATION
        ]
        names = [item["metadata"]["name"] for item in objects]
        return NamespaceContent(
            images=frozenset(container["image"].partition("@")[2] for container in containers),
            orders=orders,
            lease=Order(epoch=fences[0]["epoch"], number=fences[0]["number"]) if len(fences) == 1 else None,
            own_to_versions=frozenset(name.removeprefix(ONLY) for name in names if name.startswith(ONLY)),
        )

    def trail_faults(self) -> dict[str, str]:
        process = slipway(self.stack, ["audit", "verify", "--votes", "--json"], show=False)
        verification = json.loads(process.stdout)
        return {chain["application"]: _fault(chain) for chain in verification["applications"]}

    def doctor(self) -> list[str]:
        process = slipway(self.stack, ["doctor", "--json"], show=False)
        checks = json.loads(process.stdout)["checks"]
        return [f"{check['check']}: {check['said']}" for check in checks if check["status"] not in ("ok", "skipped")]

    def parked_inputs(self) -> list[str]:
        parked = self._watch("").get("/api/v1/parked")["parked"]
        return [f"{input['source']}: {input['reason']}"[:200] for input in parked]

    def waiting(self) -> dict[str, int]:
        return self._rows() | self._messages()

    def _rows(self) -> dict[str, int]:
        """Unsent messages, records that were not copied yet, and unread rows of the inbox."""
        with TableServiceClient.from_connection_string(self.stack.storage) as service:
            ledger = service.get_table_client(keys.TABLE)
            rows = [str(row["RowKey"]) for row in ledger.list_entities(select=["RowKey"])]
            ends = {
                str(row["PartitionKey"]): int(json.loads(row["Data"])["sequence"])
                for row in ledger.query_entities(f"RowKey eq '{keys.HEAD}'")
            }
            inbox = list(service.get_table_client(TableName.INBOX).list_entities(select=["RowKey"]))
        return {
            "rows of the outbox": sum(row.startswith(keys.OUTBOX) for row in rows),
            "records that reconcile has not copied": sum(
                end - ends.get(keys.numbers(chain), 0)
                for chain, end in ends.items()
                if not chain.startswith(keys.NUMBERS)
            ),
            "rows of the inbox": len(inbox),
        }

    def _messages(self) -> dict[str, int]:
        counts = dict[str, int]()
        with ServiceBusClient.from_connection_string(self.stack.bus, retry_total=1) as client:
            for queue in Queue:
                with client.get_queue_receiver(queue, sub_queue=ServiceBusSubQueue.DEAD_LETTER) as dead:
                    counts[f"dead letters of {queue}"] = _count_receivable(dead)
                if queue.sessions:
                    counts[f"messages of {queue}"] = self._in_sessions(client, queue)
                else:
                    with client.get_queue_receiver(queue) as receiver:
                        counts[f"messages of {queue}"] = _count_receivable(receiver)
        return counts

    def _in_sessions(self, client: ServiceBusClient, queue: Queue) -> int:
        """The messages of one session, if any session has some now."""
        try:
            with client.get_queue_receiver(queue, session_id=NEXT_AVAILABLE_SESSION, max_wait_time=1) as receiver:
                return _count_receivable(receiver)
        except OperationTimeoutError:
            return 0


def _count_receivable(receiver: ServiceBusReceiver) -> int:
    """Messages that can be received now or soon."""
    count, soon = 0, time.time() + SOON
    page = receiver.peek_messages(PAGE)
    while page:
        count += sum(
            message.scheduled_enqueue_time_utc is None or message.scheduled_enqueue_time_utc.timestamp() < soon
            for message in page
        )
        page = receiver.peek_messages(PAGE, sequence_number=(page[-1].sequence_number or 0) + 1)
    return count


def _fault(verdict: Mapping[str, Any]) -> str:
    """The faults of a chain, its anchors, its votes or its index; empty if there are none. The proof of a new vote does
    not count as missing, because it is not shown until its token has expired."""
    if not verdict["intact"]:
        return str(verdict["fault"]["reason"])
    votes, index = verdict["votes"] or {}, verdict["index"] or {}
    faults = [fault["reason"] for fault in votes.get("faults", ())]
    faults += [f"its index: {index[kind]} {kind}" for kind in ("missing", "wrong", "extra") if index.get(kind)]
    return "; ".join(faults)

"""Looks at a running stack from outside of the app: while it runs, at what only shows then; at the end, at everything.

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
"""All that the applications consist of."""
AWAY = (urllib3.exceptions.HTTPError, AzureError, OSError, ValueError, KeyError, RuntimeError)
SOON: Final = 3600.0
"""Seconds. A message that is scheduled for later is a deadline of something that may have ended long before."""
PAGE: Final = 500


@dataclass(kw_only=True)
class Onlooker:
    """Follows the clusters and the inbox while the system runs, each in a thread of its own."""

    stack: Stack
    went_back: list[str] = field(default_factory=list)
    notices: dict[str, dict[str, Any]] = field(default_factory=dict)
    """All notices so far, by id. The inbox itself keeps only the newest ones."""
    _newest: dict[tuple[str, str], Order] = field(default_factory=dict)

    def asked(self, release: str, person: Person) -> str | None:
        """The address in the newest question to a person."""
        mine = [
            each["locate_url"]
            for each in list(self.notices.values())
            if (each["release"], each["notice"], each["recipient"]) == (release, "gate-opened", person.mail)
        ]
        return mine[-1] if mine else None

    def collect(self, over: threading.Event) -> None:
        while not over.wait(0.5):
            with suppress(urllib3.exceptions.HTTPError, OSError, ValueError):
                self.notices |= {each["id"]: each for each in self.stack.notices()}

    def watch(self, cluster: str, over: threading.Event) -> None:
        """Deployments of a cluster, as they change. A watch that breaks is begun again from a list."""
        while not over.is_set():
            with suppress(urllib3.exceptions.HTTPError, OSError, ValueError, KeyError):
                for deployment in self._changes(cluster):
                    self._seen(cluster, deployment)
                    if over.is_set():
                        return
            over.wait(0.3)

    def _changes(self, cluster: str) -> Iterator[dict[str, Any]]:
        path = "apis/apps/v1/deployments"
        listed = asked(self.stack, cluster, path)
        yield from listed["items"]
        version = listed["metadata"]["resourceVersion"]
        query = f"{path}?watch=1&allowWatchBookmarks=true&timeoutSeconds=5&resourceVersion={version}"
        place = self.stack.clusters[cluster]
        answer = self.stack.http.request(
            "GET", f"{place['server']}/{query}", headers=known_as(self.stack), preload_content=False
        )
        try:
            for line in answer:
                for text in filter(None, line.splitlines()):
                    event = json.loads(text)
                    if event["type"] == "MODIFIED":
                        yield event["object"]
        finally:
            answer.close()

    def _seen(self, cluster: str, deployment: Mapping[str, Any]) -> None:
        metadata = deployment["metadata"]
        if (text := metadata.get("annotations", {}).get(ORDER_ANNOTATION)) is None:
            return
        at, order = (cluster, metadata["namespace"]), order_of(text)
        before = self._newest.get(at, order)
        if order < before:
            self.went_back.append(f"{metadata['namespace']} in {cluster}: order {order} came after {before}")
        self._newest[at] = max(order, before, key=lambda each: (each.epoch, each.number))


def known_as(stack: Stack) -> dict[str, str]:
    return {"Authorization": f"Bearer {stack.secrets.cluster_token}"}


def asked(stack: Stack, cluster: str, path: str) -> dict[str, Any]:
    """Reads a cluster with all rights."""
    answer = stack.http.request("GET", f"{stack.clusters[cluster]['server']}/{path}", headers=known_as(stack))
    if answer.status != 200:
        raise RuntimeError(f"{path} in {cluster} was answered with {answer.status}")
    found: dict[str, Any] = answer.json()
    return found


@dataclass(kw_only=True)
class Inspector:
    """Looks at everything, once all is quiet."""

    stack: Stack
    onlooker: Onlooker
    say: Callable[[str], None]

    def quiet(self, *, within: float) -> bool:
        """Wait until nothing moves any more; returns whether it came to that."""
        end = time.monotonic() + within
        while time.monotonic() < end:
            releases, waiting = self._tried(self.releases), self._tried(self.waiting)
            ended = releases is not None and all(each["phase"] in FINAL for each in releases)
            if ended and waiting is not None and not any(waiting.values()):
                return True
            time.sleep(2.0)
        return False

    def evidence(self, pushed: list[Pushed], votes: frozenset[tuple[str, str]]) -> Evidence:
        told = self.onlooker.notices.values()
        releases = self._tried(self.releases)
        return Evidence(
            pushed=pushed,
            votes=votes,
            told=frozenset((each["notice"], each["release"], each["recipient"]) for each in told),
            went_back=self.onlooker.went_back,
            releases=releases,
            records=self._tried(self.records),
            live=self._tried(lambda: self.live(releases or ())),
            held=self._tried(self.held),
            verified=self._tried(self.verified),
            waiting=self._tried(self.waiting),
            doctor=self._tried(self.doctor),
            parked=self._tried(self.parked),
        )

    def _tried[T](self, look: Callable[[], T]) -> T | None:
        try:
            return look()
        except AWAY as away:
            self.say(f"could not be looked at: {type(away).__name__}: {str(away)[:200]}")
            return None

    def _watch(self, application: str) -> Watcher:
        return Watcher(self.stack.url, self.stack.secrets.function_key, application)

    def releases(self) -> list[dict[str, Any]]:
        return [
            release
            for each in APPLICATIONS
            for release in self._watch(each.name).get(f"/api/v1/releases?application={each.name}&limit=200")["releases"]
        ]

    def records(self) -> dict[str, list[dict[str, Any]]]:
        found: dict[str, list[dict[str, Any]]] = {}
        for each in APPLICATIONS:
            watch = self._watch(each.name)
            found[each.name] = []
            while page := watch.new_records():
                found[each.name] += page
                watch.sequence = page[-1]["sequence"]
        return found

    def live(self, releases: list[dict[str, Any]] | tuple[()]) -> dict[tuple[str, str], Live | None]:
        digests = {each["id"]: each["digest"] for each in releases}
        standing = self._watch("").get("/api/v1/applications")["applications"]
        return {
            (each["application"], lane["environment"]): Live(
                release=lane["live"]["release"],
                tag=lane["live"]["tag"],
                digest=digests[lane["live"]["release"]],
            )
            if lane["live"]
            else None
            for each in standing
            for lane in each["environments"]
        }

    def held(self) -> dict[tuple[str, str], NamespaceContent]:
        return {
            (each.name, environment): self._held(environment, each.namespace(environment))
            for each in APPLICATIONS
            for environment in ENVIRONMENTS
        }

    def _held(self, cluster: str, namespace: str) -> NamespaceContent:
        objects = [item for kind in KINDS for item in asked(self.stack, cluster, kind.format(namespace))["items"]]
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
        leases = asked(self.stack, cluster, f"apis/coordination.k8s.io/v1/namespaces/{namespace}/leases")["items"]
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

    def verified(self) -> dict[str, str]:
        done = slipway(self.stack, ["audit", "verify", "--votes", "--json"], show=False)
        found = json.loads(done.stdout)
        return {each["application"]: _fault(each) for each in found["applications"]}

    def doctor(self) -> list[str]:
        done = slipway(self.stack, ["doctor", "--json"], show=False)
        checks = json.loads(done.stdout)["checks"]
        return [f"{each['check']}: {each['said']}" for each in checks if each["status"] not in ("ok", "skipped")]

    def parked(self) -> list[str]:
        found = self._watch("").get("/api/v1/parked")["parked"]
        return [f"{each['source']}: {each['reason']}"[:200] for each in found]

    def waiting(self) -> dict[str, int]:
        return self._rows() | self._messages()

    def _rows(self) -> dict[str, int]:
        """Messages not sent yet, records not copied yet, and unread rows of the inbox."""
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
        found = dict[str, int]()
        with ServiceBusClient.from_connection_string(self.stack.bus, retry_total=1) as client:
            for queue in Queue:
                with client.get_queue_receiver(queue, sub_queue=ServiceBusSubQueue.DEAD_LETTER) as dead:
                    found[f"dead letters of {queue}"] = _left(dead)
                if queue.sessions:
                    found[f"messages of {queue}"] = self._in_sessions(client, queue)
                else:
                    with client.get_queue_receiver(queue) as receiver:
                        found[f"messages of {queue}"] = _left(receiver)
        return found

    def _in_sessions(self, client: ServiceBusClient, queue: Queue) -> int:
        """Those of one session, if any has messages now."""
        try:
            with client.get_queue_receiver(queue, session_id=NEXT_AVAILABLE_SESSION, max_wait_time=1) as receiver:
                return _left(receiver)
        except OperationTimeoutError:
            return 0


def _left(receiver: ServiceBusReceiver) -> int:
    """Messages that are there, or soon will be."""
    found, soon = 0, time.time() + SOON
    page = receiver.peek_messages(PAGE)
    while page:
        found += sum(
            message.scheduled_enqueue_time_utc is None or message.scheduled_enqueue_time_utc.timestamp() < soon
            for message in page
        )
        page = receiver.peek_messages(PAGE, sequence_number=(page[-1].sequence_number or 0) + 1)
    return found


def _fault(verdict: Mapping[str, Any]) -> str:
    """The faults of a chain, its anchors, its votes or its index; empty if there are none. The proof of a new vote is
    not shown before its token has expired."""
    if not verdict["intact"]:
        return str(verdict["fault"]["reason"])
    votes, index = verdict["votes"] or {}, verdict["index"] or {}
    faults = [each["reason"] for each in votes.get("faults", ())]
    faults += [f"its index: {index[kind]} {kind}" for kind in ("missing", "wrong", "extra") if index.get(kind)]
    return "; ".join(faults)

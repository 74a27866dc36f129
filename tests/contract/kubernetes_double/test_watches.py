"""Watches: the events since a version, as a stream that ends at the announced time."""

import json
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from kubernetes import watch
from kubernetes.client import CoreV1Api
from kubernetes.client.exceptions import ApiException

from local.kubernetes import Kubernetes, KubernetesSettings
from local.kubernetes.store import Store
from tests.contract.kubernetes_double.support import Cluster, config_map

Event = tuple[str, str]
MAPS = "/api/v1/namespaces/default/configmaps"


def collect(simulated: Cluster, first: Callable[[], None], last: Event, **options: object) -> list[Event]:
    """Start a watch, do something once it listens, and return the events up to `last`."""
    core, events = CoreV1Api(simulated.api), []
    watcher = watch.Watch()
    second_client = Cluster(simulated.url, simulated.scratch)
    second_client.apply(config_map("marker", {"n": "0"}))
    acted = False
    for event in watcher.stream(core.list_namespaced_config_map, "default", timeout_seconds=20, **options):
        if not acted:  # the first event shows that the stream is open
            acted = True
            threading.Thread(target=first).start()
        events.append((event["type"], event["object"].metadata.name))
        if events[-1] == last:
            watcher.stop()
    return events


def test_a_watch_lists_existing_objects_and_then_their_changes(simulated: Cluster) -> None:
    simulated.apply(config_map("c", {"k": "1"}))
    second_client = Cluster(simulated.url, simulated.scratch)

    def change() -> None:
        second_client.apply(config_map("c", {"k": "2"}))
        second_client.raw("DELETE", f"{MAPS}/c")

    events = collect(simulated, change, ("DELETED", "c"))
    assert events == [("ADDED", "c"), ("ADDED", "marker"), ("MODIFIED", "c"), ("DELETED", "c")]


def test_a_watch_from_a_version_does_not_repeat_what_was_before(simulated: Cluster) -> None:
    simulated.apply(config_map("old", {}))
    listed = CoreV1Api(simulated.api).list_namespaced_config_map("default").metadata
    assert listed is not None
    version = listed.resource_version
    second_client = Cluster(simulated.url, simulated.scratch)
    events = collect(
        simulated, lambda: second_client.apply(config_map("new", {})), ("ADDED", "new"), resource_version=version
    )
    assert events == [("ADDED", "marker"), ("ADDED", "new")]


def test_an_object_that_ceases_to_match_the_selector_is_reported_as_deleted(simulated: Cluster) -> None:
    simulated.apply(config_map("c", {}, labels={"on": "yes"}))
    second_client = Cluster(simulated.url, simulated.scratch)
    events = collect(
        simulated,
        lambda: second_client.apply(config_map("c", {}, labels={"on": "no"})),
        ("DELETED", "c"),
        label_selector="on=yes",
    )
    assert events == [("ADDED", "c"), ("DELETED", "c")]


def test_a_watch_can_be_held_to_one_name(simulated: Cluster) -> None:
    simulated.apply(config_map("c", {}))
    second_client = Cluster(simulated.url, simulated.scratch)

    def change() -> None:
        second_client.apply(config_map("noise", {}))
        second_client.apply(config_map("c", {"k": "1"}))

    events = collect(simulated, change, ("MODIFIED", "c"), field_selector="metadata.name=c")
    assert events == [("ADDED", "c"), ("MODIFIED", "c")]


def test_the_dynamic_client_watches_too(simulated: Cluster) -> None:
    simulated.apply(config_map("c", {}))
    watcher, events = watch.Watch(), []
    for event in simulated.kind("v1", "ConfigMap").watch(namespace="default", timeout=20, watcher=watcher):
        events.append((event["type"], event["object"].metadata.name))
        watcher.stop()
    assert events == [("ADDED", "c")]


def test_a_watch_ends_after_its_timeout_with_a_bookmark_if_asked(simulated: Cluster) -> None:
    query = "?watch=true&timeoutSeconds=1&allowWatchBookmarks=true&sendInitialEvents=true"
    code, body, _ = simulated.raw("GET", MAPS + query)
    events = [json.loads(line) for line in body.splitlines()]
    assert code == 200
    assert [e["type"] for e in events] == ["BOOKMARK", "BOOKMARK"]
    assert events[0]["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}


def test_a_version_that_is_too_old_is_gone(simulated: Cluster) -> None:
    core = CoreV1Api(simulated.api)
    with pytest.raises(ApiException) as expired:
        list(watch.Watch().stream(core.list_namespaced_config_map, "default", resource_version="1", timeout_seconds=5))
    assert expired.value.status == 410


def test_the_history_is_bounded(tmp_path: Path) -> None:
    store = Store(kept_events=10)
    with Kubernetes(KubernetesSettings(simulate=True), store=store) as running:
        cluster = Cluster(running.url, tmp_path)
        version = cluster.apply(config_map("c", {"n": "0"}))["metadata"]["resourceVersion"]
        for n in range(1, 13):
            cluster.apply(config_map("c", {"n": str(n)}))
        _, body, _ = cluster.raw("GET", f"{MAPS}?watch=true&timeoutSeconds=1&resourceVersion={version}")
        assert json.loads(body.splitlines()[0])["object"]["code"] == 410

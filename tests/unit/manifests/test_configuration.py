"""Who reads a ConfigMap or Secret, and when a change of it is seen."""

from typing import Any

import pytest

from slipway.manifests.configuration import CONFIG_ANNOTATION, Reading, readings, restarting

Json = dict[str, Any]


def workload(kind: str = "Deployment", *, volumes: list[Json] | None = None, **container: Any) -> Json:
    spec = {"containers": [{"name": "main", "image": "shop", **container}], "volumes": volumes or []}
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": "web"}, "spec": {"template": {"spec": spec}}}


def config(**data: str) -> Json:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": data}


SETTINGS, LOGIN = ("ConfigMap", "settings"), ("Secret", "login")
MOUNTED = [{"name": "v", "configMap": {"name": "settings"}}]
PROJECTED = [{"name": "v", "projected": {"sources": [{"secret": {"name": "login"}}]}}]
MOUNT = {"name": "v", "mountPath": "/etc/shop"}

READ: dict[str, tuple[Json, dict[tuple[str, str], Reading]]] = {
    "all variables": (
        workload(envFrom=[{"configMapRef": {"name": "settings"}}, {"secretRef": {"name": "login"}}]),
        {SETTINGS: Reading.AT_START, LOGIN: Reading.AT_START},
    ),
    "one variable": (
        workload(env=[{"name": "A", "valueFrom": {"secretKeyRef": {"name": "login", "key": "a"}}}]),
        {LOGIN: Reading.AT_START},
    ),
    "a folder": (workload(volumes=MOUNTED, volumeMounts=[MOUNT]), {SETTINGS: Reading.AS_FOLDER}),
    "a file of a folder": (
        workload(volumes=MOUNTED, volumeMounts=[{**MOUNT, "subPath": "a.conf"}]),
        {SETTINGS: Reading.AT_START},
    ),
    "a projected folder": (workload(volumes=PROJECTED, volumeMounts=[MOUNT]), {LOGIN: Reading.AS_FOLDER}),
    "a Secret's folder": (
        workload(volumes=[{"name": "v", "secret": {"secretName": "login"}}], volumeMounts=[MOUNT]),
        {LOGIN: Reading.AS_FOLDER},
    ),
    "both ways": (
        workload(volumes=MOUNTED, volumeMounts=[MOUNT], envFrom=[{"configMapRef": {"name": "settings"}}]),
        {SETTINGS: Reading.AT_START},
    ),
    "a volume that nobody mounts": (workload(volumes=MOUNTED), {}),
    "a variable of the text": (workload(env=[{"name": "A", "value": "settings"}]), {}),
    "no workload": (config(a="1"), {}),
    "not even lists": (workload(env="A", envFrom=7, volumeMounts={"a": 1}), {}),
}


@pytest.mark.parametrize("case", READ)
def test_config_maps_and_secrets_that_pods_read_are_found_with_when_a_change_is_seen(case: str) -> None:
    manifest, reads = READ[case]
    assert readings(manifest) == reads


def annotation(*manifests: Json) -> str | None:
    (web,) = [manifest for manifest in restarting(manifests) if manifest["metadata"]["name"] == "web"]
    annotations = web["spec"]["template"].get("metadata", {}).get("annotations", {})
    value = annotations.get(CONFIG_ANNOTATION)
    return None if value is None else str(value)


READER = workload(envFrom=[{"configMapRef": {"name": "settings"}}])


def test_a_changed_content_is_another_template_and_the_same_content_is_not() -> None:
    first = annotation(READER, config(a="1"))
    assert first is not None
    assert annotation(config(a="1"), READER) == first
    assert annotation(READER, config(a="2")) != first


def test_a_changed_label_of_a_config_map_restarts_nothing() -> None:
    labelled = config(a="1")
    labelled["metadata"]["labels"] = {"team": "shop"}
    assert annotation(READER, labelled) == annotation(READER, config(a="1"))


def test_a_job_and_a_workload_that_reads_none_of_the_manifests_are_left_as_they_are() -> None:
    other_map = {**config(a="1"), "metadata": {"name": "other"}}
    job = {**READER, "kind": "Job"}
    for manifests in ((READER, other_map), (job, config(a="1"))):
        assert restarting(manifests) == manifests

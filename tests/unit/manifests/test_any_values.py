"""Whoever pushes a bundle may write any value anywhere in an object. The checks must accept or refuse it, and not fail:
a step that failed on it was tried six times and then parked, and the release waited without a reason."""

import copy
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from slipway.bundle.contents import ContentPart, Member, in_namespace, object_problems
from slipway.catalogue import labelled_object
from slipway.domain.around import Side
from slipway.domain.images import ImageRules
from slipway.domain.model import canonical
from slipway.domain.project import AllowedKinds
from slipway.engine.pinned import not_pinned
from slipway.manifests.around import acceptance_job, job_around
from slipway.manifests.configuration import restarting
from slipway.manifests.documents import Document, TextPosition
from slipway.manifests.limits import beyond_limits
from slipway.manifests.objects import identity
from slipway.manifests.problems import Steps
from slipway.manifests.together import together_problems
from tests.contract.cluster.variants import VARIANTS

CONTAINER = {
    "name": "a",
    "image": "registry.example/team/shop@sha256:" + "0" * 64,
    "env": [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "k"}}}],
    "envFrom": [{"configMapRef": {"name": "settings"}}],
    "ports": [{"containerPort": 80, "hostPort": 0}],
    "securityContext": {"capabilities": {"add": ["CHOWN"]}, "seLinuxOptions": {"type": "container_t"}},
    "volumeMounts": [{"name": "v", "mountPath": "/x", "subPath": "a"}],
    "livenessProbe": {"httpGet": {"path": "/", "port": 80}},
}
TEMPLATE = {
    "metadata": {"labels": {"app": "a"}, "annotations": {"a": "b"}},
    "spec": {
        "containers": [CONTAINER],
        "securityContext": {"sysctls": [{"name": "net.ipv4.tcp_syncookies", "value": "1"}]},
        "volumes": [
            {"name": "v", "configMap": {"name": "settings"}},
            {"name": "w", "projected": {"sources": [{"secret": {"name": "s"}}]}},
            {"name": "i", "image": {"reference": CONTAINER["image"]}},
        ],
    },
}


def of_kind(version: str, kind: str, name: str = "a", **fields: Any) -> dict[str, Any]:
    metadata = {"name": name, "labels": {"x": "y"}, "annotations": {"x": "y"}}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **fields}


SETTINGS = of_kind("v1", "ConfigMap", "settings", data={"a": "b"}, binaryData={"b": "YQ=="})
OBJECTS = (
    of_kind("apps/v1", "Deployment", spec={"replicas": 1, "template": TEMPLATE}),
    of_kind("batch/v1", "Job", spec={"template": TEMPLATE, "activeDeadlineSeconds": 5, "ttlSecondsAfterFinished": 4}),
    of_kind("batch/v1", "CronJob", spec={"schedule": "* * * * *", "jobTemplate": {"spec": {"template": TEMPLATE}}}),
    of_kind("v1", "Secret", type="Opaque"),
    of_kind("v1", "Service", spec={"ports": [{"port": 80}], "selector": {"a": "b"}, "externalIPs": []}),
    of_kind("example.com/v1", "Thing", spec={"image": CONTAINER["image"], "parts": [{"image": "x"}]}),
    SETTINGS,
    *(VARIANTS[f"{kind} {{}}"] for kind in ("HorizontalPodAutoscaler", "Ingress", "NetworkPolicy", "RoleBinding")),
)
VALUES: tuple[Any, ...] = (
    *(None, True, 0, -1, 1.5, "", "x", "a\0b"),
    *([], [1], [None], [[1]], [{"a": 1}], {}, {"a": [1]}, {"name": {}}),
)
PARTS = {"Job": (ContentPart.MANIFESTS, ContentPart.BEFORE, ContentPart.VERIFICATION)}
RULES = ImageRules(paths={"example.com/Thing": ("spec.image", "spec.parts[].image")})
KINDS = AllowedKinds(also=("example.com/Thing",))


def places(value: Any, at: Steps = ()) -> Iterator[Steps]:
    yield at
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, item in entries:
        yield from places(item, (*at, step))


def with_value(document: dict[str, Any], at: Steps, value: Any) -> Any:
    if not at:
        return value
    changed = copy.deepcopy(document)
    holder: Any = changed
    for step in at[:-1]:
        holder = holder[step]
    holder[at[-1]] = value
    return changed


def planned(value: dict[str, Any], part: ContentPart) -> dict[str, Any]:
    manifest = labelled_object(in_namespace(value, "shop"), application="shop", environment="staging", release="shop-1")
    if part is ContentPart.BEFORE:
        return job_around(manifest, side=Side.BEFORE, release="shop-1", environment="staging")
    if part is ContentPart.VERIFICATION:
        return acceptance_job(manifest, within=timedelta(minutes=1), name="tests")
    return manifest


def judge(value: Any, part: ContentPart) -> None:
    """All that is done with an object of a bundle until a cluster sees it."""
    document = Document(file="a.yaml", value=value, positions={(): TextPosition()})
    problems = list(object_problems(Member(file="a.yaml", document=document), part, namespace="shop", rules=RULES))
    problems = problems or list(together_problems(document, value))
    if problems:
        assert all(map(str, problems))
        return
    identity(value)
    manifest = planned(value, part)
    assert all(beyond_limits(manifest, KINDS))
    assert all(not_pinned(manifest, RULES))
    assert canonical(list(restarting([manifest, SETTINGS])))


@pytest.mark.parametrize("sample", OBJECTS, ids=lambda whole: whole["kind"])
def test_any_value_in_any_place_of_an_object_gets_an_answer(sample: dict[str, Any]) -> None:
    for at in places(sample):
        for value in VALUES:
            for part in PARTS.get(sample["kind"], (ContentPart.MANIFESTS,)):
                try:
                    judge(with_value(sample, at, value), part)
                except Exception as error:
                    error.add_note(f"{value!r} at {at} of {part or 'the manifests'}")
                    raise

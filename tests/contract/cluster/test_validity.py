"""`slipway check` and a cluster agree on names, labels, keys and sizes; `test_variants.py` has the rest."""

import copy
import json
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from slipway.effects.cluster import ObjectRefused
from slipway.manifests.documents import read_text
from slipway.manifests.together import together_problems
from slipway.manifests.validity import MOST_DATA, validity_problems

from . import manifests as m
from .conftest import Place

type Change = Callable[[m.Json], object]


def problems(manifest: m.Json) -> list[str]:
    document = read_text(json.dumps(manifest).encode(), name="a.yaml")[0]
    problems = (*validity_problems(document, manifest), *together_problems(document, manifest))
    return [problem.field for problem in problems]


def in_metadata(part: str, key: str, text: str, manifest: m.Json) -> None:
    manifest["metadata"].setdefault(part, {})[key] = text


def in_container(field: str, content: Any, manifest: m.Json) -> None:
    manifest["spec"]["template"]["spec"]["containers"][0][field] = content


def another_container(manifest: m.Json) -> None:
    manifest["spec"]["template"]["spec"]["initContainers"] = copy.deepcopy(
        manifest["spec"]["template"]["spec"]["containers"]
    )


def with_name(name: str, manifest: m.Json) -> None:
    manifest["metadata"]["name"] = name


def with_data(part: str, key: str, text: str, manifest: m.Json) -> None:
    manifest[part] = {key: text}


SERVICE = m.web_server()[1]
STATEFUL_SET = m.workload("StatefulSet", m.PAUSE, serviceName="db")
CRON_JOB: m.Json = m.config() | {"apiVersion": "batch/v1", "kind": "CronJob"}
del CRON_JOB["data"]
CRON_JOB["spec"] = {"schedule": "0 3 * * *", "jobTemplate": {"spec": m.job("a")["spec"]}}
BUDGET = {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {}, "spec": {"minAvailable": 1}}
NAMES: list[tuple[m.Json, tuple[str, ...], str]] = [
    (m.config(), ("a.b-c", "1", "x" * 253), ""),
    (m.config(), ("A_b", "x" * 254, "a..b"), "metadata.name"),
    (SERVICE, ("a-1", "x" * 63), ""),
    (SERVICE, ("1a", "a.b", "x" * 64), "metadata.name"),
    (STATEFUL_SET, ("1a", "x" * 52), ""),
    (STATEFUL_SET, ("a.b", "x" * 64), "metadata.name"),
    (m.job("a"), ("a.b", "x" * 63), ""),
    (m.job("a"), ("A", "x" * 64), "metadata.name"),
    (CRON_JOB, ("a.b", "x" * 52), ""),
    (CRON_JOB, ("x" * 53,), "metadata.name"),
    (m.deployment(), ("a.b", "x" * 253), ""),
    (BUDGET, ("A_b", "a:b"), ""),
]
CASES: list[tuple[m.Json, Change, str]] = [
    (m.config(), partial(with_data, "data", "a", "x" * MOST_DATA), ""),
    (m.config(), partial(with_data, "data", "a", "x" * (MOST_DATA + 1)), "data"),
    (m.config(), partial(with_data, "binaryData", "a", "AAAA" * (MOST_DATA // 3 + 1)), "binaryData"),
    (m.secret(), partial(with_data, "stringData", "a", "x" * (MOST_DATA + 1)), "stringData"),
    (m.config(), partial(with_data, "data", "A-b_c.d", "x"), ""),
    (m.config(), partial(with_data, "data", "a/b", "x"), "data.a/b"),
    (m.config(), partial(in_metadata, "annotations", "a", "x" * 262_200), "metadata.annotations"),
    (m.config(), partial(in_metadata, "labels", "team.example/tier", "Front_1.2"), ""),
    (m.config(), partial(in_metadata, "labels", "tier", ""), ""),
    (m.config(), partial(in_metadata, "labels", "tier", "front end"), "metadata.labels.tier"),
    (m.config(), partial(in_metadata, "labels", "tier", "x" * 64), "metadata.labels.tier"),
    (m.config(), partial(in_metadata, "labels", "a tier", "x"), "metadata.labels.a tier"),
    *((sound, partial(with_name, name), field) for sound, names, field in NAMES for name in names),
    (m.deployment(), partial(in_container, "name", "Main"), "spec.template.spec.containers[0].name"),
    (m.deployment(), another_container, "spec.template.spec.containers[0].name"),
    (m.deployment(), partial(in_container, "ports", [{"containerPort": 65535}]), ""),
    (
        m.deployment(),
        partial(in_container, "ports", [{"containerPort": 65536}]),
        "spec.template.spec.containers[0].ports[0].containerPort",
    ),
]


@pytest.mark.parametrize(("sound", "change", "field"), CASES)
def test_the_check_and_a_cluster_agree_about_every_object(
    place: Place, sound: m.Json, change: Change, field: str
) -> None:
    manifest = copy.deepcopy(sound)
    change(manifest)
    assert problems(manifest) == ([field] if field else [])
    if field:
        with pytest.raises(ObjectRefused):
            place.cluster.preview([manifest], place.namespace)
    else:
        assert m.changes(place.cluster.preview([manifest], place.namespace))

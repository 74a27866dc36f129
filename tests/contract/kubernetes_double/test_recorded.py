"""The double responds as a real API server did, but for the differences in its list."""

from collections.abc import Iterator
from typing import Any

import pytest
import urllib3

from local.cluster.building import KUBERNETES, VERSIONS
from local.kubernetes import Kubernetes, KubernetesSettings
from local.kubernetes.resources import ABSENT, RESOURCES
from tests.contract.kubernetes_double.playing import differences_from
from tests.contract.kubernetes_double.questions import SITUATIONS
from tests.contract.kubernetes_double.record import (
    DIFFERENCES,
    VERSION_DIFFERENCES,
    as_markdown,
    between_versions,
    namespace_of,
    recorded,
    sender,
)

RECORDED: dict[str, Any] = recorded(KUBERNETES)
LISTED = DIFFERENCES.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def double() -> Iterator[Kubernetes]:
    settings = KubernetesSettings(simulate=True, namespaces=tuple(map(namespace_of, SITUATIONS)))
    with Kubernetes(settings) as running:
        yield running


def test_the_recording_names_its_version_its_date_and_every_situation() -> None:
    assert RECORDED["version"] == KUBERNETES
    assert RECORDED["part"] == "kube-apiserver"
    assert RECORDED["recorded"] > "2026"
    assert RECORDED["answers"].keys() == SITUATIONS.keys()


def listed(situation: str) -> list[str]:
    _, heading, section = LISTED.partition(f"\n## {situation}\n\n")
    lines = section.partition("\n\n")[0].rstrip("\n").split("\n") if heading else []
    return [line.removeprefix("- ") for line in lines]


@pytest.mark.parametrize("situation", SITUATIONS)
def test_the_double_answers_as_a_real_server_but_for_the_listed_differences(situation: str, double: Kubernetes) -> None:
    with urllib3.PoolManager() as pool:
        send = sender(double.url, pool, namespace_of(situation))
        lines = differences_from(situation, RECORDED["answers"][situation], send)
    assert [line.replace("\n", " ") for line in lines] == listed(situation)


def test_differences_between_versions_of_the_server_are_recorded_and_listed() -> None:
    assert VERSION_DIFFERENCES.read_text(encoding="utf-8") == between_versions()
    for version in VERSIONS:
        recording = recorded(version)
        assert (recording["version"], recording["answers"].keys() <= SITUATIONS.keys()) == (version, True)
        if version != KUBERNETES:
            assert not [
                name for name, responses in recording["answers"].items() if responses == RECORDED["answers"][name]
            ]


def test_the_list_of_differences_names_only_situations_that_are_asked() -> None:
    titles = [line.removeprefix("## ") for line in LISTED.splitlines() if line.startswith("## ")]
    assert set(titles) <= SITUATIONS.keys()
    differing = {situation: listed(situation) for situation in SITUATIONS}
    assert as_markdown(differing) == LISTED


def test_each_kind_of_a_real_server_is_there_or_known_to_be_absent() -> None:
    present = {f"{resource.api_version} {resource.plural}" for resource in RESOURCES}
    absent = {f"{version} {plural}" for version, plurals in ABSENT.items() for plural in plurals.split()}
    assert present & absent == set()
    assert set(RECORDED["kinds"]) == present | absent

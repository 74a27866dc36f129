"""A newcomer's own application, from an empty folder to production: with the commands of the page, and no others."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from slipway.bundle.rendering import Program
from tests.contract.rendering.programs import folder_of, missing
from tests.docs.commands import ROOT, commands
from tests.integration.newcomer import Reader, newcomer
from tests.integration.system import until

pytestmark = pytest.mark.stack
HOW_TO = ROOT / "docs/how-to/add-an-application.md"
TUTORIAL = ROOT / "docs/tutorial/own-application.md"


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    with newcomer(tmp_path) as reader:
        yield reader


def test_the_commands_of_the_page_bring_a_readers_own_application_into_production(reader: Reader) -> None:
    start, check, push, look, again, alone = (block.body for block in reader.blocks(HOW_TO, "On your laptop"))
    reader.type(start)
    reader.type(check)
    pushing, explain = push.strip().splitlines()
    reader.type(pushing)
    reader.type_until(explain, "waits in production")
    stack = reader.stack
    reader.approve()
    release, verify = look.strip().splitlines()
    reader.type_until(release, "completed")
    assert "intact" in reader.type(verify)
    until(lambda: reader.runs("production", reader.name) == 2, "two pods are up; a busy machine misses a probe")

    assert re.search(rf"{reader.name}.*production.*{reader.name}-1", reader.type(again), re.DOTALL)
    later = reader.stack
    assert {name: later[name] for name in ("url", "registries", "inbox")} == {
        name: stack[name] for name in ("url", "registries", "inbox")
    }
    until(lambda: reader.runs("production", reader.name) == 2, "the pods run again")

    deployment = reader.clone.parent / reader.name / "manifests/deployment.yaml"
    deployment.write_text(deployment.read_text().replace("memory: 64Mi", "memory: 96Mi"))
    apply, create = alone.strip().splitlines()
    reader.type(apply)
    reader.confirmed(create, "Olu")
    reader.type_until(explain.replace("-1", "-2"), "waits in production")
    (container,) = containers(reader, "staging", reader.name)
    assert container["resources"]["limits"] == {"memory": "96Mi"}
    reader.type(pushing.replace("0.1.0", "0.2.0"))
    reader.type_until(explain.replace("-1", "-3"), "waits in production")


@pytest.mark.skipif(folder_of(Program.HELM) is None, reason=missing(Program.HELM))
def test_the_tutorial_brings_two_images_and_a_chart_to_production_in_the_steps_that_it_counts(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{folder_of(Program.HELM)}{os.pathsep}{os.environ['PATH']}")
    assert not (reader.clone.parent / reader.name).exists()
    blocks = reader.blocks(TUTORIAL, "1. To production")
    typed = sum(1 for block in blocks if block.language == "sh" for _ in commands(block))
    start, price, push, look = blocks
    reader.type(start.body)
    lines = reader.edit(price)
    reader.type(push.body)
    reader.type_until(look.body.replace("release ", "explain "), "waits in production")
    images = {container["image"] for name in services(reader) for container in containers(reader, "staging", name)}
    digests = {image.partition("@")[2] for image in images}
    assert len(digests) == 2
    page = reader.approve()
    assert all(digest[7:19] in page for digest in digests), "the page names both images"
    reader.type_until(look.body, "completed")

    prod = reader.stack["registries"]["prod"]
    for name in services(reader):
        (container,) = containers(reader, "production", name)
        assert container["image"].startswith(f"{prod}/{reader.name}/")
        assert container["image"].partition("@")[2] in digests
    until(lambda: [reader.runs("production", name) for name in services(reader)] == [2, 2], "both services are up")
    proxy = f"/api/v1/NAMESPACE/services/{reader.name}:http/proxy/"
    assert reader.in_cluster("production", proxy) == {"application": reader.name, "price": "12.50"}
    counted = re.search(r"^\| (\d+) \| (\d+) \| (\d+) \|$", TUTORIAL.read_text(), re.MULTILINE)
    assert counted is not None
    assert [int(number) for number in counted.groups()] == [typed, 1, lines]

    replicas, following = reader.blocks(TUTORIAL, "2. The next version")
    assert reader.edit(replicas) == 1
    pushing, explain = following.body.strip().splitlines()
    reader.type(pushing)
    reader.type_until(explain, "waits in production")
    reader.approve()
    reader.type_until(look.body.replace("-1", "-2"), "completed")
    until(lambda: [reader.runs("production", name) for name in services(reader)] == [3, 3], "each has a third pod")


def services(reader: Reader) -> tuple[str, str]:
    return reader.name, f"{reader.name}-prices"


def containers(reader: Reader, cluster: str, name: str) -> list[dict[str, Any]]:
    specs: list[dict[str, Any]] = reader.deployment(cluster, name)["spec"]["template"]["spec"]["containers"]
    return specs

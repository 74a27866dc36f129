"""The examples in this repository and its docs load and render."""

import re
from pathlib import Path

import pytest

from slipway.catalogue import render_job, render_objects
from tests.unit.catalogue.samples import DEPLOYMENT, Write, load

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "how-to" / "add-an-application.md").read_text(encoding="utf-8")
EXAMPLES = [text for text in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL) if "application: shop" in text]


def test_hello_renders_for_both_environments() -> None:
    hello = load(ROOT / "examples")["hello"]
    for environment in hello.application.environments:
        image = f"registry.example.com/hello@sha256:{'a' * 64}"
        values = {
            "SLIPWAY_APPLICATION": "hello",
            "SLIPWAY_ENVIRONMENT": environment.name,
            "SLIPWAY_RELEASE": "hello-7",
            "SLIPWAY_VERSION": "1.0.7",
        }
        objects = render_objects(hello, environment, image=image, values=values)
        assert [manifest["kind"] for manifest in objects] == ["ConfigMap", "Deployment", "Service"]
        deployment = objects[1]
        (container,) = deployment["spec"]["template"]["spec"]["containers"]
        assert deployment["spec"]["replicas"] == 2
        assert container["image"] == image
        assert container["env"] == [{"name": "APP_VERSION", "value": "1.0.7"}]
        if environment.verification.job:
            job = render_job(hello, environment, image=image, values=values, name="hello-7-acceptance")
            (tests,) = job["spec"]["template"]["spec"]["containers"]
            assert tests["command"] == ["python3", "/app/acceptance.py"]
            assert tests["image"] == image


@pytest.mark.parametrize("example", EXAMPLES, ids=["shortest", "chain"])
def test_the_how_to_pages_examples_load(write: Write, folder: Path, example: str) -> None:
    pod = "{ restartPolicy: Never, containers: [{ name: t, image: team/shop }] }"
    job = f"apiVersion: batch/v1\nkind: Job\nmetadata: {{ name: t }}\nspec: {{ template: {{ spec: {pod} }} }}\n"
    write(example, files={"manifests/shop.yaml": DEPLOYMENT, "verify/acceptance.yaml": job})
    assert list(load(folder)) == ["shop"]

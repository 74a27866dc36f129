"""The kubelet, the image builder and the double of Azure Container Registry understand each other."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from local.images import Credentials, build, push
from local.kubernetes import Kubernetes, KubernetesSettings, RegistryLogin
from local.registry import Principal, Registry, Settings
from tests.contract.kubernetes_double.conftest import QUICK
from tests.contract.kubernetes_double.support import Cluster, job, until

CI = Principal(name="ci", password=SecretStr("push-it"), allow={"*": "pull,push"})
KUBELET = Principal(name="kubelet", password=SecretStr("pull-it"), allow={"team/tests": "pull"})


@pytest.fixture
def acr(tmp_path: Path) -> Iterator[Registry]:
    with Registry(Settings(principals=(CI, KUBELET), directory=tmp_path / "registry")) as running:
        yield running


@pytest.fixture
def pulling(tmp_path: Path, acr: Registry) -> Iterator[Cluster]:
    login = RegistryLogin(login_server=acr.login_server, username="kubelet", password="pull-it")
    with Kubernetes(KubernetesSettings(registries=(login,), pace=QUICK, state_dir=tmp_path / "state")) as running:
        yield Cluster(running.url, tmp_path)


def pushed(acr: Registry, folder: Path, repository: str) -> str:
    """The name by digest of an image that prints its version."""
    (folder / "app").mkdir(parents=True)
    (folder / "app" / "main.py").write_text("import os; print('version', os.environ['APP_VERSION'])")
    image = build(folder, version="1.4", entrypoint=["python", "main.py"])
    credentials = Credentials(user="ci", password="push-it")
    result = push(image, registry_url=acr.url, repository=repository, tag="1.4", credentials=credentials)
    return f"{acr.login_server}/{repository}@{result.digest}"


def test_an_image_that_was_built_and_pushed_runs(acr: Registry, pulling: Cluster, tmp_path: Path) -> None:
    image = pushed(acr, tmp_path / "source", "team/tests")
    pulling.apply(job("accept", image))
    until(lambda: pulling.condition("Job", "accept", "Complete"), "the job")
    pod = pulling.pods("job-name=accept")[0]
    assert pulling.log(pod["metadata"]["name"]) == "version 1.4\n"
    assert pod["status"]["containerStatuses"][0]["imageID"] == image


def test_a_repository_that_the_kubelet_may_not_read_is_reported(
    acr: Registry, pulling: Cluster, tmp_path: Path
) -> None:
    image = pushed(acr, tmp_path / "source", "team/secret")
    pulling.apply(job("accept", image))

    def message() -> str:
        statuses = [s for p in pulling.pods("job-name=accept") for s in p["status"].get("containerStatuses") or []]
        waits = [s["state"].get("waiting") or {} for s in statuses]
        return next((w["message"] for w in waits if w.get("reason") == "ImagePullBackOff"), "")

    assert "team/secret: 401 unauthorized" in until(message, "the refusal")

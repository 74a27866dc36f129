"""Every image of an application's own manifests is pinned by digest, or its project says that it need not be."""

import json
from typing import Any

import pytest

from slipway.catalogue import ConfigError
from slipway.catalogue.pinning import pin
from slipway.domain.application import Application
from slipway.manifests.documents import read_text
from slipway.manifests.problems import Findings
from tests.unit.catalogue.samples import IMAGE, Write, load_one

PROJECT = """\
project: team
repositories: ["team/*"]
environments: { staging: { class: test, clusters: [staging], namespaces: ["*"] } }
foreign_images: [mcr.example/oss/*]
image_paths: { argoproj.io/Rollout: ["spec.engine.imageName"] }
unpinned: [example.com/Boat]
"""
HOSTS = frozenset({"shop.azurecr.io", "nonprod.azurecr.io"})
DIGEST = "sha256:" + "b" * 64


@pytest.fixture
def application(write: Write) -> Application:
    write(PROJECT, name="project", files={})
    return load_one(write()).application


def pin_image(value: dict[str, Any], application: Application, hosts: frozenset[str] | None = HOSTS) -> bool:
    """The document is needed only for the lines of problems."""
    (document,) = read_text(json.dumps(value).encode(), name="a.yaml")
    findings = Findings()
    is_own = pin(document, findings, value, application, image=IMAGE, hosts=hosts)
    findings.raise_any()
    return is_own


def of_kind(kind: str, pod: dict[str, Any]) -> dict[str, Any]:
    spec: dict[str, Any] = {"template": {"spec": pod}}
    spec = {"Pod": pod, "CronJob": {"jobTemplate": {"spec": spec}}}.get(kind, spec)
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": "a"}, "spec": spec}


def running(image: object) -> dict[str, Any]:
    return of_kind("Deployment", {"containers": [{"name": "a", "image": image}]})


KINDS = ["Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "CronJob", "Pod", "Rollout"]
LISTS = ["containers", "initContainers", "ephemeralContainers"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("listed", LISTS)
def test_the_releases_image_is_written_by_digest_wherever_it_is_named(
    application: Application, kind: str, listed: str
) -> None:
    pod = {listed: [{"name": "a", "image": "elsewhere.io/team/shop:1"}]}
    assert pin_image(of_kind(kind, pod), application)
    assert pod == {listed: [{"name": "a", "image": IMAGE}]}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("listed", LISTS)
def test_another_image_that_is_named_by_its_tag_is_refused_by_name(
    application: Application, kind: str, listed: str
) -> None:
    manifest = of_kind(kind, {listed: [{"name": "a", "image": "team/tool:stable"}]})
    with pytest.raises(ConfigError, match="got 'team/tool:stable'; a tag may name another image after the vote"):
        pin_image(manifest, application)


@pytest.mark.parametrize(
    ("image", "pinned_image"),
    [
        (f"team/tool@{DIGEST}", f"shop.azurecr.io/team/tool@{DIGEST}"),
        (f"nonprod.azurecr.io/team/tool:2@{DIGEST}", f"shop.azurecr.io/team/tool@{DIGEST}"),
        (f"mcr.example/oss/nginx:1.29@{DIGEST}", f"mcr.example/oss/nginx@{DIGEST}"),
    ],
)
def test_an_image_by_digest_is_one_of_the_project_or_of_a_registry_that_it_takes(
    application: Application, image: str, pinned_image: str
) -> None:
    manifest = running(image)
    assert not pin_image(manifest, application)
    assert manifest == running(pinned_image)


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (f"other/tool@{DIGEST}", "an image of the project team (team/*), or one of its foreign_images"),
        (f"shop.azurecr.io/other/tool@{DIGEST}", "an image of the project team (team/*), or one of its foreign_images"),
        (f"evil.example/team/tool@{DIGEST}", "an image of the project team (team/*), or one of its foreign_images"),
        (f"mcr.example/internal/x@{DIGEST}", "an image of the project team (team/*), or one of its foreign_images"),
        ("mcr.example/oss/nginx:1.29", "an image by digest"),
        (5, "an image by digest"),
        ("Not An Image", "an image by digest"),
    ],
)
def test_any_other_image_is_refused(application: Application, image: object, expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        pin_image(running(image), application)
    assert expected in str(caught.value)


def test_where_no_registry_is_known_an_image_of_the_projects_repositories_passes_the_check(
    application: Application,
) -> None:
    pin_image(running(f"any.example/team/tool@{DIGEST}"), application, hosts=None)
    with pytest.raises(ConfigError):
        pin_image(running(f"any.example/other/tool@{DIGEST}"), application, hosts=None)


def custom(kind: str, **spec: Any) -> dict[str, Any]:
    group = {"Rollout": "argoproj.io/v1alpha1", "Boat": "example.com/v1"}[kind]
    return {"apiVersion": group, "kind": kind, "metadata": {"name": "a"}, "spec": spec}


def test_a_custom_resource_is_pinned_by_the_projects_paths(application: Application) -> None:
    manifest = custom("Rollout", engine={"imageName": "team/shop"})
    assert pin_image(manifest, application)
    assert manifest["spec"] == {"engine": {"imageName": IMAGE}}
    with pytest.raises(ConfigError, match="got 'team/tool:1'"):
        pin_image(custom("Rollout", engine={"imageName": "team/tool:1"}), application)


def test_a_field_of_a_custom_resource_that_may_name_an_image_is_refused_unless_the_project_names_it(
    application: Application,
) -> None:
    with pytest.raises(ConfigError, match=r"spec.hullImage: .*let the project list it in image_paths"):
        pin_image(custom("Rollout", hullImage="team/hull:1"), application)


def test_only_kinds_that_the_project_names_may_run_unpinned_images(application: Application) -> None:
    loose = {"hullImage": "any.example/x:1", "containers": [{"name": "a", "image": "busybox"}]}
    manifest = custom("Boat", **loose)
    assert not pin_image(manifest, application)
    assert manifest == custom("Boat", **loose)
    with pytest.raises(ConfigError):
        pin_image(custom("Rollout", **loose), application)


def test_an_image_whose_first_part_has_a_dot_is_refused_with_advice_to_name_its_registry(write: Write) -> None:
    write(PROJECT.replace('"team/*"', '"team/*", "acme.apps/*"'), name="project", files={})
    application = load_one(write()).application
    with pytest.raises(ConfigError) as raised:
        pin_image(running(f"acme.apps/proxy@{DIGEST}"), application)
    message = str(raised.value)
    assert (
        "acme.apps is taken for the host of a registry: put the host of one of the application's before it" in message
    )
    assert "expected an image of the project team" in message
    manifest = running(f"nonprod.azurecr.io/acme.apps/proxy@{DIGEST}")
    assert not pin_image(manifest, application)

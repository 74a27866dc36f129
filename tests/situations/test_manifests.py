"""What teams put into the folder of manifests, and what of it reaches the cluster."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.situations.kit import Installation, Json, check, shop, workload

pytestmark = pytest.mark.sweep(keep=1)

Install = Callable[..., Installation]

POD: Json = {"spec": {"containers": [{"name": "a", "image": "team/shop"}]}}
KINDS: dict[str, Json] = {
    "Rollout": {"apiVersion": "argoproj.io/v1alpha1", "spec": {"template": POD}},
    "ScaledJob": {"apiVersion": "keda.sh/v1alpha1", "spec": {"jobTargetRef": {"template": POD}}},
    "Service": {"apiVersion": "serving.knative.dev/v1", "spec": {"template": POD}},
    "PodTemplate": {"apiVersion": "v1", "template": POD},
    "ReplicationController": {"apiVersion": "v1", "spec": {"template": POD}},
    "CloneSet": {"apiVersion": "apps.kruise.io/v1alpha1", "spec": {"template": POD}},
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_image_of_the_application_reaches_the_cluster_by_digest_or_is_refused(
    install: Install, tmp_path: Path, kind: str
) -> None:
    application = shop(approvers=(), manifests={"other.yaml": {"kind": kind, "metadata": {"name": "o"}, **KINDS[kind]}})
    if check(application, tmp_path / "checked").refused:
        return
    installation = install(application)
    installation.push("v1")
    installation.settle()
    images = re.findall(r"'image': '([^']*)'", str(installation.applied_objects("production")))
    assert images
    assert [image for image in images if "@sha256:" not in image] == []


SET_BY_A_SERVER: dict[str, Json] = {
    "resourceVersion": {"metadata": {"resourceVersion": "12345"}},
    "uid": {"metadata": {"uid": "0a1b2c3d-0000-0000-0000-000000000000"}},
    "generation": {"metadata": {"generation": 3}},
    "creationTimestamp": {"metadata": {"creationTimestamp": None}},
    "managedFields": {"metadata": {"managedFields": [{"manager": "kubectl", "operation": "Update"}]}},
    "status": {"status": {"replicas": 1}},
}


@pytest.mark.parametrize("field", SET_BY_A_SERVER)
def test_a_field_that_only_a_server_sets_is_named_by_the_check_or_left_out(
    install: Install, tmp_path: Path, field: str
) -> None:
    exported = workload("Deployment")
    exported["metadata"] |= SET_BY_A_SERVER[field].get("metadata", {})
    exported |= {key: value for key, value in SET_BY_A_SERVER[field].items() if key != "metadata"}
    application = shop(approvers=(), manifests={"deployment.yaml": exported})
    result = check(application, tmp_path / "checked")
    if result.refused:
        assert field in result.text
        return
    installation = install(application)
    installation.push("v1")
    installation.settle()
    (manifest,) = installation.applied_objects("production")
    assert field not in {*manifest, *manifest["metadata"]}


UNREAD = {
    "service.json": '{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "other"}, "spec": {}}',
    "ingress.YAML": "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: other}\n",
    "config/map.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: other}\n",
}


@pytest.mark.parametrize("file", UNREAD)
def test_a_file_among_the_manifests_is_delivered_or_named_as_not_read(
    install: Install, tmp_path: Path, file: str
) -> None:
    application = shop(approvers=(), manifests={file: UNREAD[file]})
    result = check(application, tmp_path / "checked")
    if result.refused:
        assert file in result.text
        return
    installation = install(application)
    installation.push("v1")
    installation.settle()
    names = [manifest["metadata"]["name"] for manifest in installation.applied_objects("production")]
    assert "other" in names or file in result.text


OF_OTHER_TOOLS = {
    "kustomization.yaml": (
        "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [deployment.yaml]\n",
        "kustomize",
    ),
    "service.yaml": ("apiVersion: v1\nkind: Service\nmetadata:\n  name: {{ .Release.Name }}\n", "helm"),
    "values.yaml": ("replicaCount: 1\n", "helm"),
    "Chart.yaml": ("apiVersion: v2\nname: shop\nversion: 0.1.0\n", "helm"),
}


@pytest.mark.parametrize("file", OF_OTHER_TOOLS)
def test_a_file_of_another_tool_among_the_manifests_is_reported_by_the_tools_name(tmp_path: Path, file: str) -> None:
    content, tool = OF_OTHER_TOOLS[file]
    result = check(shop(manifests={file: content}), tmp_path)
    lines = [line for line in result.text.casefold().splitlines() if file.casefold() in line]
    assert result.refused
    assert [line for line in lines if tool in line.replace(file.casefold(), "")]


def definition(kib: int) -> str:
    """A CustomResourceDefinition of about this size: as with the operators' own, most of it is descriptions."""
    field = {"type": "string", "description": "y" * 2000}
    spec = {"type": "object", "properties": {f"field{number}": field for number in range(kib // 2)}}
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": spec}}},
    }
    names = {"kind": "Test", "plural": "tests", "singular": "test"}
    document = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "tests.acme.example"},
        "spec": {"group": "acme.example", "scope": "Namespaced", "names": names, "versions": [version]},
    }
    return json.dumps(document, indent=1)


@pytest.mark.parametrize("kib", [300, 600, 1400])
def test_a_definition_as_large_as_an_api_server_takes_is_delivered(install: Install, tmp_path: Path, kib: int) -> None:
    application = shop(approvers=(), manifests={"crd.yaml": definition(kib)})
    result = check(application, tmp_path / "checked")
    assert not result.refused, result.text
    installation = install(application)
    installation.push("v1")
    installation.settle()
    kinds = {manifest["kind"] for manifest in installation.applied_objects("production")}
    assert "CustomResourceDefinition" in kinds

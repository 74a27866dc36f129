"""Kinds that a project allows its applications, and pods that reach into their node."""

from pathlib import Path

import pytest

from tests.unit.catalogue.samples import DEPLOYMENT, Write, load, problems

PROJECT = """\
project: team
repositories: ["team/*"]
environments:
  staging: { class: test, clusters: [staging], namespaces: ["*"] }
"""
ROLE = "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: { name: shop }\nrules: []\n"
WEBHOOK = """\
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingWebhookConfiguration
metadata: { name: shop }
webhooks: []
"""
CUSTOM = """\
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: { name: more }
spec:
  template:
    spec:
      containers: [{ name: more, securityContext: { privileged: true } }]
"""


def with_manifest(write: Write, folder: Path, manifest: str, *, project: str = PROJECT) -> None:
    (folder / "project.yaml").write_text(project)
    manifest = manifest.replace("MAIN", "name: a, image: IMAGE").replace("IMAGE", "team/shop")
    write(files={"manifests/shop.yaml": DEPLOYMENT, "manifests/more.yaml": manifest})


@pytest.mark.parametrize(
    ("manifest", "kind"),
    [
        (ROLE, "rbac.authorization.k8s.io/Role"),
        (WEBHOOK, "admissionregistration.k8s.io/MutatingWebhookConfiguration"),
        ("apiVersion: coordination.k8s.io/v1\nkind: Lease\nmetadata: { name: a }\n", "coordination.k8s.io/Lease"),
        ("apiVersion: v1\nkind: ResourceQuota\nmetadata: { name: a }\n", "ResourceQuota"),
        ("apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: { name: a }\n", "argoproj.io/Rollout"),
        ("apiVersion: example.com/v1\nkind: Deployment\nmetadata: { name: a }\n", "example.com/Deployment"),
    ],
)
def test_a_kind_that_the_project_does_not_allow_is_refused(
    write: Write, folder: Path, manifest: str, kind: str
) -> None:
    with_manifest(write, folder, manifest)
    (problem,) = problems(folder)
    assert problem == (
        "team/shop/manifests/more.yaml:2: kind: expected one of Kubernetes' own namespaced kinds, or one that the "
        f"project allows, got {kind}; the platform's people can name it in the project's kinds.also"
    )
    with_manifest(write, folder, manifest, project=f"{PROJECT}kinds: {{ also: [{kind}] }}\n")
    assert list(load(folder)) == ["shop"]


POD = """\
apiVersion: apps/v1
kind: DaemonSet
metadata: { name: agent }
spec:
  selector: { matchLabels: { app: agent } }
  template:
    metadata: { labels: { app: agent } }
    spec: { POD }
"""


@pytest.mark.parametrize(
    ("pod", "field"),
    [
        ("hostNetwork: true, containers: [{ MAIN }]", "hostNetwork"),
        ("hostPID: true, containers: [{ MAIN }]", "hostPID"),
        ("hostIPC: true, containers: [{ MAIN }]", "hostIPC"),
        (
            "containers: [{ MAIN }], volumes: [{ name: a, hostPath: { path: / } }]",
            "volumes[0].hostPath",
        ),
        (
            "containers: [{ MAIN, securityContext: { privileged: true } }]",
            "containers[0].securityContext.privileged",
        ),
        (
            "containers: [{ MAIN, ports: [{ containerPort: 1, hostPort: 80 }] }]",
            "containers[0].ports[0].hostPort",
        ),
        (
            "containers: [{ MAIN }], "
            "initContainers: [{ name: b, image: IMAGE, securityContext: { capabilities: { add: [SYS_ADMIN] } } }]",
            "initContainers[0].securityContext.capabilities",
        ),
        (
            "securityContext: { seccompProfile: { type: Unconfined } }, containers: [{ MAIN }]",
            "securityContext.seccompProfile",
        ),
        (
            "securityContext: { windowsOptions: { hostProcess: true } }, containers: [{ MAIN }]",
            "securityContext.windowsOptions.hostProcess",
        ),
        (
            "containers: [{ MAIN, securityContext: { procMount: Unmasked } }]",
            "containers[0].securityContext.procMount",
        ),
        (
            "securityContext: { seLinuxOptions: { type: spc_t } }, containers: [{ MAIN }]",
            "securityContext.seLinuxOptions",
        ),
        ("containers: [{ MAIN, ports: [{ containerPort: 1, hostPort: 80.0 }] }]", "containers[0].ports[0].hostPort"),
        (
            "containers: [{ MAIN, livenessProbe: { httpGet: { host: 169.254.169.254, port: 80 } } }]",
            "containers[0].livenessProbe.httpGet",
        ),
        (
            "containers: [{ MAIN, lifecycle: { preStop: { tcpSocket: { host: 127.0.0.1, port: 10250 } } } }]",
            "containers[0].lifecycle.preStop.tcpSocket",
        ),
        (
            "securityContext: { sysctls: [{ name: kernel.msgmax, value: '1' }] }, containers: [{ MAIN }]",
            "securityContext.sysctls",
        ),
        ("priorityClassName: system-cluster-critical, containers: [{ MAIN }]", "priorityClassName"),
    ],
)
def test_a_pod_that_reaches_into_its_node_is_refused_unless_the_project_says_so(
    write: Write, folder: Path, pod: str, field: str
) -> None:
    with_manifest(write, folder, POD.replace("POD", pod))
    (problem,) = problems(folder)
    assert f"spec.template.spec.{field}: expected nothing of the node" in problem
    allowed = f"{PROJECT}kinds: {{ host_access: [apps/DaemonSet] }}\n"
    with_manifest(write, folder, POD.replace("POD", pod), project=allowed)
    assert list(load(folder)) == ["shop"]


def test_a_pod_that_turns_off_its_apparmor_profile_by_an_annotation_is_refused(write: Write, folder: Path) -> None:
    name = "container.apparmor.security.beta.kubernetes.io/app"
    pod = POD.replace("POD", "containers: [{ MAIN }]")
    pod = pod.replace(
        "{ labels: { app: agent } }", f"{{ labels: {{ app: agent }}, annotations: {{ {name}: unconfined }} }}"
    )
    with_manifest(write, folder, pod)
    (problem,) = problems(folder)
    assert f"metadata.annotations.{name}: expected nothing of the node" in problem


SERVICE = """\
apiVersion: v1
kind: Service
metadata: { name: shop-outside }
spec: { selector: { app: shop }, ports: [{ port: 53 }], externalIPs: ["10.0.0.10"] }
"""


def test_a_service_that_takes_the_traffic_of_any_address_is_refused(write: Write, folder: Path) -> None:
    """Each node would send the traffic of that address to the application, whoever owns it: here, all DNS lookups."""
    with_manifest(write, folder, SERVICE)
    (problem,) = problems(folder)
    assert "spec.externalIPs: expected nothing of the node" in problem
    with_manifest(write, folder, SERVICE, project=f"{PROJECT}kinds: {{ host_access: [Service] }}\n")
    assert list(load(folder)) == ["shop"]


def test_settings_of_a_pod_that_do_not_reach_its_node_are_allowed(write: Write, folder: Path) -> None:
    container = (
        "{ MAIN, ports: [{ containerPort: 8080 }], securityContext: { privileged: false, procMount: Default, "
        "seccompProfile: { type: RuntimeDefault }, capabilities: { drop: [ALL], add: [NET_BIND_SERVICE] } }, "
        "livenessProbe: { httpGet: { path: /, port: 8080 } } }"
    )
    sysctls = "securityContext: { sysctls: [{ name: net.ipv4.tcp_syncookies, value: '1' }] }, priorityClassName: usual"
    pod = f"hostNetwork: false, {sysctls}, containers: [{container}], volumes: [{{ name: a, emptyDir: {{}} }}]"
    with_manifest(write, folder, POD.replace("POD", pod))
    assert list(load(folder)) == ["shop"]


def test_the_pods_of_a_custom_resource_are_looked_at_too(write: Write, folder: Path) -> None:
    with_manifest(write, folder, CUSTOM, project=f"{PROJECT}kinds: {{ also: [argoproj.io/Rollout] }}\n")
    (problem,) = problems(folder)
    assert "spec.template.spec.containers[0].securityContext.privileged: expected nothing of the node" in problem


def test_without_its_project_the_kinds_of_an_application_are_not_judged(write: Write, folder: Path) -> None:
    with_manifest(write, folder, ROLE)
    (folder / "project.yaml").unlink()
    assert list(load(folder)) == ["shop"]

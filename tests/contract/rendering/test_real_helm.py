"""A chart, rendered by the real Helm into a bundle: for each environment's cluster, and the same bytes each time."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from slipway.bundle import (
    BuildOptions,
    BuiltBundle,
    ContentPart,
    Reference,
    Targets,
    build,
    read_environments,
    unpack_bundle,
)
from slipway.bundle.rendering import Program
from slipway.cli.programs import Programs
from slipway.cli.schemas import Schemas
from slipway.manifests.problems import ConfigError
from tests.contract.rendering.programs import folder_of, missing
from tests.unit.bundle.samples import CI, PROD, PROXY, SHOP, resolve, targets, write

HELM = folder_of(Program.HELM)
pytestmark = pytest.mark.skipif(HELM is None, reason=missing(Program.HELM))

CHART = {
    "chart/Chart.yaml": "apiVersion: v2\nname: shop-chart\nversion: 0.3.0\nappVersion: 1.0.0\n",
    "chart/values.yaml": "replicas: 1\nproxy: team/proxy:2.0\n",
    "chart/templates/deployment.yaml": """\
apiVersion: apps/v1
kind: Deployment
metadata: { name: {{ .Release.Name }}, creationTimestamp: null }
spec:
  replicas: {{ .Values.replicas }}
  selector: { matchLabels: { app: shop } }
  template:
    metadata:
      labels: { app: shop }
      annotations:
        kubernetes: {{ .Capabilities.KubeVersion.Version | quote }}
        monitored: {{ .Capabilities.APIVersions.Has "monitoring.coreos.com/v1" | quote }}
        namespace: {{ .Release.Namespace }}
    spec:
      initContainers: [{ name: wait, image: {{ .Values.proxy | quote }} }]
      containers: [{ name: shop, image: "team/shop:{{ .Chart.AppVersion }}" }]
""",
    "values.yaml": "replicas: 2\n",
    "environments/staging/values.yaml": "# as all others\n",
    "environments/production/values.yaml": "replicas: 5\n",
    "environments/production/quota.yaml": (
        "apiVersion: v1\nkind: ResourceQuota\nmetadata: { name: all }\nspec: { hard: { pods: '9' } }\n"
    ),
}


def job(name: str, annotations: str) -> str:
    return f"""\
apiVersion: batch/v1
kind: Job
metadata: {{ name: {name}, annotations: {{ {annotations} }} }}
spec:
  template:
    spec:
      restartPolicy: Never
      containers: [{{ name: it, image: "team/shop:0" }}]
"""


def rendered(folder: Path, more: dict[str, str] | None = None, **options: Any) -> BuiltBundle:
    references = {"team/shop": Reference(host="", repository="team/shop", tag="1.4.0", digest="")}
    base = BuildOptions(
        folder=write(folder, CHART | (more or {})),
        targets=targets(),
        version="1.4.0",
        registry=CI,
        references=references,
    )
    return build(replace(base, **options), resolve, Programs({"PATH": HELM or ""}), Schemas())


def refused(folder: Path, more: dict[str, str], **options: Any) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        rendered(folder, more, **options)
    return [str(problem) for problem in caught.value.problems]


def deployment(built: BuiltBundle, environment: str) -> dict[str, Any]:
    contents = read_environments(*unpack_bundle(built.packed))[environment]
    members = {member.file: member.value for member in contents.part(ContentPart.MANIFESTS)}
    return members["deployment-shop.yaml"]


def test_a_chart_is_rendered_for_the_version_and_apis_of_each_environments_cluster(tmp_path: Path) -> None:
    document = targets().model_dump(mode="json")
    document["environments"]["production"] |= {"kubernetes": "1.33", "apis": ["monitoring.coreos.com/v1"]}
    built = rendered(tmp_path, targets=Targets.model_validate(document))
    staging, production = (deployment(built, name)["spec"] for name in ("staging", "production"))
    assert (staging["replicas"], production["replicas"]) == (2, 5)
    assert staging["template"]["metadata"]["annotations"] == {
        "kubernetes": "v1.34.0",
        "monitored": "false",
        "namespace": "shop-staging",
    }
    assert production["template"]["metadata"]["annotations"] == {
        "kubernetes": "v1.33.0",
        "monitored": "true",
        "namespace": "shop",
    }
    for spec, registry in ((staging, CI), (production, PROD)):
        pod = spec["template"]["spec"]
        assert pod["containers"][0]["image"] == f"{registry}/team/shop@{SHOP}"
        assert pod["initContainers"][0]["image"] == f"{registry}/team/proxy@{PROXY}"
    assert [image.repository for image in built.config.images] == ["team/proxy", "team/shop"]
    assert built.config.tools.helm.startswith(("3.", "4."))
    assert "environments/production/quota.yaml" in unpack_bundle(built.packed)[1]


def test_two_builds_of_a_chart_are_the_same_bytes(tmp_path: Path) -> None:
    assert rendered(tmp_path / "a").packed.digest == rendered(tmp_path / "b").packed.digest


@pytest.mark.parametrize(
    ("expression", "field"),
    [
        ("{{ randAlphaNum 12 | quote }}", "data.made"),
        ('{{ now | date "2006-01-02" | quote }}', "data.made"),
        ("{{ now | unixEpoch | quote }}", "data.made"),
        ('{{ (genCA "shop" 30).Cert | b64enc | quote }}', "data.made"),
    ],
)
def test_a_value_that_differs_at_each_rendering_is_refused_with_its_template(
    tmp_path: Path, expression: str, field: str
) -> None:
    text = f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{ name: made }}\ndata: {{ made: {expression} }}\n"
    problems = refused(tmp_path, {"chart/templates/made.yaml": text})
    assert problems[0].startswith(
        f"shop-chart/templates/made.yaml:1: {field}: expected the same each time, got something"
    )
    assert "randAlphaNum" in problems[0]


def test_hooks_become_jobs_before_and_after_in_the_order_of_their_weights(tmp_path: Path) -> None:
    hooks = "helm.sh/hook: 'pre-install,pre-upgrade'"
    built = rendered(
        tmp_path,
        {
            "chart/templates/a.yaml": job("a-seed", f"{hooks}, helm.sh/hook-weight: '10'"),
            "chart/templates/b.yaml": job("b-migrate", f"{hooks}, helm.sh/hook-weight: '-5'"),
            "chart/templates/c.yaml": job(
                "warm", "helm.sh/hook: post-upgrade, helm.sh/hook-delete-policy: hook-failed"
            ),
            "chart/templates/tests/ping.yaml": job("ping", "helm.sh/hook: test"),
            "chart/templates/gone.yaml": job("gone", "helm.sh/hook: pre-delete"),
        },
    )
    contents = read_environments(*unpack_bundle(built.packed))["production"]
    before = [(member.file, member.value["metadata"]["name"]) for member in contents.part(ContentPart.BEFORE)]
    assert before == [("01-b-migrate.yaml", "b-migrate"), ("02-a-seed.yaml", "a-seed")]
    (after,) = contents.part(ContentPart.AFTER)
    assert after.file == "warm.yaml"
    assert "annotations" not in after.value["metadata"]
    notes = [note.removeprefix("production: ") for note in built.notes if note.startswith("production: ")]
    assert [note for note in notes if "ping" in note or "gone" in note] == [
        "shop-chart/templates/gone.yaml: Job gone: left out: Slipway does not uninstall",
        "shop-chart/templates/tests/ping.yaml: Job ping: left out: it is for `helm test`; as a file in verification/ "
        "it would run after each rollout",
    ]
    assert any("Helm would not run it at the first installation" in note for note in notes)
    assert any("delete policy 'hook-failed'" in note for note in notes)
    assert any(note.endswith("before each rollout, as before/01-b-migrate.yaml") for note in notes)


SECRET = "apiVersion: v1\nkind: Secret\nmetadata: { name: s }\nstringData: { a: hunter2 }\n"
ACCOUNT = (
    "apiVersion: v1\nkind: ServiceAccount\n"
    "metadata: { name: migrate, annotations: { helm.sh/hook: 'pre-install,pre-upgrade' } }\n"
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (job("once", "helm.sh/hook: pre-install"), "Job once: Helm runs it once, at the first installation"),
        (
            job("back", "helm.sh/hook: 'pre-upgrade,post-rollback'"),
            "Job back: Slipway's rollback applies the release live before",
        ),
        (job("both", "helm.sh/hook: 'pre-upgrade,post-upgrade'"), "expected a hook on one side of the rollout"),
        (ACCOUNT, "expected a Job of batch/v1, got ServiceAccount of v1; shop-chart/templates/hook.yaml"),
    ],
)
def test_a_hook_that_means_something_else_here_is_refused_by_name(tmp_path: Path, text: str, expected: str) -> None:
    problems = refused(tmp_path, {"chart/templates/hook.yaml": text})
    assert any(line.startswith("shop-chart/templates/hook.yaml:1: ") and expected in line for line in problems), (
        problems
    )


def test_an_object_that_kubernetes_would_refuse_is_reported_with_its_template(tmp_path: Path) -> None:
    text = CHART["chart/templates/deployment.yaml"].replace("{{ .Values.replicas }}", "{{ .Values.replicas | quote }}")
    problems = refused(tmp_path, {"chart/templates/deployment.yaml": text})
    file = "shop-chart/templates/deployment.yaml"
    cure = "write it without quotes"
    assert problems == [f"{file}:1: spec.replicas: expected a whole number, got '{n}'; {cure}" for n in ("2", "5")]


DEFINITION = """\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: { name: shops.example.com }
spec:
  group: example.com
  names: { kind: Shop, plural: shops }
  scope: Namespaced
  versions: [{ name: v1, served: true, storage: true, schema: { openAPIV3Schema: { type: object } } }]
"""


def test_definitions_of_kinds_are_left_out_unless_they_lie_beside_the_values(tmp_path: Path) -> None:
    files = {"chart/crds/shops.yaml": DEFINITION, "environments/production/shops.yaml": DEFINITION}
    built = rendered(tmp_path, files)
    assert [path for path in unpack_bundle(built.packed)[1] if "shops" in path] == [
        "environments/production/shops.yaml"
    ]
    expected = "shop-chart/crds/shops.yaml: CustomResourceDefinition shops.example.com: left out"
    assert [note.partition(": ")[0] for note in built.notes if expected in note] == ["staging", "production"]


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"chart/templates/x.yaml": "{{ .Values.nothing.here }}\n"}, "helm refuses it: "),
        ({"chart/templates/x.yaml": '{{ fail "name the database" }}\n'}, "name the database"),
        (
            {"chart/Chart.yaml": "apiVersion: v2\nname: shop-chart\nversion: 0.3.0\nkubeVersion: '>=1.99.0'\n"},
            "chart requires kubeVersion: >=1.99.0 which is incompatible with Kubernetes v1.34.0",
        ),
        (
            {
                "chart/Chart.yaml": CHART["chart/Chart.yaml"]
                + "dependencies: [{ name: db, version: 1.0.0, repository: '' }]\n"
            },
            "missing in charts/ directory: db",
        ),
        (
            {"chart/templates/x.yaml": SECRET},
            "shop-chart/templates/x.yaml:1: stringData: expected a Secret without values, got a mapping of 1",
        ),
        (
            {"environments/staging/kustomization.yaml": "resources: []\n"},
            "environments/staging:1: expected one of both, got kustomization.yaml and values.yaml",
        ),
        ({"chart/Chart.yaml": "name: [\n"}, "helm refuses it: "),
    ],
)
def test_a_file_that_helm_or_the_bundle_refuses_is_named(tmp_path: Path, files: dict[str, str], expected: str) -> None:
    problems = refused(tmp_path, files)
    assert any(expected in line for line in problems), problems
    assert "hunter2" not in "".join(problems)


def test_a_chart_sees_none_of_the_callers_variables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HELM_NAMESPACE", "elsewhere")
    monkeypatch.setenv("HELM_KUBETOKEN", "hunter2")
    assert deployment(rendered(tmp_path), "staging")["metadata"]["namespace"] == "shop-staging"


def test_a_link_out_of_the_chart_is_not_followed(tmp_path: Path) -> None:
    write(tmp_path, CHART)
    (tmp_path / "chart/templates/host.yaml").symlink_to("/etc/hostname")
    assert any("expected a file of the chart, got a symbolic link" in line for line in refused(tmp_path, {}))

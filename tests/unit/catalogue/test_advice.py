"""The advice that the check gives about valid manifests."""

from pathlib import Path

import pytest

from slipway.catalogue import check_path
from tests.unit.catalogue.samples import APPLICATION, DEPLOYMENT, Write

TWO = DEPLOYMENT.replace("spec:\n  template", "spec:\n  replicas: 2\n  template")
AUTOSCALER = """\
apiVersion: {version}
kind: {kind}
metadata: {{ name: scaler }}
spec:
  scaleTargetRef: {{ {target} }}
"""
OF_KUBERNETES = AUTOSCALER.format(
    version="autoscaling/v2", kind="HorizontalPodAutoscaler", target="apiVersion: apps/v1, kind: Deployment, name: shop"
)
OF_KEDA = AUTOSCALER.format(version="keda.sh/v1alpha1", kind="ScaledObject", target="name: shop")
BOTH = APPLICATION + APPLICATION.partition("environments:\n")[2].replace("staging", "production")


@pytest.mark.parametrize(
    ("autoscaler", "kind"), [(OF_KUBERNETES, "HorizontalPodAutoscaler"), (OF_KEDA, "ScaledObject")]
)
def test_replicas_beside_an_autoscaler_of_the_same_folder_are_reported_once(
    write: Write, folder: Path, autoscaler: str, kind: str
) -> None:
    write(BOTH, files={"manifests/shop.yaml": TWO, "manifests/scaler.yaml": autoscaler})
    [advice] = check_path(folder).advice
    assert str(advice).startswith(
        f"team/shop/application.yaml:5: environments[0].manifests: Deployment shop sets replicas, but {kind} scaler in "
    )


@pytest.mark.parametrize(
    ("deployment", "autoscaler"),
    [(DEPLOYMENT, OF_KUBERNETES), (TWO, OF_KUBERNETES.replace("name: shop", "name: another"))],
    ids=["no replicas", "another workload"],
)
def test_an_autoscaler_without_a_conflict_gives_no_advice(
    write: Write, folder: Path, deployment: str, autoscaler: str
) -> None:
    write(APPLICATION, files={"manifests/shop.yaml": deployment, "manifests/scaler.yaml": autoscaler})
    assert check_path(folder).advice == ()


PROJECT = """\
project: team
owners: { apply: ["role:team"] }
repositories: [team/*]
environments:
  staging: { class: production, clusters: [staging], namespaces: ["*"], registry: nonprod, tests: optional, WHAT }
"""
GATE = '    gate: { kind: approval, approvers: ["role:approvers"] }\n'
RUN = "pipeline: { project: shop, name: shop-ci }\n"
UNKNOWN = "nobody may approve until a CI run shows who is behind the change, and the application names no pipeline"


@pytest.mark.parametrize(
    ("allowed", "more", "expected"),
    [
        ("provenance: artifact", "", "this environment accepts only what a CI run is proved to have built, and"),
        ("provenance: none", "", UNKNOWN),
        ("provenance: artifact", RUN, None),
        ("provenance: none, least_gate: { require_known: false }", "", None),
    ],
)
def test_an_application_that_needs_ci_runs_and_names_no_pipeline_gets_advice(
    write: Write, folder: Path, allowed: str, more: str, expected: str | None
) -> None:
    write(PROJECT.replace("WHAT", allowed), name="project", files={"project.yaml": PROJECT.replace("WHAT", allowed)})
    (folder / "project" / "application.yaml").unlink()
    write(APPLICATION + GATE + "notify: [inbox]\n" + more)
    advice = [str(item) for item in check_path(folder).advice]
    assert [expected in line for line in advice if expected] == ([True] if expected else advice)

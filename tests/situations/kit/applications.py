"""Applications as their teams write them: an application.yaml, manifests, and what the check says of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from click.testing import CliRunner

from slipway.cli.root import root
from slipway.testing import write_project

from .people import ADA, BEN

type Json = dict[str, Any]

PROJECT, PROJECT_ID, PIPELINE = "Shop", "5e2f3a1b-33f1-4b0c-8a1b-2f3d4c5b6a79", "build"


KINDS = (
    *("apiextensions.k8s.io/CustomResourceDefinition", "PodTemplate", "acme.example/Test", "argoproj.io/Rollout"),
    *("keda.sh/ScaledJob", "serving.knative.dev/Service", "apps.kruise.io/CloneSet"),
)
"""The kinds that the team's project allows beside Kubernetes' own: the team brings operators along."""


@dataclass(frozen=True, kw_only=True)
class Application:
    """What a team wants delivered. Staging and then production, unless `environments` names fewer."""

    name: str = "shop"
    repository: str = ""
    """The repository of the image; `team/<name>` if none is given."""
    tags: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, object] = field(default_factory=dict)
    """What the application says about its versions apart from the tags."""
    start: str = "push"
    results: tuple[str, ...] = ()
    """Results of a run that count, if the team names them."""
    environments: tuple[str, ...] = ("staging", "production")
    approvers: tuple[str, ...] = (ADA, BEN)
    """The people who are asked in production; nobody if it is empty."""
    required: int = 1
    gate: Mapping[str, object] = field(default_factory=dict)
    """Further fields of production's gate."""
    environment: Mapping[str, object] = field(default_factory=dict)
    """Further fields of each environment."""
    manifests: Mapping[str, str | Json] = field(default_factory=dict)
    """Files of the folder `manifests`, as text or as an object."""

    @property
    def document(self) -> Json:
        pipeline: Json = {
            "organization": "contoso",
            "project": PROJECT,
            "project_id": PROJECT_ID,
            "name": PIPELINE,
            "definition": 7,
            "branches": ["*"],
        }
        if self.results:
            pipeline["results"] = list(self.results)
        image: Json = {"registry": "nonprod", "repository": self.repository or f"team/{self.name}"}
        return {
            "application": self.name,
            "project": "team",
            "image": image,
            **({"versions": self._versions} if self.tags else {}),
            "start": self.start,
            **({"pipeline": pipeline} if self.start != "push" else {}),
            "notify": ["inbox"],
            "environments": [self._environment(name) for name in self.environments],
        }

    @property
    def _versions(self) -> Json:
        semver = self.tags.get("semver")
        return {**({"range": semver} if semver else {"tags": dict(self.tags)}), **self.versions}

    def _environment(self, name: str) -> Json:
        environment: Json = {"name": name, "clusters": [name], "namespace": self.name, "rollout_within": "5m"}
        environment |= self.environment
        if name == "production" and self.approvers:
            environment["gate"] = {
                "kind": "approval",
                "approvers": list(self.approvers),
                "required": self.required,
                "deadline": "24h",
                "level": "link",
                "fresh": "none",
                **self.gate,
            }
        return environment

    def write(self, deliveries: Path) -> Path:
        """Write it into a folder of its own, as in a repository."""
        home = deliveries / self.name
        files = {"application.yaml": self.document} | {
            f"manifests/{path}": content for path, content in self.manifests.items()
        }
        for path, content in files.items():
            target = home / path
            target.parent.mkdir(parents=True, exist_ok=True)
            text = content if isinstance(content, str) else yaml.safe_dump(content, sort_keys=False)
            target.write_text(text, encoding="utf-8")
        write_project(deliveries, production="test", least_gate="null", kinds=KINDS)
        return home


def shop(*, manifests: Mapping[str, str | Json] | None = None, **changes: Any) -> Application:
    """An application with one Deployment; `manifests` come beside it, or in its place as `deployment.yaml`."""
    name = changes.get("name", "shop")
    repository = changes.get("repository") or f"team/{name}"
    files: dict[str, str | Json] = {"deployment.yaml": workload("Deployment", name=name, image=repository)}
    return Application(manifests=files | dict(manifests or {}), **changes)


def workload(kind: str, *, name: str = "shop", image: str = "team/shop", **spec: Any) -> Json:
    """A Deployment, StatefulSet or DaemonSet whose simulated pods are ready as soon as they can be."""
    labels = {"app": name}
    template = {
        "metadata": {"labels": labels, "annotations": {"local.slipway/seconds": "0"}},
        "spec": {"terminationGracePeriodSeconds": 0, "containers": [{"name": "main", "image": image}]},
    }
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": name},
        "spec": {"selector": {"matchLabels": labels}, "template": template, **spec},
    }


@dataclass(frozen=True, kw_only=True)
class CheckResult:
    """The result of `slipway check`."""

    refused: bool
    text: str


def check(application: Application, folder: Path) -> CheckResult:
    """The check that a team's pull request runs."""
    home = application.write(folder)
    result = CliRunner().invoke(root, ["check", str(home)], prog_name="slipway")
    if result.exit_code not in (0, 1):
        raise RuntimeError(f"the check could not be run: {result.output}") from result.exception
    return CheckResult(refused=result.exit_code == 1, text=result.output.replace(str(folder), "deliveries"))

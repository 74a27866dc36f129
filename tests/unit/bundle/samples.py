"""A bundle's source folder, what it is built for, and a registry that knows two images."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from slipway.bundle import BuildOptions, BuiltBundle, RegistryImage, Targets, build
from slipway.cli.programs import Programs
from slipway.cli.schemas import Schemas

CI = "nonprod.test"
PROD = "prod.test"
NO_PROGRAMS = Programs({"PATH": ""})
"""A machine with neither Helm nor Kustomize."""
SHOP = "sha256:" + "a" * 64
PROXY = "sha256:" + "b" * 64
INDEX = "application/vnd.oci.image.index.v1+json"

DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata: { name: shop }
spec:
  selector: { matchLabels: { app: shop } }
  template:
    metadata: { labels: { app: shop } }
    spec:
      containers:
        - { name: shop, image: "team/shop:1.4.0", env: [{ name: LEVEL, value: "info" }] }
"""
SERVICE = """\
apiVersion: v1
kind: Service
metadata: { name: shop }
spec: { selector: { app: shop }, ports: [{ port: 80 }] }
"""
JOB = """\
apiVersion: batch/v1
kind: Job
metadata: { name: acceptance }
spec:
  template:
    spec:
      restartPolicy: Never
      containers: [{ name: acceptance, image: "team/shop:1.4.0", command: [/app/acceptance] }]
"""
FILES = {
    "environments/staging/deployment.yaml": DEPLOYMENT,
    "environments/staging/service.yaml": SERVICE,
    "environments/staging/verification/acceptance.yaml": JOB,
    "environments/production/deployment.yaml": DEPLOYMENT,
    "environments/production/service.yaml": SERVICE,
}


def targets() -> Targets:
    places = {"staging": (CI, "shop-staging"), "production": (PROD, "shop")}
    return Targets.model_validate(
        {
            "v": 1,
            "application": "shop",
            "environments": {
                name: {"registry": registry, "namespace": namespace, "kubernetes": "1.34"}
                for name, (registry, namespace) in places.items()
            },
        }
    )


def resolve(repository: str, reference: str) -> RegistryImage | None:
    digests = {("team/shop", "1.4.0"): SHOP, ("team/shop", SHOP): SHOP, ("team/proxy", "2.0"): PROXY}
    digest = digests.get((repository, reference))
    return RegistryImage(digest=digest, media_type=INDEX, platforms=("linux/amd64",)) if digest else None


def write(folder: Path, files: dict[str, str] | None = None) -> Path:
    for path, content in (FILES if files is None else files).items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content)
    return folder


def build_bundle(folder: Path, files: dict[str, str] | None = None, **options: Any) -> BuiltBundle:
    defaults = BuildOptions(folder=write(folder, files), targets=targets(), version="1.4.0", registry=CI)
    return build(replace(defaults, **options), resolve, NO_PROGRAMS, Schemas())

"""Applications for tests, written as files so that they are loaded as in production."""

from functools import cache
from pathlib import Path
from textwrap import dedent

from ..catalogue import load_deliveries
from ..catalogue.entries import Catalogue

ADA, BEN = "ada@example.com", "ben@example.com"

DELIVERY = """\
application: {name}
image: {{ registry: nonprod, repository: team/{name} }}
start: {start}
{pipeline}
notify: [inbox]
environments:
  - name: staging
    cluster: staging
    namespace: {name}
    rollout_within: 5m
    verify:
      job: verify/acceptance.yaml
      http: [{{ service: {name}, path: /healthz, contains: ok }}]
      within: 5m
  - name: production
    cluster: production
    namespace: {name}
    registry: prod
    gate: {{ kind: approval, approvers: [ada@example.com, ben@example.com], deadline: 24h }}
    rollout_within: 5m
    verify:
      http: [{{ service: {name}, path: /healthz }}]
"""
PIPELINE = """\
pipeline:
  project: Shop
  name: build
"""
DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata: { name: NAME }
spec:
  selector: { matchLabels: { app: NAME } }
  template:
    metadata: { labels: { app: NAME } }
    spec:
      containers:
        - { name: NAME, image: team/NAME, env: [{ name: VERSION, value: "${SLIPWAY_VERSION}" }] }
        - { name: proxy, image: "docker.io/library/proxy:1" }
"""
SERVICE = """\
apiVersion: v1
kind: Service
metadata: { name: NAME }
spec: { selector: { app: NAME }, ports: [{ port: 80 }] }
"""
JOB = """\
apiVersion: batch/v1
kind: Job
metadata: { name: acceptance }
spec:
  template:
    spec:
      restartPolicy: Never
      containers: [{ name: acceptance, image: team/NAME, command: [/app/acceptance] }]
"""


def write_delivery(folder: Path, name: str = "shop", *, start: str = "push", text: str = DELIVERY) -> Path:
    """Write an application with two environments: staging without a gate, production with one approval."""
    home = folder / name
    pipeline = PIPELINE if start != "push" else ""
    for path, content in {
        "delivery.yaml": dedent(text).format(name=name, start=start, pipeline=pipeline),
        "manifests/deployment.yaml": DEPLOYMENT.replace("NAME", name),
        "manifests/service.yaml": SERVICE.replace("NAME", name),
        "verify/acceptance.yaml": JOB.replace("NAME", name),
    }.items():
        target = home / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content)
    return home


@cache
def catalogue_of(folder: Path) -> Catalogue:
    """The applications in the folder, read once, as in the app."""
    return Catalogue(load_deliveries(folder))

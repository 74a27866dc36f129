"""Applications for tests, written as files so that they are loaded as in production."""

from collections.abc import Sequence
from pathlib import Path
from textwrap import dedent

from ..catalogue import check_path, find
from ..catalogue.entries import Catalogue
from ..catalogue.stored import StoredDocument
from ..manifests.problems import Findings

ADA, BEN = "ada@example.com", "ben@example.com"

PROJECT = """\
project: team
owners: {{ apply: ["role:platform"] }}
waive: ["role:platform"]
repositories: ["team/*"]
foreign_images: [docker.io/library/*]
environments:
  staging: {{ class: test, clusters: [staging], namespaces: ["*"] }}
  production:
    class: {production}
    clusters: [production]
    namespaces: ["*"]
    registry: prod
    tests: optional
    least_gate: {least_gate}
"""
LEAST_GATE = "{ level: link, require_known: false, own_change: true, fresh: none }"
APPLICATION = """\
application: {name}
project: team
image: {{ registry: nonprod, repository: team/{name} }}
start: {start}
{pipeline}
notify: [inbox]
environments:
  - name: staging
    clusters: [staging]
    namespace: {name}
    rollout_within: 5m
    verification:
      job: verify/acceptance.yaml
      http: [{{ service: {name}, path: /healthz, contains: ok }}]
      within: 5m
  - name: production
    clusters: [production]
    namespace: {name}
    gate: {{ kind: approval, approvers: [ada@example.com, ben@example.com], deadline: 24h }}
    rollout_within: 5m
    verification:
      http: [{{ service: {name}, path: /healthz }}]
"""
PIPELINE = """\
pipeline:
  project: Shop
  name: build
"""
PROXY = "docker.io/library/proxy@sha256:" + "2" * 64
"""The image of a second container, beside the application's own."""
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
        - { name: proxy, image: "PROXY" }
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


def write_application(folder: Path, name: str = "shop", *, start: str = "push", text: str = APPLICATION) -> Path:
    """Write an application with two environments: staging without a gate, production with one approval.

    Its project is written beside it, unless there is one.
    """
    home = folder / name
    pipeline = PIPELINE if start != "push" else ""
    for path, content in {
        "application.yaml": dedent(text).format(name=name, start=start, pipeline=pipeline),
        "manifests/deployment.yaml": DEPLOYMENT.replace("NAME", name).replace("PROXY", PROXY),
        "manifests/service.yaml": SERVICE.replace("NAME", name),
        "verify/acceptance.yaml": JOB.replace("NAME", name),
    }.items():
        target = home / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content)
    if not (folder / "project.yaml").exists():
        write_project(folder)
    return home


def write_project(
    folder: Path, *, production: str = "production", least_gate: str = LEAST_GATE, kinds: Sequence[str] = ()
) -> None:
    """Write the project of all applications in the folder, with production's class and least gate, and the kinds that
    it allows besides Kubernetes' own."""
    text = PROJECT.format(production=production, least_gate=least_gate)
    if kinds:
        text += f"kinds: {{ also: [{', '.join(kinds)}] }}\n"
    (folder / "project.yaml").write_text(text)


def documents_in(path: Path) -> list[StoredDocument]:
    """The documents in a file or folder, as they are applied. Raises ConfigError."""
    findings = Findings()
    documents = find(path, findings)
    findings.raise_any()
    return [
        StoredDocument.model_validate({"kind": e.kind, "value": e.document.value, "files": dict(e.files.contents)})
        for e in documents
    ]


def catalogue_of(folder: Path) -> Catalogue:
    """The applications in the folder. Documents that were checked before, in any folder, are not checked again: most
    tests write the same few."""
    files = (path for path in folder.rglob("*") if path.is_file())
    contents = frozenset((path.relative_to(folder).as_posix(), path.read_bytes()) for path in files)
    if contents not in _checked:
        _checked[contents] = Catalogue(check_path(folder).definitions)
    return _checked[contents]


_checked = dict[frozenset[tuple[str, bytes]], Catalogue]()

"""The three applications that are delivered under blows. They differ in what starts a release, in how CI reports its
run, and in how many people have to sign."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from local.identity import Person, laptop
from local.stack.options import EXAMPLE
from slipway.domain.order import Order

ADA, BEN = laptop().person("Ada"), laptop().person("Ben")
STAGING, PRODUCTION = "staging", "production"
ENVIRONMENTS: Final = (STAGING, PRODUCTION)
"""The environments of every application; each has a cluster of that name."""


@dataclass(frozen=True, kw_only=True)
class Delivered:
    """One application."""

    name: str
    start: str
    """The `start` of `application.yaml`."""
    by_message: bool
    """Whether the pipeline reports its run itself, on Service Bus, instead of Azure DevOps by its service hook."""
    voters: tuple[Person, ...]
    """All of them have to sign."""

    @property
    def repository(self) -> str:
        return f"team/{self.name}"

    def namespace(self, environment: str) -> str:
        return f"{self.name}-{environment}"


APPLICATIONS: Final = (
    Delivered(name="orders", start="both", by_message=False, voters=(ADA,)),
    Delivered(name="stock", start="push", by_message=False, voters=(ADA, BEN)),
    Delivered(name="mail", start="run", by_message=True, voters=(ADA,)),
)

_APPLICATION = """\
application: {name}
project: chaos
image: {{ registry: nonprod, repository: team/{name} }}
versions: {{ range: ">=1.0.0" }}
start: {start}
pipeline: {{ project: shop, name: {name}-ci, branches: [main], tag: "{{run_number}}" }}
notify: [inbox]
people: {people}
environments:
  - name: staging
    clusters: [staging]
    namespace: {name}-staging
    substitutions: {{ REPLICAS: "1", GREETING: Hello }}
    verification:
      http: [{{ service: hello, path: /healthz, contains: ok }}]
  - name: production
    clusters: [production]
    namespace: {name}-production
    substitutions: {{ REPLICAS: "1", GREETING: Hello }}
    gate: {{ kind: approval, approvers: {approvers}, required: {required}, level: signed, fresh: 5m }}
    verification:
      http: [{{ service: hello, path: /healthz, contains: ok }}]
"""

_PROJECT = """\
project: chaos
owners: { apply: ["role:platform"] }
repositories: ["team/*"]
environments:
  staging: { class: test, clusters: [staging], namespaces: ["*-staging"], registry: nonprod }
  production:
    class: production
    clusters: [production]
    namespaces: ["*-production"]
    registry: prod
    least_gate: { level: signed, required: 1, require_known: false, own_change: false }
"""

ONLY = "only-"
"""Prefix of a ConfigMap with another name in each version, so that a rollout has to remove the previous one."""

_VERSION_OBJECT = f"""\
apiVersion: v1
kind: ConfigMap
metadata: {{ name: "{ONLY}${{SLIPWAY_VERSION}}" }}
data: {{ VERSION: "${{SLIPWAY_VERSION}}" }}
"""


def write(team: Path) -> Path:
    """Write the project and its applications into the folder, to be applied."""
    for application in APPLICATIONS:
        folder = team / application.name
        shutil.copytree(EXAMPLE / "manifests", folder / "manifests")
        deployment = folder / "manifests" / "deployment.yaml"
        deployment.write_text(deployment.read_text().replace("image: hello", f"image: {application.repository}"))
        (folder / "manifests" / "version.yaml").write_text(_VERSION_OBJECT)
        (folder / "application.yaml").write_text(_application_yaml(application))
    (team / "project.yaml").write_text(_PROJECT)
    return team


def _application_yaml(application: Delivered) -> str:
    people = ", ".join(f"{person.oid}: {{ name: {person.name}, mail: {person.mail} }}" for person in application.voters)
    approvers = ", ".join(f'"oid:{person.oid}"' for person in application.voters)
    return _APPLICATION.format(
        name=application.name,
        start=application.start,
        people=f"{{ {people} }}",
        approvers=f"[{approvers}]",
        required=len(application.voters),
    )


def order_of(text: str) -> Order:
    """Parse the order on an object or a Lease, such as `0.3`."""
    epoch, _, number = text.partition(".")
    return Order(epoch=int(epoch), number=int(number))

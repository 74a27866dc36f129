"""The mistakes that people make in their files: the table of `test_mistakes`, and how each is made."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from click.testing import Result

APPLICATION, PROJECT = "application.yaml", "project.yaml"
DEPLOYMENT, SERVICE, JOB = "manifests/deployment.yaml", "manifests/service.yaml", "verify/acceptance.yaml"


@dataclass(frozen=True, kw_only=True)
class Mistake:
    """What somebody writes, and what the check says: the line of a file, and words that have to be in it."""

    file: str
    old: str = ""
    """The piece of the file that `new` replaces; if empty, `new` is a file that is added."""
    new: str
    says: tuple[str, ...]
    at: str | None = None
    """The line that the check names, if it is not the first line of `new`."""
    named_file: str = ""
    """The file that the check names, if it is another one."""
    also: Mapping[str, str] = field(default_factory=dict)
    """Files that are added."""
    asks: bool = False
    """Only an installation can judge it: where one answers, the check asks it (`test_catalogue.py`)."""

    @property
    def place(self) -> str:
        """The file that is named."""
        return self.named_file or self.file

    def make(self, home: Path) -> None:
        """Make the mistake in the folder."""
        file = home / self.file
        file.parent.mkdir(exist_ok=True)
        text = file.read_text() if self.old else ""
        assert text.count(self.old) >= bool(self.old), "the mistake can be made"
        file.write_text(text.replace(self.old, self.new, 1) if self.old else self.new)
        for path, content in self.also.items():
            (home / path).write_text(content)

    def is_reported(self, result: Result, file: str) -> bool:
        """Whether the check has named the file, the line of the mistake, and what the table says."""
        lines = Path(file).read_text().splitlines()
        line_text = self.at if self.at is not None else (self.new.strip().splitlines() or [""])[0]
        return any(
            line_text in lines[int(match[1]) - 1]
            for line in result.stdout.splitlines()
            if (match := re.match(rf"{re.escape(file)}:(\d+):", line)) and all(word in line for word in self.says)
        )


def manifest(kind: str, body: str, *, api: str = "v1") -> str:
    return f"apiVersion: {api}\nkind: {kind}\nmetadata:\n  name: other\n{body}"


ROLLOUT = "spec:\n  template:\n    spec:\n      containers:\n        - name: main\n          image: shop:1\n"
CRON = (
    "spec:\n  schedule: '0 * * * *'\n  jobTemplate:\n    spec:\n"
    "      template:\n        spec:\n          containers: []\n"
)
INGRESS = "spec:\n  rules: []\n"
TESTED = "    verification:\n      http:\n        - { service: shop, path: /healthz, contains: ok }\n"

MISTAKES = {
    # common mistakes
    "a tab": Mistake(file=DEPLOYMENT, old="  replicas", new="\treplicas", says=("a tab", "spaces")),
    "a wrong image name": Mistake(
        file=DEPLOYMENT,
        old="image: shop",
        new="image: shoop",
        says=("expected shop, or an image by digest", "got 'shoop'"),
    ),
    "an unquoted number": Mistake(
        file=DEPLOYMENT, old='value: "${SLIPWAY_VERSION}"', new="value: 80", says=("expected text", "got 80", "quotes")
    ),
    "a time in words": Mistake(
        file=APPLICATION, old="deadline: 24h", new="deadline: 1 day", says=("a number and a unit", "'1 day'", "24h")
    ),
    "approvers that are not a list": Mistake(
        file=APPLICATION, old='["role:leads"]', new="role:leads", says=("approvers", "expected a list", "'role:leads'")
    ),
    "an approver that is nobody": Mistake(
        file=APPLICATION, old='"role:leads"', new="leads", says=("approvers", "role:<app role>", "'leads'")
    ),
    "a namespace of somebody else": Mistake(
        file=SERVICE,
        old="  name: shop\n",
        new="  name: shop\n  namespace: billing\n",
        says=("metadata.namespace", "'billing'", "none, or 'shop-"),
        at="  namespace: billing",
    ),
    "a Job that is not there": Mistake(
        file=APPLICATION, old="verify/acceptance.yaml", new="verify/tests.yaml", says=("a file with a Job", "not there")
    ),
    "no cluster": Mistake(
        file=APPLICATION,
        old="    clusters: [staging]\n",
        new="",
        says=("clusters: is missing",),
        at="  - name: staging",
    ),
    "an environment twice": Mistake(
        file=APPLICATION,
        old="  - name: production",
        new="  - name: staging",
        says=("environments[1].name", "'staging' is the name of another environment already"),
    ),
    "a tag in the repository": Mistake(
        file=APPLICATION, old="repository: shop", new="repository: shop:1.0", says=("without registry and tag",)
    ),
    "a registry in the repository": Mistake(
        file=APPLICATION,
        old="repository: shop",
        new="repository: shop.azurecr.io/shop",
        says=("without the registry's host, such as shop", "shop.azurecr.io"),
    ),
    "a misspelt kind": Mistake(
        file=SERVICE,
        old="kind: Service",
        new="kind: Servcie",
        says=("one of Kubernetes' own", "did you mean 'Service'?"),
    ),
    "a quorum that nobody can reach": Mistake(
        file=APPLICATION,
        old='["role:leads"]',
        new='["oid:00000000-0000-4000-8000-000000000001"], required: 2',
        says=("required", "2"),
    ),
    "an unknown name": Mistake(
        file=DEPLOYMENT, old="${REPLICAS}", new="${REPLICA}", says=("${REPLICA}", "did you mean 'REPLICAS'?")
    ),
    # files that no rollout would read
    "a folder for an overlay": Mistake(
        file="manifests/prod/patch.yaml", new=manifest("ConfigMap", ""), says=("directly in manifests/", "prod/patch")
    ),
    "a kustomization": Mistake(
        file="manifests/kustomization.yaml",
        new="resources: [deployment.yaml]\n",
        says=("Kustomize is run where CI builds a bundle", "source: bundle"),
    ),
    "a chart": Mistake(file="manifests/Chart.yaml", new="name: shop\n", says=("Helm is run where CI builds a bundle",)),
    "values of a chart": Mistake(file="manifests/values.yaml", new="replicas: 1\n", says=("Helm", "source: bundle")),
    "a template of Helm": Mistake(
        file=SERVICE, old="name: shop\n", new="name: {{ .Release.Name }}\n", says=("Helm is run where CI", "bundle")
    ),
    "another ending": Mistake(
        file="manifests/map.json", new='{"kind": "ConfigMap"}', says=("files that end in .yaml or .yml", "map.json")
    ),
    "an ending in capitals": Mistake(
        file="manifests/map.YAML", new=manifest("ConfigMap", ""), says=("end in .yaml or .yml", "map.YAML")
    ),
    "a copy that was left there": Mistake(
        file="manifests/deployment.yaml.bak", new="x", says=("end in .yaml or .yml", "deployment.yaml.bak")
    ),
    "the Job among the manifests": Mistake(
        file=APPLICATION,
        old="job: verify/acceptance.yaml",
        new="job: manifests/acceptance.yaml",
        also={"manifests/acceptance.yaml": "kind: Job\napiVersion: batch/v1\nmetadata: {name: a}\n"},
        says=("would be deployed with the manifests", "folder of its own"),
    ),
    # what only a cluster would find
    "a number in words": Mistake(
        file=DEPLOYMENT, old="${REPLICAS}", new="three", says=("spec.replicas", "a whole number", "'three'")
    ),
    "a number in quotes": Mistake(
        file=DEPLOYMENT,
        old="containerPort: 8080",
        new='containerPort: "8080"',
        says=("a whole number", "without quotes"),
    ),
    "an API version that never was": Mistake(
        file=DEPLOYMENT,
        old="apps/v1",
        new="app/v1",
        says=("got app/Deployment", "did you mean 'apps/Deployment'?"),
        at="kind: Deployment",
    ),
    "a kind that the project does not allow": Mistake(
        file="manifests/route.yaml",
        new=manifest("HTTPRoute", "spec: {}\n", api="gateway.networking.k8s.io/v1"),
        says=("got gateway.networking.k8s.io/HTTPRoute", "the project's kinds.also"),
        at="kind: HTTPRoute",
    ),
    "an API version that is gone": Mistake(
        file="manifests/ingress.yaml",
        new=manifest("Ingress", INGRESS, api="networking.k8s.io/v1beta1"),
        says=("expected networking.k8s.io/v1 for Ingress", "v1beta1"),
    ),
    "a selector that selects other pods": Mistake(
        file=DEPLOYMENT,
        old="matchLabels: { app.kubernetes.io/name: shop }",
        new="matchLabels: { app.kubernetes.io/name: cart }",
        says=("'cart', as the selector says", "'shop'"),
        at="      labels: { app.kubernetes.io/name: shop }",
    ),
    "the namespace itself": Mistake(
        file="manifests/namespace.yaml",
        new=manifest("Namespace", ""),
        says=("leave it out", "when the team joins"),
        at="kind: Namespace",
    ),
    "a Job without an end": Mistake(
        file=JOB, old="restartPolicy: Never", new="restartPolicy: Always", says=("Never or OnFailure", "'Always'")
    ),
    "a Job that does not say how it ends": Mistake(
        file="manifests/cron.yaml",
        new=manifest("CronJob", CRON, api="batch/v1"),
        says=("Never or OnFailure", "Always if not said"),
        at="        spec:",
    ),
    "a misspelt field": Mistake(
        file=DEPLOYMENT,
        old="readinessProbe",
        new="readynessProbe",
        says=("unknown field", "did you mean 'readinessProbe'?"),
    ),
    "a field at the wrong depth": Mistake(
        file=DEPLOYMENT, old="  replicas:", new="  image: shop\n  replicas:", says=("spec.image: unknown field",)
    ),
    "a field that is missing": Mistake(
        file=SERVICE,
        old="port: 80, targetPort",
        new="targetPort",
        says=("spec.ports[0].port: is missing",),
        at="    - { name: http",
    ),
    "a truth in quotes": Mistake(
        file=DEPLOYMENT, old="runAsNonRoot: true", new='runAsNonRoot: "true"', says=("true or false", "without quotes")
    ),
    "a word that YAML's versions read differently": Mistake(
        file=DEPLOYMENT,
        old="runAsNonRoot: true",
        new="runAsNonRoot: yes",
        says=("true, false, or text in quotes", "yes"),
    ),
    "a value of a fixed list": Mistake(
        file=JOB,
        old="type: RuntimeDefault",
        new="type: [RuntimeDefault]",
        says=("type", "expected text", "a list of 1"),
    ),
    "an image where nobody can write a digest": Mistake(
        file="manifests/rollout.yaml",
        new=manifest("Rollout", "spec:\n  engineImage: shop:1\n", api="argoproj.io/v1alpha1"),
        says=("spec.engineImage", "every image must be pinned", "image_paths"),
        at="  engineImage: shop:1",
    ),
    "an image beside it by a tag": Mistake(
        file="manifests/rollout.yaml",
        new=manifest("Rollout", ROLLOUT.replace("shop:1", "tool:1"), api="argoproj.io/v1alpha1"),
        says=("an image by digest", "got 'tool:1'"),
        at="          image: tool:1",
    ),
    "an object twice": Mistake(
        file="manifests/service-2.yaml",
        new="apiVersion: v1\nkind: Service\nmetadata: { name: shop }\nspec: { ports: [{ port: 80 }] }\n",
        says=("Service shop", "occurs twice"),
        named_file=APPLICATION,
        at="- name: ",
    ),
    "a list of objects": Mistake(
        file="manifests/list.yaml",
        new="apiVersion: v1\nkind: List\nmetadata: { name: l }\nitems: []\n",
        says=("one object in each document",),
        at="kind: List",
    ),
    "a Secret with a number": Mistake(
        file="manifests/secret.yaml",
        new=manifest("Secret", "stringData:\n  PIN: 1234\n"),
        says=("stringData.PIN", "expected text", "quotes"),
        at="  PIN: 1234",
    ),
    # mistakes in one environment, or with a name
    "a name that one environment lacks": Mistake(
        file=APPLICATION,
        old='REPLICAS: "2"',
        new='COUNT: "2"',
        says=("${REPLICAS}", "environment production"),
        named_file=DEPLOYMENT,
        at="  replicas:",
    ),
    "an application in capitals": Mistake(
        file=APPLICATION, old="application: shop", new="application: Shop", says=("lower-case letters", "'Shop'")
    ),
    # project and application documents
    "a gate that nobody hears of": Mistake(
        file=APPLICATION,
        old="notify: [inbox]",
        new="",
        says=("nobody would be told", "at least one channel in notify"),
        at="    gate:",
    ),
    "a field of the application that is misspelt": Mistake(
        file=APPLICATION, old="start: both", new="strat: both", says=("unknown field", "did you mean 'start'?")
    ),
    "a field that another kind of gate has": Mistake(
        file=APPLICATION, old="deadline: 24h", new="tests_passed: [staging]", says=("tests_passed: unknown field",)
    ),
    "a namespace outside the project": Mistake(
        file=APPLICATION,
        old="namespace: shop-production",
        new="namespace: billing",
        says=("namespace", "'billing'"),
    ),
    "a repository outside the project": Mistake(
        file=PROJECT, old="[shop]", new="[cart]", says=("repository", "shop"), named_file=APPLICATION, at="image:"
    ),
    "a project in another folder's name": Mistake(
        file=APPLICATION, old="start: both", new="source: images", says=("source", "image", "'images'")
    ),
    "an approver without an object id": Mistake(
        file=APPLICATION,
        old='"role:leads"',
        new='"ada@example.com"',
        says=("could never approve", "oid:<object id>", "ada@example.com"),
    ),
    "a range that is none": Mistake(file=APPLICATION, old='">=0.1.0"', new='">=one"', says=("versions.range", ">=one")),
    "a key twice": Mistake(
        file=APPLICATION,
        old="start: both",
        new="start: both\nstart: push",
        says=("start", "duplicate key"),
        at="start: push",
    ),
    "no production tests": Mistake(
        file=APPLICATION,
        old=f"deadline: 24h }}\n{TESTED}",
        new="deadline: 24h }\n",
        says=("verification",),
        at="  - name: production",
    ),
    # names that only an installation can judge
    "a registry that is mistyped": Mistake(
        file=APPLICATION,
        old="registry: nonprod",
        new="registry: nonprd",
        says=("image.registry: expected a registry of this installation, got 'nonprd'", "did you mean 'nonprod'?"),
        at="image: { registry: nonprd",
        asks=True,
    ),
    "a channel that nobody has set up": Mistake(
        file=APPLICATION,
        old="notify: [inbox]",
        new="notify: [inbox, pager]",
        says=("notify[1]: expected a channel of this installation, got 'pager'", "known are inbox"),
        asks=True,
    ),
    "a cluster of somebody else's installation": Mistake(
        file=PROJECT,
        old="clusters: [production]",
        new="clusters: [production, aks-west]",
        says=("environments.production.clusters[1]", "got 'aks-west'", "known are production, staging"),
        asks=True,
    ),
    "a cluster that is mistyped": Mistake(
        file=PROJECT,
        old="clusters: [staging]",
        new="clusters: [staging, stagng]",
        says=("environments.staging.clusters[1]", "got 'stagng'", "did you mean 'staging'?", "(environment staging)"),
        at="  staging: { class: test, clusters: [staging, stagng]",
        asks=True,
    ),
    "a project's registry": Mistake(
        file=PROJECT,
        old="registry: prod",
        new="registry: production",
        says=("environments.production.registry", "got 'production'", "(environment production)"),
        asks=True,
    ),
}

"""An installation for the pages: the delivery of `examples/hello-aks`, and steps whose outcomes the test decides."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

from functions.pages import services_of
from slipway.catalogue import Definition, Files, SettingsNames, check_path
from slipway.catalogue.entries import Catalogue, definition_hash
from slipway.domain.application import Application
from slipway.domain.environment import policy_hash
from slipway.domain.events import DeadlineReached
from slipway.domain.gate import ApprovalGate, Level
from slipway.domain.model import sha256
from slipway.domain.people import KnownPerson
from slipway.domain.plan import Change, Plan, PlanMade, Preview
from slipway.domain.release import Evidence, Release
from slipway.domain.steps import Outgoing, Step, StepKind
from slipway.domain.tokens import Purpose
from slipway.testing import ADA, CLEO, Installation, MemoryBlobs, MemoryTable
from slipway.web.answer import Answer
from slipway.web.approving import show_linked_gate
from slipway.web.services import FormServices
from tests.unit.web.visitors import OIDS

KNOWN = {oid: KnownPerson(mail=name) for name, oid in OIDS.items()}
EXAMPLES = Path(__file__).resolve().parents[3] / "examples"

DEPLOYMENT_DIFF = """\
--- live
+++ wanted
@@ -14,7 +14,7 @@
     spec:
       containers:
       - name: hello
-        image: prod.example.com/hello@sha256:1111111111111111111111111111111111111111111111111111111111111111
+        image: prod.example.com/hello@sha256:2222222222222222222222222222222222222222222222222222222222222222
         ports:
         - containerPort: 8080
@@ -28,3 +28,3 @@
         env:
         - name: SLIPWAY_VERSION
-          value: 1.4.0
+          value: 1.5.0
"""
LOG = "".join(f"case {n:02d} price of {n} apples ... ok\n" for n in range(1, 25)) + "24 passed, 0 failed\n"

CHANGES = (
    Change(kind="Deployment", name="hello", change="changed", diff=DEPLOYMENT_DIFF),
    Change(
        kind="ConfigMap",
        name="hello-settings",
        change="created",
        diff="--- live\n+++ wanted\n@@ -0,0 +1,4 @@\n+apiVersion: v1\n+kind: ConfigMap\n+data:\n+  GREETING: Hello\n",
    ),
    Change(kind="CronJob", name="hello-report", change="deleted"),
    Change(kind="Service", name="hello", change="unchanged"),
)


def digest(name: str) -> str:
    return sha256(name.encode())


@cache
def _example() -> Application:
    names = SettingsNames(
        registries=frozenset({"nonprod", "prod"}),
        clusters=frozenset({"staging", "production"}),
        channels=frozenset({"inbox"}),
        asking=frozenset(),
    )
    return check_path(EXAMPLES, known=names).definitions["hello"].application


def hello(*, approvers: tuple[str, ...] = (ADA,), required: int = 1, level: Level = Level.LINK) -> Application:
    """The application of `examples/hello-aks`, with other approvers for production if they are given."""
    application = _example()
    staging, production = application.environments
    gate = ApprovalGate(
        approvers=approvers,
        required=required,
        deadline=timedelta(hours=24),
        level=level,
        fresh=None,
        people=KNOWN,
    )
    return application.evolve(environments=(staging, production.evolve(gate=gate)))


@dataclass(kw_only=True)
class ScriptedInstallation(Installation):
    """The installation of hello, in which the test decides how steps end; each step takes a few seconds."""

    deliveries: Path = field(default=EXAMPLES, kw_only=False)
    application: str = "hello"
    table: MemoryTable = field(default_factory=MemoryTable)
    index_table: MemoryTable = field(default_factory=MemoryTable)
    blobs: MemoryBlobs = field(default_factory=MemoryBlobs)
    policy: Application = field(default_factory=hello)
    changes: tuple[Change, ...] = CHANGES
    test_output: str = LOG
    """What the acceptance tests write."""
    summary: str = "Complete: 24 passed, 0 failed"
    fails: Mapping[StepKind, str] = field(default_factory=dict)
    """Steps that fail, with the reason."""
    stops_before: frozenset[StepKind] = frozenset()
    """Steps that are not run yet."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._deliver(self.policy, "as it was")

    def _deliver(self, policy: Application, content: str) -> None:
        self.policy = policy
        files = Files(document="hello/application.yaml", contents={"manifests/configuration.yaml": content})
        definition = Definition(application=policy, files=files)
        self.fingerprint = definition_hash(definition)
        catalogue = Catalogue({"hello": definition})
        self.restart(wrap=lambda ports: replace(ports, catalogue=lambda: catalogue))

    def change_delivery(self, policy: Application | None = None) -> None:
        """The delivery folder changes: to another policy if one is given, otherwise in its manifests."""
        self._deliver(policy or self.policy, "changed")

    @property
    def services(self) -> FormServices:
        return services_of(self.app)

    # ---- what comes in
    def build(self, tag: str, *, app: str = "") -> str:
        """Nobody fetches the image here."""
        return digest(tag)

    def bring(self, version: str, *, by: str = CLEO, commit: str = "c0ffee" * 6 + "0000") -> Release:
        """An image is pushed and its run succeeds; everything continues until people are asked."""
        self.push(version)
        self.wait(timedelta(seconds=47))
        self.end_run(version, by=by, commit=commit)
        self.settle()
        return self.newest()

    def end_run(self, version: str, *, by: str = CLEO, commit: str = "") -> None:
        self.run(version, organization="example", requested_by=by, commit=commit)

    def newest(self) -> Release:
        return self.app.reader.releases("hello", limit=1)[0]

    def token(self, release: Release, approver: str = ADA) -> str:
        """The token of the link that an approver is sent."""
        environment = self.policy.environment(release.environment or "")
        asks = environment is not None and isinstance(environment.gate, ApprovalGate) and environment.gate.links_vote
        purpose = Purpose.VOTE if asks else Purpose.SHOW
        return self.app.links.approval(release, approver, purpose=purpose, now=self.now).rpartition("/")[2]

    def follow(self, answer: Answer) -> Answer:
        """The page to which a vote by a link leads, once the worker has handled the vote."""
        token, _, inbox_id = answer.headers["Location"].removeprefix("/approvals/").partition("?said=")
        assert inbox_id, "no vote was added to the inbox"
        self.hear()
        return show_linked_gate(self.services, token, inbox_id)

    def deadline(self, release: Release) -> None:
        """The gate's time runs out."""
        assert release.due is not None
        self.now = release.due
        self.take(
            DeadlineReached(
                received_at=self.now, application=release.application, release=release.number, due=release.due
            )
        )
        self.settle()

    # ---- what the steps do
    def next_step(self) -> Outgoing | None:
        message = super().next_step()
        return None if message is None or message.body["kind"] in self.stops_before else message

    def run_step(self, step: Step) -> None:
        self.wait(timedelta(seconds=3.4))
        reason = self.fails.get(step.kind, "")
        result = {} if reason and step.kind is not StepKind.VERIFY else self._result(step, self.release(step.release))
        self.finish(step, passed=not reason, reason=reason or _REASONS.get(step.kind, ""), **result)

    def _result(self, step: Step, release: Release) -> dict[str, Any]:
        match step.kind:
            case StepKind.PLAN:
                return self._plan(step, release).model_dump(mode="json")
            case StepKind.COPY:
                return {"digest": release.digest, "blobs": 7, "bytes": 31_457_280}
            case StepKind.VERIFY:
                return {"evidence": [item.model_dump(mode="json") for item in self._evidence(step)]}
            case _:
                return {}

    def _plan(self, step: Step, release: Release) -> PlanMade:
        environment = self.policy.environment(step.environment)
        assert environment is not None
        live = self.lane(step.environment).live
        plan = Plan(
            application="hello",
            release=release.number,
            environment=step.environment,
            registry="prod",
            repository="hello",
            digest=release.artifact.digest,
            tag=release.tag,
            images=(f"prod.example.com/hello@{release.digest}",),
            cluster=environment.cluster,
            namespace=environment.namespace,
            manifests=(
                {"kind": "Secret", "metadata": {"name": "hello"}, "stringData": {"password": "hunter2"}},
                {"kind": "ConfigMap", "metadata": {"name": "hello"}, "data": {"changes": str(len(self.changes))}},
            ),
            base=live.plan_hash if live else None,
            base_tag=live.tag if live else None,
            evidence=release.evidence,
            run=release.run.url if release.run else None,
            policy=policy_hash(environment),
        )
        self.blobs.put(plan.document(), "application/json")
        preview = Preview(changes=self.changes)
        count = [change.change for change in preview.changes].count
        return PlanMade(
            plan_hash=plan.hash,
            preview=self.blobs.put(preview.document(), "application/json"),
            base=plan.base,
            definition=self.fingerprint,
            created=count("created"),
            changed=count("changed"),
            unchanged=count("unchanged"),
            deleted=count("deleted"),
            parts=plan.parts,
        )

    def _evidence(self, step: Step) -> tuple[Evidence, ...]:
        passed = StepKind.VERIFY not in self.fails
        log = self.blobs.put(self.test_output.encode(), "text/plain")
        return (
            Evidence(
                name="GET hello:80/healthz", environment=step.environment, passed=True, summary="200, contains 'ok'"
            ),
            Evidence(
                name="acceptance",
                environment=step.environment,
                passed=passed,
                summary=self.summary if passed else self.fails[StepKind.VERIFY],
                log=log,
            ),
        )


_REASONS = {
    StepKind.CHECK: "2 of 2 pods are ready",
    StepKind.VERIFY: "24 passed, 0 failed",
    StepKind.ROLL_BACK: "what was live before is up again",
    StepKind.NOTIFY: "1 sent",
}

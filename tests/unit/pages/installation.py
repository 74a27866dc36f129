"""A small installation in memory for the pages: real intake, ledger and reader over the doubles that ship with the
product, the delivery of `deliveries/hello`, and steps whose outcomes the story tells. Time moves by hand."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from slipway.config import Known, load_deliveries
from slipway.domain.application import Application, policy_hash
from slipway.domain.causes import DeadlineReached, ImagePushed, PipelineCompleted, StepFinished
from slipway.domain.gate import ApprovalGate
from slipway.domain.model import sha256
from slipway.domain.plan import Change, Plan, PlanMade
from slipway.domain.release import Evidence, Release, Run
from slipway.domain.steps import Step, StepKind
from slipway.domain.tokens import Keys
from slipway.flow.catalogue import Catalogue
from slipway.flow.intake import Intake, Receipt
from slipway.flow.links import Links
from slipway.flow.numbers import Numbers
from slipway.flow.outbox import Outbox
from slipway.flow.parking import Parking
from slipway.flow.reading import Reader
from slipway.flow.trail import Trail
from slipway.ledger import Ledger
from slipway.ledger.audit_index import AuditIndex
from slipway.ledger.indexing import Indexer
from slipway.ledger.installation import Installation
from slipway.ledger.weeks import Weeks
from slipway.pages.approving import Desk
from slipway.testing import MemoryBlobs, MemoryBus, MemoryTable

ROOT = Path(__file__).resolve().parents[3]
MORNING = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
BASE = "https://slipway.example.com"
ADA, BEN, CLEO = "ada@example.com", "ben@example.com", "cleo@example.com"

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
    Change(kind="CronJob", name="hello-report", change="orphaned"),
    Change(kind="Service", name="hello", change="unchanged"),
)


def digest(name: str) -> str:
    return sha256(name.encode())


def hello(*, approvers: tuple[str, ...] = (ADA,), required: int = 1) -> Application:
    """The application of `deliveries/hello`, with other approvers for production where they are given."""
    known = Known(
        registries=frozenset({"nonprod", "prod"}),
        clusters=frozenset({"staging", "production"}),
        channels=frozenset({"inbox"}),
    )
    application = load_deliveries(ROOT / "deliveries", known=known)["hello"].application
    staging, production = application.environments
    gate = ApprovalGate(approvers=approvers, required=required, deadline=timedelta(hours=24))
    return application.evolve(environments=(staging, production.evolve(gate=gate)))


@dataclass
class InMemory:
    """One installation. A story calls `push`, `run`, `settle`, `vote` and moves `now`."""

    application: Application = field(default_factory=hello)
    now: datetime = MORNING
    changes: tuple[Change, ...] = CHANGES
    log: str = LOG
    summary: str = "Complete: 24 passed, 0 failed"
    fails: Mapping[StepKind, str] = field(default_factory=dict)
    """Steps that fail, with the reason."""
    stops_before: frozenset[StepKind] = frozenset()
    """Steps whose outcome is not heard yet."""

    def __post_init__(self) -> None:
        known = Known(
            registries=frozenset({"nonprod", "prod"}),
            clusters=frozenset({"staging", "production"}),
            channels=frozenset({"inbox"}),
        )
        self._delivery = load_deliveries(ROOT / "deliveries", known=known)["hello"]
        self.table, self.blobs, self.bus = MemoryTable(), MemoryBlobs(), MemoryBus()
        self.ledger = Ledger(self.table)
        self.index = AuditIndex(MemoryTable())
        self.indexer = Indexer(table=self.table, index=self.index)
        self.keys = Keys({"k1": b"a signing key of thirty-two bytes"})
        self.links = Links(base=BASE, keys=self.keys)
        self._done = 0
        self._deliver(self.application, "as it was")

    def _deliver(self, application: Application, content: str) -> None:
        self.application = application
        delivery = type(self._delivery)(application=application, folder=self._delivery.folder)
        self.fingerprint = digest(f"delivery {content}")
        self.catalogue = Catalogue({"hello": delivery}, hash_of=lambda _: self.fingerprint)
        clock = lambda: self.now  # noqa: E731 - the clock is this object's
        self.intake = Intake(
            ledger=self.ledger,
            catalogue=self.catalogue,
            outbox=Outbox(self.ledger, self.bus),
            indexer=self.indexer,
            clock=clock,
        )
        self.trail = Trail(index=self.index)
        self.reader = Reader(ledger=self.ledger, blobs=self.blobs, catalogue=self.catalogue, clock=clock)
        self.numbers = Numbers(ledger=self.ledger, weeks=Weeks(self.table), catalogue=self.catalogue, clock=clock)
        self.parking = Parking(installation=Installation(self.table), bus=self.bus, clock=clock)
        self.desk = Desk(keys=self.keys, reader=self.reader, intake=self.intake, clock=clock, public_url=BASE)

    def change_delivery(self, application: Application | None = None) -> None:
        """The delivery folder changes: to another policy where one is given, else in its manifests."""
        self._deliver(application or self.application, "changed")

    # ---- what comes in
    def release(self, version: str, *, by: str = CLEO, url: str = "", commit: str = "c0ffee" * 6 + "0000") -> Release:
        """An image is pushed and its run succeeds; everything goes on until somebody is asked."""
        self.push(version)
        self.wait(seconds=47)
        self.run(version, by=by, url=url, commit=commit)
        self.settle()
        return self.newest()

    def push(self, version: str) -> tuple[Receipt, ...]:
        return self.intake.take(
            ImagePushed(
                received_at=self.now,
                registry="nonprod",
                repository="hello",
                digest=digest(version),
                tag=version,
                pushed_at=self.now,
                actor="hello-ci",
            )
        )

    def run(self, version: str, *, by: str = CLEO, url: str = "", commit: str = "") -> tuple[Receipt, ...]:
        found = Run(
            organization="example",
            project="shop",
            pipeline="hello-ci",
            id=int(digest(version)[7:13], 16),
            number=version,
            result="succeeded",
            branch="refs/heads/main",
            commit=commit,
            requested_by=by,
            url=url or f"https://dev.azure.com/example/shop/_build/results?buildId={digest(version)[7:12]}",
            finished_at=self.now,
        )
        return self.intake.take(PipelineCompleted(received_at=self.now, run=found))

    def wait(self, **time: float) -> None:
        self.now += timedelta(**time)

    def newest(self) -> Release:
        return self.reader.releases("hello", limit=1)[0]

    def token(self, release: Release, approver: str = ADA) -> str:
        """The token of the link that an approver is sent."""
        return self.links.approval(release, approver, now=self.now).rpartition("/")[2]

    def deadline(self, release: Release) -> None:
        """The gate's time runs out."""
        assert release.due is not None
        self.now = release.due
        self.intake.take(
            DeadlineReached(
                received_at=self.now, application=release.application, release=release.number, due=release.due
            )
        )
        self.settle()

    # ---- what the steps do
    def settle(self) -> None:
        """Every step that was asked for reports its outcome, a few seconds after it was asked for."""
        while self._done < len(self.bus.sent):
            message = self.bus.sent[self._done]
            if message.queue == "steps":
                step = Step.model_validate(message.body)
                if step.kind in self.stops_before:
                    return
                self.wait(seconds=3.4)
                self._finish(step)
            self._done += 1

    def _finish(self, step: Step) -> None:
        release = self.reader.release(f"{step.application}-{step.release}")
        reason = self.fails.get(step.kind, "")
        self.intake.take(
            StepFinished(
                received_at=self.now,
                step=step,
                passed=not reason,
                reason=reason or _REASONS.get(step.kind, ""),
                result={} if reason and step.kind is not StepKind.VERIFY else self._result(step, release),
            )
        )

    def _result(self, step: Step, release: Release) -> dict[str, Any]:
        match step.kind:
            case StepKind.PLAN:
                return self._plan(step, release).model_dump(mode="json")
            case StepKind.PROMOTE:
                return {"digest": release.digest, "blobs": 7, "bytes": 31_457_280, "seconds": 2.1}
            case StepKind.VERIFY:
                return {"evidence": [item.model_dump(mode="json") for item in self._evidence(step)]}
            case _:
                return {}

    def _plan(self, step: Step, release: Release) -> PlanMade:
        environment = self.application.environment(step.environment)
        assert environment is not None
        lane = self.ledger.lanes("hello").get(step.environment)
        live = lane.live if lane else None
        plan = Plan(
            application="hello",
            release=release.number,
            environment=step.environment,
            registry="prod",
            repository="hello",
            digest=release.artifact.digest,
            tag=release.tag,
            image=f"prod.example.com/hello@{release.digest}",
            cluster=environment.cluster,
            namespace=environment.namespace,
            manifests=({"kind": "Secret", "metadata": {"name": "hello"}, "stringData": {"password": "hunter2"}},),
            changes=self.changes,
            base=live.plan_hash if live else None,
            base_tag=live.tag if live else None,
            evidence=release.evidence,
            run=release.run.url if release.run else None,
            policy=policy_hash(environment),
        )
        self.blobs.put(plan.document(), "application/json")
        count = [change.change for change in plan.changes].count
        return PlanMade(
            plan_hash=plan.hash,
            base=plan.base,
            delivery=self.fingerprint,
            created=count("created"),
            changed=count("changed"),
            unchanged=count("unchanged"),
            orphaned=count("orphaned"),
            parts=plan.parts,
        )

    def _evidence(self, step: Step) -> tuple[Evidence, ...]:
        passed = StepKind.VERIFY not in self.fails
        log = self.blobs.put(self.log.encode(), "text/plain")
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

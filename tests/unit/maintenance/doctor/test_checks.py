"""Each single fault gives its own finding, with the command that mends it; a whole installation lacks nothing."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from slipway.domain.errors import NotFound
from slipway.domain.queues import Queue
from slipway.domain.reports import Finding, Status
from slipway.domain.run_source import CannotKnow
from slipway.effects.cluster import (
    AccessDenied,
    ClusterError,
    ClusterIdentity,
    ClusterUnreachable,
    Missing,
    Owned,
    Owner,
    Search,
)
from slipway.effects.cluster.kinds import BUILT_IN, ManifestTarget
from slipway.effects.cluster.records import Unsearched
from slipway.effects.cluster.rights import Right, needed
from slipway.effects.messaging import WaitingMessage
from slipway.effects.notification import NotificationError
from slipway.effects.registry import Denied, ErrorSubject, TagInfo
from slipway.ledger import LedgerUnavailable, keys
from slipway.ledger.table import Act, Write
from slipway.maintenance.doctor import Doctor, FixHints
from slipway.telemetry import Attribute
from slipway.testing import Installation, write_application, write_project
from slipway.testing.runs import run_info
from tests.unit.telemetry.conftest import Recorder, recorder  # noqa: F401 - a fixture

AZURE = FixHints(
    client_id="00000000-0000-0000-0000-00000000000a",
    storage_account="stslipway",
    container="evidence",
    namespace="sb-slipway",
    resource_ids={"nonprod": "/subscriptions/x/registries/nonprod", "prod": "/subscriptions/x/registries/prod"},
    cluster_hosts={"staging": "staging.azmk8s.io", "production": "production.azmk8s.io"},
)


class Reviewing:
    """A cluster that is asked for rights."""

    def __init__(self) -> None:
        self.lacking: tuple[Right, ...] = ()
        self.unsearched: tuple[str, ...] = ()
        self.owned: list[Owned] = []
        self.name = "system:serviceaccount:slipway:worker"
        self.error: Exception | None = None
        self.asked: list[str] = []
        self.kinds: set[str] = set()
        """Kinds for which rights were asked."""
        self.namespace: str | ClusterError = f"uid-{id(self)}"
        """The uid of its namespaces, or why it is not told."""

    def missing_rights(self, manifests: Any, namespace: str) -> tuple[Right, ...]:
        self.kinds |= {manifest["kind"] for manifest in manifests}
        assert self.kinds
        self.asked.append(namespace)
        if self.error:
            raise self.error
        return self.lacking

    def search(self, namespace: str, owner: Owner) -> Search:
        unsearched = tuple(Unsearched(kind=kind, why="it may not") for kind in self.unsearched)
        return Search(owned=tuple(self.owned), unsearched=unsearched)

    def identity(self) -> ClusterIdentity:
        return ClusterIdentity(name=self.name)

    def namespace_id(self, namespace: str) -> str:
        if isinstance(self.namespace, ClusterError):
            raise self.namespace
        return self.namespace

    def other_role(self, manifests: Any, kinds: Sequence[str], namespace: str) -> list[Any]:
        if self.error:
            raise self.error
        return [{"kind": "Role", "kinds": list(kinds), "namespace": namespace}]


class Reaching:
    error: NotificationError | None = None

    def reach(self) -> str:
        if self.error:
            raise self.error
        return "somebody answers"


class Patient:
    """An installation in memory that a test breaks."""

    def __init__(self, folder: Path, *, has_applications: bool = False) -> None:
        if not has_applications:
            write_application(folder)
        self.installation = Installation(folder)
        self.clusters = {"staging": Reviewing(), "production": Reviewing()}
        self.channel = Reaching()
        self.ledger_error: LedgerUnavailable | None = None
        self.installation.app.installation.heartbeat("reconcile", self.installation.now)

    def _table(self) -> Any:
        if self.ledger_error:
            raise self.ledger_error
        return self.installation.app.table

    def doctor(self, **more: Any) -> Doctor:
        default = self.installation.app.doctor
        parts: dict[str, Any] = {
            "table": self._table,
            "cluster": self.clusters.__getitem__,
            "channel": lambda name: self.channel,
            "fix_hints": AZURE,
        }
        return replace(default, inputs=replace(default.inputs, **(parts | more)), timeout=10)

    def examine(self, **more: Any) -> dict[str, Finding]:
        doctor = self.doctor(**more)
        return {name: doctor.run(name) for name in doctor.checks}


@pytest.fixture
def patient(tmp_path: Path) -> Patient:
    return Patient(tmp_path / "deliveries")


def failed_findings(findings: dict[str, Finding]) -> dict[str, Finding]:
    return {name: finding for name, finding in findings.items() if finding.status is Status.FAILED}


def test_a_healthy_installation_lacks_nothing(patient: Patient) -> None:
    findings = patient.examine()
    assert failed_findings(findings) == {}
    assert set(findings) == {
        *("applications", "signing-keys", "table", "installation", "blobs", "clock", "reconcile", "channel:inbox"),
        *(f"queue:{queue}" for queue in Queue),
        "ledger:shop",
        *("registry:nonprod", "registry:prod"),
        *("cluster:staging:shop:staging", "cluster:production:shop:production"),
    }
    assert "push to team/shop" in findings["registry:prod"].said
    assert "push" not in findings["registry:nonprod"].said


@pytest.mark.parametrize(
    ("partition", "key", "check", "cure"),
    [
        (keys.INSTALLATION, keys.FREEZE, "installation", "slipway unfreeze --all"),
        (keys.INSTALLATION, keys.HEAD, "installation", "put it back as it was"),
        ("shop", keys.lane("staging"), "ledger:shop", "put it back as it was"),
    ],
)
def test_a_row_that_cannot_be_read_is_named_with_what_to_do(
    patient: Patient, partition: str, key: str, check: str, cure: str
) -> None:
    patient.installation.table.transact(partition, [Write(act=Act.PUT, key=key, values={"Data": '{"freeze": 1}'})])
    findings = failed_findings(patient.examine())
    assert set(findings) == {check}
    assert f"the row {key} of the partition {partition} cannot be read" in findings[check].said
    assert cure in findings[check].said


@pytest.mark.parametrize(("minutes", "status"), [(1, Status.OK), (16, Status.FAILED)])
def test_a_message_that_nobody_reads_is_reported_by_its_age(patient: Patient, minutes: int, status: Status) -> None:
    since = patient.installation.now - timedelta(minutes=minutes)
    patient.installation.bus.in_free_sessions.append(
        WaitingMessage(queue=Queue.WORK, body=b"{}", message_id="m-1", session="shop", enqueued_at=since)
    )
    finding = patient.examine()[f"queue:{Queue.WORK}"]
    assert finding.status is status
    assert "oldest message has waited for" in finding.said


def test_checks_remove_what_they_wrote(patient: Patient) -> None:
    patient.examine()
    assert patient.installation.app.table.get("_doctor", "check") is None
    assert patient.installation.bus.sent == []
    assert patient.installation.prod.held.manifests == {}
    assert "removed again" in patient.examine()["table"].said


RIGHTS = (
    Right(verb="patch", group="apps", resource="deployments"),
    Right(verb="get", group="", resource="services", subresource="proxy"),
)
FAULTS: dict[str, tuple[Callable[[Patient], None], str, str, str]] = {
    "no right to send": (
        lambda p: p.installation.bus.denied.update(steps="send"),
        "queue:steps",
        "send on the queue steps",
        'Azure Service Bus Data Sender" --scope "$(az servicebus namespace list',
    ),
    "no right to receive": (
        lambda p: p.installation.bus.denied.update(runs="listen"),
        "queue:runs",
        "listen on the queue runs",
        "Azure Service Bus Data Receiver",
    ),
    "no right in a namespace": (
        lambda p: setattr(p.clusters["production"], "lacking", RIGHTS),
        "cluster:production:shop:production",
        "patch deployments.apps, get services/proxy",
        "Azure Kubernetes Service RBAC Writer",
    ),
    "the channel is away": (
        lambda p: setattr(p.channel, "error", NotificationError("channel inbox: no answer", retryable=True)),
        "channel:inbox",
        "a way to the channel",
        "",
    ),
    "the reconcile timer stands still": (
        lambda p: p.installation.app.installation.heartbeat("reconcile", p.installation.now - timedelta(minutes=30)),
        "reconcile",
        "the timer `reconcile`",
        "",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_single_fault_gives_its_own_finding_and_command(patient: Patient, fault: str) -> None:
    break_it, check, missing, command = FAULTS[fault]
    break_it(patient)
    [(name, finding)] = failed_findings(patient.examine()).items()
    assert name == check
    assert missing in finding.missing
    assert command in finding.command
    assert not command or AZURE.client_id in finding.command


def test_a_reconcile_run_that_another_instance_has_to_take_over_is_waited_for(patient: Patient) -> None:
    """The Functions host lets the lease of a dead instance run out before another one has its timers."""
    patient.installation.app.installation.heartbeat("reconcile", patient.installation.now - timedelta(minutes=4))
    assert not failed_findings(patient.examine())


def test_a_table_that_refuses_is_found_with_the_role_that_it_needs(patient: Patient) -> None:
    patient.ledger_error = LedgerUnavailable("HttpResponseError: AuthorizationPermissionMismatch")
    finding = patient.examine()["table"]
    assert (finding.status, finding.missing) == (Status.FAILED, "read rows")
    assert "Storage Table Data Contributor" in finding.command
    assert "stslipway" in finding.command


def test_a_missing_right_to_push_is_distinguished_from_a_missing_right_to_pull(patient: Patient) -> None:
    def denying(action: str) -> Callable[[str], Any]:
        class Refusing:
            def resolve(self, repository: str, reference: str) -> None:
                if action == "pull":
                    raise Denied(ErrorSubject("prod.test", repository), "the registry answers 403")

            def mount_blob(self, repository: str, digest: str, origin: str) -> bool:
                raise Denied(ErrorSubject("prod.test", repository), "the registry answers 403")

        return lambda name: Refusing() if name == "prod" else patient.installation.registries[name]

    pull, push = (patient.examine(registry=denying(action))["registry:prod"] for action in ("pull", "push"))
    assert (pull.missing, push.missing) == ("pull from team/shop", "push to team/shop")
    assert "Container Registry Repository Writer" in push.command
    assert "/subscriptions/x/registries/prod" in push.command


def test_a_registry_that_does_not_say_when_tags_were_pushed_is_reported(patient: Patient) -> None:
    class WithoutTimes:
        def __getattr__(self, name: str) -> Any:
            return getattr(patient.installation.registries["nonprod"], name)

        def recent_tags(self, repository: str, limit: int) -> list[TagInfo]:
            return [TagInfo(tag="v1", digest=f"sha256:{'0' * 64}", updated_at=None)]

    def opened(name: str) -> Any:
        return WithoutTimes() if name == "nonprod" else patient.installation.registries[name]

    assert "no times" not in patient.examine()["registry:nonprod"].said.partition("team/shop")[0]
    finding = patient.examine(registry=opened)["registry:nonprod"]
    assert finding.status is Status.OK
    assert finding.said.endswith("no times of tags in team/shop: a push whose event is lost is not found")


ROLLOUTS = Right(verb="patch", group="argoproj.io", resource="rollouts")
PRODUCTION = "cluster:production:shop:production"


@pytest.mark.parametrize(
    ("name", "option"),
    [
        ("system:serviceaccount:slipway:worker", "--serviceaccount slipway:worker"),
        ("0f4e-oid", "--user 0f4e-oid"),
        ("ada lovelace", "--user 'ada lovelace'"),
    ],
)
def test_the_doctor_prints_a_role_binding_for_the_user_that_a_cluster_outside_azure_knows(
    patient: Patient, name: str, option: str
) -> None:
    patient.clusters["production"].lacking, patient.clusters["production"].name = RIGHTS, name
    finding = patient.examine(fix_hints=FixHints())[PRODUCTION]
    expected = f"kubectl create rolebinding slipway --namespace shop --clusterrole edit {option}"
    assert finding.command == expected
    assert name in finding.said


def test_rights_that_the_role_of_azure_lacks_are_granted_by_the_printed_role(patient: Patient) -> None:
    printed = f"slipway doctor --print-rbac --only {PRODUCTION} | kubectl apply -f -"
    patient.clusters["production"].lacking = (ROLLOUTS,)
    assert patient.examine()[PRODUCTION].command == printed
    patient.clusters["production"].lacking = (ROLLOUTS, *RIGHTS)
    command = patient.examine()[PRODUCTION].command
    assert command.startswith("az role assignment create")
    assert command.endswith(f" && {printed}")


def test_the_doctor_names_the_kinds_that_no_plan_can_search(patient: Patient) -> None:
    assert "cannot search" not in patient.examine()[PRODUCTION].said
    patient.clusters["production"].unsearched = (
        "RoleBinding.rbac.authorization.k8s.io",
        "Role.rbac.authorization.k8s.io",
    )
    finding = patient.examine()[PRODUCTION]
    assert finding.status is Status.OK
    assert "it cannot search Role.rbac.authorization.k8s.io, RoleBinding.rbac.authorization.k8s.io" in finding.said
    patient.clusters["production"].unsearched = tuple(f"Kind{number}.example.com" for number in range(10))
    assert "Kind7.example.com and 2 more: objects of these" in patient.examine()[PRODUCTION].said


def test_the_printed_role_is_for_the_kinds_that_are_named(patient: Patient) -> None:
    role = patient.doctor().other_role(PRODUCTION, ["argoproj.io/Rollout"])
    assert role.documents == ({"kind": "Role", "kinds": ["argoproj.io/Rollout"], "namespace": "shop"},)
    patient.clusters["production"].error = ClusterUnreachable("production could not be reached")
    away = patient.doctor().other_role(PRODUCTION, [])
    assert (away.documents, away.problem) == ((), "production could not be reached")
    with pytest.raises(NotFound):
        patient.doctor().other_role("table", [])


def test_the_printed_role_is_for_the_kinds_that_the_project_allows_too(tmp_path: Path) -> None:
    folder = tmp_path / "deliveries"
    write_application(folder)
    write_project(folder, kinds=["argoproj.io/Rollout"])
    role = Patient(folder, has_applications=True).doctor().other_role(PRODUCTION, [])
    assert role.documents[0]["kinds"] == ["argoproj.io/Rollout"]


def test_a_cluster_that_is_out_of_reach_is_a_finding(patient: Patient) -> None:
    patient.clusters["staging"].error = ClusterUnreachable("staging.azmk8s.io could not be reached")
    assert set(failed_findings(patient.examine())) == {"cluster:staging:shop:staging"}


def test_an_object_that_another_tool_has_applied_since_is_found(patient: Patient) -> None:
    def applied(name: str, **times: str) -> Owned:
        entries = [{"manager": who, "operation": "Apply", "time": f"2026-03-02T{at}Z"} for who, at in times.items()]
        return Owned(kind=BUILT_IN["v1", "ConfigMap"], metadata={"name": name, "uid": name, "managedFields": entries})

    flux = "kustomize-controller"
    cluster = patient.clusters["production"]
    cluster.owned = [
        applied("taken-over", **{flux: "09:00:00", "slipway": "10:00:00"}),
        applied("ours", slipway="10:00:00"),
    ]
    assert failed_findings(patient.examine()) == {}
    cluster.owned += [applied("fought-over", **{"slipway": "10:00:00", flux: "10:10:00"})]
    [finding] = failed_findings(patient.examine()).values()
    assert finding.said.startswith("ConfigMap/fought-over: Flux (kustomize-controller) applies it too")


def test_two_names_of_one_cluster_are_found_by_their_common_namespace(patient: Patient) -> None:
    patient.clusters["production"].namespace = patient.clusters["staging"].namespace
    findings = failed_findings(patient.examine())
    assert set(findings) == {"cluster:staging:shop:staging", "cluster:production:shop:production"}
    assert "staging and production are one cluster" in findings["cluster:staging:shop:staging"].said
    assert "SLIPWAY_CLUSTERS" in findings["cluster:staging:shop:staging"].missing


@pytest.mark.parametrize(
    ("reason", "who", "unknown"),
    [
        (Missing("no such namespace"), "worker", False),
        (AccessDenied("not there"), "worker", False),
        (AccessDenied("not there"), "another", True),
        (ClusterUnreachable("away"), "worker", True),
    ],
)
def test_the_finding_says_where_it_is_unknown_whether_two_environments_share_a_cluster(
    patient: Patient, reason: ClusterError, who: str, *, unknown: bool
) -> None:
    patient.clusters["staging"].name, patient.clusters["production"].name = "worker", who
    patient.clusters["production"].namespace = reason
    finding = patient.examine()["cluster:staging:shop:staging"]
    assert finding.status is Status.OK
    assert ("not known whether this is another cluster than production" in finding.said) is unknown


def test_a_check_that_does_not_come_back_is_given_up(patient: Patient) -> None:
    import threading  # noqa: PLC0415

    never = threading.Event()
    doctor = patient.doctor(bus=lambda: never.wait(60))
    finding = Doctor(inputs=doctor.inputs, timeout=0.05).run("queue:steps")
    never.set()
    assert (finding.status, finding.said) == (Status.FAILED, "it did not answer within 0.05 seconds")


def test_an_unknown_check_is_not_found(patient: Patient) -> None:
    with pytest.raises(NotFound, match="there is no check 'tables'"):
        patient.doctor().run("tables")


def test_an_unexpected_error_is_a_finding_without_details(patient: Patient) -> None:
    def broken() -> Any:
        raise RuntimeError("SharedAccessKey=c2VjcmV0")

    finding = patient.examine(bus=broken)["queue:steps"]
    assert finding.status is Status.FAILED
    assert finding.said.startswith("unexpected RuntimeError in slipway/maintenance/doctor/")
    assert "c2VjcmV0" not in finding.said


def test_checks_are_spans_and_those_that_failed_are_errors(patient: Patient, recorder: Recorder) -> None:  # noqa: F811
    patient.installation.bus.denied["steps"] = "send"
    patient.examine()
    assert {r.attributes[Attribute.SERVICE] for r in recorder.spans if not r.status.is_ok and r.status.description} == {
        "queue:steps"
    }


def test_the_rights_for_jobs_are_asked_for_where_jobs_run_around_a_rollout(tmp_path: Path) -> None:
    home = write_application(tmp_path / "deliveries")
    document = home / "application.yaml"
    with_warm_job = document.read_text().replace(
        "- name: production\n", "- name: production\n    after: [jobs/warm.yaml]\n"
    )
    document.write_text(with_warm_job)
    (home / "jobs").mkdir()
    (home / "jobs" / "warm.yaml").write_text(WARM)
    installation = Patient(tmp_path / "deliveries", has_applications=True)
    installation.examine()
    assert "Job" in installation.clusters["production"].kinds


WARM = """\
apiVersion: batch/v1
kind: Job
metadata: { name: warm }
spec: { template: { spec: { restartPolicy: Never, containers: [{ name: main, image: team/shop }] } } }
"""


def test_the_rights_follow_from_the_kinds_of_the_manifests() -> None:
    def target(kind: str, **spec: int) -> ManifestTarget:
        built_in = next(k for k in BUILT_IN.values() if k.kind == kind)
        return ManifestTarget(manifest={"spec": spec}, kind=built_in, name="x", namespace="n")

    rights = {str(right) for right in needed([target("Deployment"), target("Job")])}
    assert rights >= {"patch deployments.apps", "create deployments.apps", "get pods/log", "delete jobs.batch"}
    assert "patch services" not in rights
    reads_autoscalers = "list horizontalpodautoscalers.autoscaling"
    assert reads_autoscalers not in rights
    assert reads_autoscalers in {str(right) for right in needed([target("Deployment", replicas=2)])}


def test_on_a_laptop_no_command_is_made_up(patient: Patient) -> None:
    patient.installation.bus.denied["steps"] = "send"
    assert patient.examine(fix_hints=FixHints())["queue:steps"].command == ""


# ---- the source of runs
FOLLOWED = """\
application: {name}
project: team
image: {{ registry: nonprod, repository: team/{name} }}
start: both
pipeline: {{ organization: contoso, project: Shop, name: build, definition: 7 }}
environments:
  - {{ name: staging, clusters: [staging], namespace: {name} }}
"""
IN_PRODUCTION = """\
  - name: production
    clusters: [production]
    namespace: {name}
    gate: {{ kind: approval, approvers: [ada@example.com] }}
notify: [inbox]
"""


@pytest.fixture
def following(tmp_path: Path) -> Installation:
    write_application(tmp_path, start="both", text=FOLLOWED)
    return Installation(tmp_path)


def check_runs(installation: Installation) -> Finding:
    return installation.app.doctor.run("runs:shop")


def test_a_pipeline_whose_runs_may_be_asked_about_is_named(following: Installation) -> None:
    following.runs.put(run_info(id=1, number="1"))
    finding = check_runs(following)
    assert (finding.status, finding.said) == (Status.OK, "may see the pipeline build, and look people and services up")


def test_the_finding_about_an_identity_that_sees_no_pipeline_names_the_access_level(following: Installation) -> None:
    finding = check_runs(following)
    assert finding.status is Status.FAILED
    assert "access level Basic" in finding.missing


def test_the_finding_about_an_identity_that_sees_no_service_principal_names_the_right(following: Installation) -> None:
    following.runs.put(run_info(id=1, number="1"))
    following.runs.services_hidden = CannotKnow("TF50309: it may not see who a service principal is")
    finding = check_runs(following)
    assert (finding.status, finding.said) == (Status.FAILED, "TF50309: it may not see who a service principal is")
    assert "View instance-level information" in finding.missing


def test_a_source_that_does_not_answer_is_reported_in_its_own_words(following: Installation) -> None:
    following.runs.put(run_info(id=1, number="1"))
    following.runs.away = CannotKnow("dev.azure.com does not accept Slipway's identity", retryable=True)
    assert check_runs(following).said == "dev.azure.com does not accept Slipway's identity"


def test_an_installation_that_asks_nobody_says_that_no_run_is_proved(following: Installation) -> None:
    following.restart(runs="claimed")
    finding = check_runs(following)
    assert finding.status is Status.SKIPPED
    assert finding.said.endswith("no run is proved and nobody knows who made a change")


def test_where_no_source_is_asked_the_finding_says_what_each_application_loses(tmp_path: Path) -> None:
    write_application(tmp_path, start="both", text=FOLLOWED + IN_PRODUCTION)
    project = tmp_path / "project.yaml"
    text = project.read_text().replace("require_known: false", "require_known: true")
    project.write_text(text.replace("registry: prod", "registry: prod\n    provenance: artifact"))
    installation = Installation(tmp_path)
    installation.restart(runs="claimed")
    message = check_runs(installation).said
    assert "nobody may approve in production (require_known), unless somebody waives that" in message
    assert "nothing goes into production (provenance), unless somebody waives that" in message

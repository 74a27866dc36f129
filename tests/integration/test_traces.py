"""Telemetry of the running system, as it arrived by OTLP at the local receiver: real worker library, two instances."""

import json
from functools import partial
from typing import Any

import pytest

from local.person import Approver
from slipway.telemetry import Metric
from tests.integration.system import System, until

pytestmark = pytest.mark.stack


def telemetry(system: System, kind: str) -> Any:
    return json.loads(system.stack.http.request("GET", f"{system.stack.traces_url}/api/{kind}").data)


def test_a_release_is_one_trace_from_push_to_production_with_links_over_the_wait(system: System) -> None:
    application = system.application("traced")
    release = application.waiting("1.0.0")
    link = system.approval_link(release)
    approver = Approver()
    approver.read(link)
    approver.decide(link, "approve", "seen in staging")
    application.reached("release.completed", tag="1.0.0")
    trace = application.release(release)["trace"].split("-")[1]

    def spans_of_release() -> list[dict[str, Any]]:
        return [span for span in telemetry(system, "spans") if span["attributes"].get("slipway.release") == release]

    def complete() -> bool:
        steps_done = {(s["name"], s["attributes"].get("slipway.environment")) for s in spans_of_release()}
        return {("step verify", "production"), ("step deploy", "staging"), ("step copy", "production")} <= steps_done

    until(complete, f"the spans of {release}")
    steps = [span for span in spans_of_release() if span["name"].startswith("step ")]
    assert {span["trace"] for span in steps} == {trace}
    [vote] = [span for span in spans_of_release() if span["name"] == "event vote-cast"]
    assert vote["trace"] != trace
    assert trace in {link["trace"] for link in vote["links"]}
    [wait] = [span for span in spans_of_release() if span["name"] == "wait awaiting_approval"]
    assert (wait["trace"], [link["trace"] for link in wait["links"]]) == (trace, [vote["trace"]])
    spans = telemetry(system, "spans")
    assert any(vote["trace"] in {at["trace"] for at in s["links"]} for s in spans if s["trace"] == trace)

    telemetry_text = json.dumps([spans, telemetry(system, "logs"), telemetry(system, "metrics")])
    assert link.rpartition("/")[2] not in telemetry_text
    secrets = vars(system.stack.secrets).values()
    assert not [
        secret for secret in secrets if isinstance(secret, str) and len(secret) > 8 and secret in telemetry_text
    ]
    logged = [line for line in telemetry(system, "logs") if line["attributes"].get("slipway.application") == "traced"]
    assert trace in {line["trace"] for line in logged}


def test_only_listed_metrics_arrive(system: System) -> None:
    def names() -> set[str]:
        return {point["name"] for point in telemetry(system, "metrics")}

    system.run_timer("reconcile")
    until(names, "metrics of what the reconcile timer measures")
    assert names() <= {str(metric) for metric in Metric}


def doctor_results(system: System, *subjects: str) -> dict[str, dict[str, Any]]:
    """What the doctor finds, once the worker has looked at all of these subjects."""

    def order(subject: str) -> str:
        return str(system.post("/api/v1/looks", {"kind": "doctor", "subject": subject}).content["id"])

    def finished_look(id: str) -> Any:
        return system.get(f"/api/v1/looks/{id}")["look"]

    looks = {subject: order(subject) for subject in subjects}
    return {
        subject: until(partial(finished_look, id), f"a look at {subject}")["answer"] for subject, id in looks.items()
    }


def test_the_doctor_finds_nothing_missing_in_the_running_system(system: System) -> None:
    # The pipelines of these applications are given by name alone, which the doctor rightly reports as too little.
    listed = doctor_results(system, "list")["list"]["checks"]
    checks = [check for check in listed if not check.startswith(("cluster:", "reconcile", "runs:"))]
    assert {"table", "blobs", "queue:steps", "registry:nonprod", "registry:prod", "clock"} <= set(checks)
    cluster_checks = ["cluster:staging:traced:staging", "cluster:production:traced:production"]
    results = doctor_results(system, *checks, *cluster_checks)
    assert {name: f["said"] for name, f in results.items() if f["status"] != "ok"} == {}

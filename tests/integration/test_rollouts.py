"""What goes wrong with rollouts on the whole system, and what people see of it: a migration that fails, and an object
that somebody edits while it is live."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.chromium import DESKTOP, SLOW, violations
from tests.integration.system import FAILING, System, until
from tests.integration.test_browser import opened, sign_in
from tests.integration.test_operators import phase, slipway

pytestmark = pytest.mark.stack

MIGRATION_ERROR = "column total already exists"
DEPLOYMENT = "/apis/apps/v1/namespaces/drifts-staging/deployments/hello"
EDITED = "Deployment/hello was changed by kubectl-edit"


def uids(system: System) -> dict[str, str]:
    """The migration Jobs that are still in staging, and the uid of each."""
    jobs = system.kubernetes("/apis/batch/v1/namespaces/migrates-staging/jobs")["items"]
    return {job["metadata"]["name"]: job["metadata"]["uid"] for job in jobs}


def pods(system: System) -> list[str]:
    """The Jobs that own the pods of migrations, one entry for each pod."""
    items = system.kubernetes("/api/v1/namespaces/migrates-staging/pods")["items"]
    owners = (pod["metadata"].get("ownerReferences", [{}])[0] for pod in items)
    return sorted(owner["name"] for owner in owners if owner.get("kind") == "Job")


def test_a_failed_migration_applies_nothing_is_reported_with_its_error_and_no_rollback_runs_it_again(
    system: System, browser: Browser
) -> None:
    application = system.application("migrates")
    application.push("1.0.0")
    first = str(application.reached("gate.opened", tag="1.0.0")["release"])
    deployment = "/apis/apps/v1/namespaces/migrates-staging/deployments/hello"
    live = system.kubernetes(deployment)["spec"]
    migrated = uids(system)
    assert len(migrated) == 1

    application.push(FAILING)
    second = str(application.reached("release.failed", tag=FAILING)["release"])
    assert system.kubernetes(deployment)["spec"] == live, "nothing of it was applied"
    assert MIGRATION_ERROR in application.release(second)["reason"]
    assert MIGRATION_ERROR in system.get(f"/api/v1/releases/{second}/explain")["headline"]
    notices = until(
        lambda: [n for n in system.stack.notices() if n["release"] == second and MIGRATION_ERROR in json.dumps(n)],
        f"a notice of how {second} ended",
    )
    assert notices
    with browser.new_context(viewport=DESKTOP) as context:
        context.set_default_timeout(SLOW)
        page = context.new_page()
        sign_in(page, system)
        page.goto(f"{system.stack.url}/releases/{second}")
        expect(page.locator("main")).to_contain_text("altering the table orders")
        expect(page.locator(".lead")).to_contain_text(MIGRATION_ERROR)
        assert violations(page) == []

    application.push("1.2.0")
    application.reached("gate.opened", tag="1.2.0")
    every, ran = uids(system), pods(system)
    assert len(every) == len(ran) == 3
    assert migrated.items() <= every.items()
    back = slipway(system, "rollback", first, "staging", "--reason", "1.2.0 loses orders")["release"]
    until(lambda: phase(application, back) == "completed", f"{back} has brought {first} back")
    brought_back = system.kubernetes(deployment)["spec"]["template"]["spec"]
    assert brought_back["containers"] == live["template"]["spec"]["containers"]
    assert (uids(system), pods(system)) == (every, ran), "no migration was run again"


def drift(system: System) -> dict[str, Any]:
    """The output and the exit code of `slipway drift drifts`."""
    environment = {**os.environ, **system.stack.command_environment()}
    command = [sys.executable, "-m", "slipway.cli", "drift", "drifts", "--json"]
    process = subprocess.run(command, env=environment, text=True, capture_output=True, check=False, timeout=60)
    return {"code": process.returncode, **json.loads(process.stdout)}


def look_for_drift(system: System) -> str:
    """Have the worker look for drift, and return its summary for staging: not that of a look that its timer began
    before."""
    since = datetime.now(UTC)
    system.run_timer("drift")

    def looked_since() -> bool:
        last = system.get("/api/v1/applications")["drift"]
        return last is not None and datetime.fromisoformat(last["looked_at"]) >= since

    until(looked_since, "the worker has looked")
    application = next(
        entry for entry in system.get("/api/v1/applications")["applications"] if entry["application"] == "drifts"
    )
    staging_drift = next(lane["drift"] for lane in application["environments"] if lane["environment"] == "staging")
    return str(staging_drift["summary"]) if staging_drift else ""


def test_drift_is_shown_and_notified_holds_back_the_next_release_and_is_undone_by_a_rollback(
    system: System, browser: Browser
) -> None:
    application = system.application("drifts")
    application.push("1.0.0")
    first = str(application.reached("gate.opened", tag="1.0.0")["release"])
    system.kubernetes(DEPLOYMENT, method="PATCH", body={"spec": {"minReadySeconds": 1}}, manager="operator")
    assert look_for_drift(system) == "", "the application leaves that field to the operator"

    system.kubernetes(DEPLOYMENT, method="PATCH", body={"spec": {"replicas": 2}}, manager="kubectl-edit")
    summary = look_for_drift(system)
    assert EDITED in summary
    assert "(spec.replicas)" in summary
    assert application.reached("drift.found")["release"] == first
    until(
        lambda: [n for n in system.stack.notices() if n["release"] == first and "spec.replicas" in json.dumps(n)],
        f"a notice that {first} is not as it went live",
    )
    report = drift(system)
    (staging,) = (environment for environment in report["environments"] if environment["environment"] == "staging")
    assert (report["code"], report["clean"]) == (1, False)
    assert EDITED in staging["drift"]["summary"]

    application.push("1.1.0")
    application.reached("release.held-back", tag="1.1.0")
    second = str(application.releases[0]["id"])
    assert application.release(second)["blocked_by"] == ["no-drift"]
    with browser.new_context(viewport=DESKTOP) as context:
        page = opened(context, system.stack.url)
        sign_in(page, system)
        page.goto(f"{system.stack.url}/?application=drifts")
        expect(page.locator("main")).to_contain_text("Drifted")
        page.goto(f"{system.stack.url}/releases/{first}")
        expect(page.locator("main")).to_contain_text(EDITED)
        expect(page.get_by_role("link", name="Bring staging back to it")).to_be_visible()
        assert violations(page) == []

    back = slipway(system, "rollback", first, "staging", "--reason", "nobody scales staging by hand")["release"]
    assert back not in (first, second)
    until(lambda: phase(application, back) == "completed", f"{back} has brought {first} back")
    assert system.kubernetes(DEPLOYMENT)["spec"]["replicas"] == 1
    assert look_for_drift(system) == ""
    application.reached("gate.opened", tag="1.1.0")
    assert "release.live" in application.actions(second)

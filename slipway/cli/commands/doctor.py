"""`slipway doctor`: check every permission and connection, and print the commands that fix missing ones."""

import os
import sys
from dataclasses import dataclass
from typing import Any

import click
import urllib3

from slipway.domain.inbox import LookKind
from slipway.domain.reports import Finding, Status
from slipway.manifests.problems import nearest

from ..api import Api, read_answer
from ..azure_devops import CLOUD, AzureDevOpsAdministration, authorization
from ..console import CliConsole
from ..errors import CliError, Exit
from ..hook_subscription import ENABLED, STATUSES, SubscriptionChange, WantedSubscription, plan_subscription
from ..options import as_json as json_option
from ..options import connected
from ..roles import write_roles
from ..text import neutral
from ..waiting import take_look

MARKS = {Status.OK: "green", Status.FAILED: "red", Status.SKIPPED: "yellow"}
HEALTH_SECONDS = 60.0


@dataclass(frozen=True, kw_only=True)
class Hooks:
    """The place that the service hook's subscription should have."""

    organization: str
    project: str
    pipeline: str
    server: str


@click.command()
@click.option(
    "--only", multiple=True, metavar="CHECK", help="Only checks whose names start with this; can be repeated."
)
@click.option("--organization", default="", help="Also check the service hook of this Azure DevOps organization.")
@click.option("--project", default="", help="The project of the service hook.")
@click.option("--pipeline", default="", help="The pipeline of the service hook, if it is limited to one.")
@click.option("--server", default=CLOUD, help="Address of Azure DevOps.")
@click.option(
    "--print-rbac",
    is_flag=True,
    help="Check nothing: write the Roles and RoleBindings that the clusters need in addition to Azure's role.",
)
@click.option(
    "--kind",
    "kinds",
    multiple=True,
    metavar="GROUP/KIND",
    help="With --print-rbac: a kind that bundles will bring, such as argoproj.io/Rollout; up to eight.",
)
@json_option
@connected
def doctor(
    api: Api,
    *,
    print_rbac: bool,
    kinds: tuple[str, ...],
    only: tuple[str, ...],
    organization: str,
    project: str,
    pipeline: str,
    server: str,
    as_json: bool,
) -> None:
    """Check every permission and connection, and name each missing one with the command that grants it.

    From this machine it checks whether the app answers and accepts the key and, with --organization and --project,
    whether the service hook delivers (you sign in as for `slipway connect`). The worker checks, with its own identity,
    the table, blobs and queues, reading from and writing to registries, every cluster permission, the signing keys, the
    channels, the clock, and whether the reconcile timer runs.

    Nothing is left changed: a check removes what it creates, and says so. Each check takes at most half a minute. You
    need the role `operator` or `platform`.

    Pipe the output of --print-rbac to `kubectl apply -f -`, as somebody who may write Roles: the app's role in Azure
    does not cover custom resources.

    \b
    Exit codes:
      0  nothing is missing
      1  something is missing
      4  the app cannot be reached

    \b
    Examples:
      slipway doctor
      slipway doctor --only cluster --only registry
      slipway doctor --organization contoso --project shop --json
      slipway doctor --print-rbac --only cluster:production | kubectl apply -f -
    """
    if kinds and not print_rbac:
        raise click.UsageError("--kind goes with --print-rbac")
    if print_rbac:
        write_roles(api, only, kinds, as_json=as_json)
        return
    if bool(organization) != bool(project):
        raise click.UsageError("--organization and --project go together")
    hooks = Hooks(organization=organization, project=project, pipeline=pipeline, server=server)
    findings = [_show(finding, as_json=as_json) for finding in _local_findings(api, hooks, only)]
    names = [str(name) for name in take_look(api, LookKind.DOCTOR, "list")["checks"]]
    _check_only(only, names, made=findings)
    selected = [name for name in names if not only or name.startswith(only)]
    for number, name in enumerate(selected, start=1):
        _progress(f"{number} of {len(selected)}: {name} …", as_json=as_json)
        findings.append(_show(read_answer(Finding, take_look(api, LookKind.DOCTOR, name)), as_json=as_json))
    failed = [finding for finding in findings if finding.status is Status.FAILED]
    if as_json:
        CliConsole().json({"healthy": not failed, "checks": [finding.model_dump(mode="json") for finding in findings]})
    else:
        _sum_up(findings, failed)
    if failed:
        click.get_current_context().exit(Exit.REFUSED)


def _check_only(only: tuple[str, ...], names: list[str], *, made: list[Finding]) -> None:
    """Raises `UsageError` for a text that no check begins with: otherwise nothing would be checked, and all seem in
    order."""
    for beginning in only:
        if not any(name.startswith(beginning) for name in (*(finding.check for finding in made), *names)):
            similar = nearest(beginning, {"app", *(name.partition(":")[0] for name in names)})
            raise click.UsageError(f"--only: expected the beginning of a check, got {beginning!r}; {similar}")


def _local_findings(api: Api, hooks: Hooks, only: tuple[str, ...]) -> list[Finding]:
    """The checks that run on this machine."""
    findings = [_health(api)]
    if hooks.organization:
        findings.append(_subscription(api, hooks))
    return [finding for finding in findings if not only or finding.check.startswith(only)]


def _health(api: Api) -> Finding:
    try:
        answer = urllib3.PoolManager(retries=False, timeout=HEALTH_SECONDS).request("GET", f"{api.app.url}/api/health")
        health: Any = answer.json() if answer.status in (200, 503) else {}
    except (urllib3.exceptions.HTTPError, ValueError) as error:
        raise CliError(
            f"the app at {api.app.url} does not answer ({type(error).__name__})", exit_code=Exit.UNREACHABLE
        ) from None
    if not isinstance(health, dict) or health.get("healthy") is not True:
        return Finding(
            check="app", status=Status.FAILED, said=f"it answers {answer.status}: not healthy", missing="its ledger"
        )
    return Finding(check="app", status=Status.OK, said=f"it answers, version {health.get('version')}")


def _subscription(api: Api, hooks: Hooks) -> Finding:
    command = f"slipway connect azure-devops --organization {hooks.organization} --project {hooks.project}"
    try:
        service = AzureDevOpsAdministration(
            hooks.organization, server=hooks.server, authorization=authorization(os.environ)
        )
        subscription = WantedSubscription(
            project_id=service.project_id(hooks.project), app_url=api.app.url, pipeline=hooks.pipeline
        )
        change = plan_subscription(subscription, service.subscriptions(), send_secret=False)
    except CliError as trouble:
        return Finding(
            check="hook", status=Status.FAILED, said=trouble.message, missing="the right to see service hooks"
        )
    if change.act is SubscriptionChange.KEEP:
        return Finding(check="hook", status=Status.OK, said=f"subscription {change.id}: {STATUSES[ENABLED]}")
    reasons = "; ".join(change.reasons)
    missing = "a subscription that delivers" if change.act is SubscriptionChange.REPAIR else "the subscription"
    return Finding(check="hook", status=Status.FAILED, said=reasons, missing=missing, command=command)


def _progress(text: str, *, as_json: bool) -> None:
    """Show progress on a terminal; the next finding replaces it."""
    if not as_json and sys.stderr.isatty():
        click.echo(f"\r\x1b[2K{text}", nl=False, err=True)


def _show(finding: Finding, *, as_json: bool) -> Finding:
    if as_json:
        return finding
    _progress("", as_json=False)
    mark = f"{finding.status:<8}"
    if sys.stdout.isatty() and not os.environ.get("NO_COLOR"):
        mark = click.style(mark, fg=MARKS[finding.status])
    click.echo(f"{mark}{finding.check}: {finding.said}")
    if finding.status is Status.FAILED:
        if finding.missing:
            click.echo(neutral(f"        missing: {finding.missing}"))
        if finding.command:
            click.echo(neutral(f"        grant it: {finding.command}"))
    return finding


def _sum_up(findings: list[Finding], failed: list[Finding]) -> None:
    skipped = sum(finding.status is Status.SKIPPED for finding in findings)
    rest = f", {skipped} could not be made" if skipped else ""
    if failed:
        click.echo(f"{len(failed)} of {len(findings)} checks found something missing{rest}", err=True)
    else:
        click.echo(f"nothing is missing: {len(findings) - skipped} checks{rest}", err=True)

"""`slipway connect`: set up the notifications that other systems send to this installation."""

import os
from pathlib import Path
from typing import Any

import click

from ..azure_devops import CLOUD, AzureDevOpsAdministration, authorization
from ..console import CliConsole
from ..errors import CliError, Exit
from ..finding import find_app
from ..hook_subscription import (
    ENABLED,
    STATUSES,
    SubscriptionChange,
    SubscriptionPlan,
    WantedSubscription,
    plan_subscription,
)
from ..lazy import Group

SECRET = "SLIPWAY_HOOK_SECRET"  # noqa: S105 - the name of a variable
DONE = {
    SubscriptionChange.CREATE: "created",
    SubscriptionChange.REPAIR: "repaired",
    SubscriptionChange.KEEP: "left as it is",
}
TO_DO = {
    SubscriptionChange.CREATE: "would be created",
    SubscriptionChange.REPAIR: "would be repaired",
    SubscriptionChange.KEEP: "is as it should be",
}


@click.group(cls=Group)
def connect() -> None:
    """Let other systems notify this installation of events."""


@connect.command("azure-devops")
@click.option("--organization", required=True, help="Name of the organization, such as contoso.")
@click.option("--project", required=True, help="Name or id of the project.")
@click.option("--pipeline", default="", help="Only runs of this pipeline; by default all of the project.")
@click.option("--server", default=CLOUD, show_default=True, help="Address of Azure DevOps.")
@click.option("--url", default=None, metavar="URL", help="Address of the app, as for every command.")
@click.option("--send-secret", is_flag=True, help="Rewrite the subscription even if nothing is wrong with it.")
@click.option("--dry-run", is_flag=True, help="Only print what would be done. Exit code 1 if there is something to do.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def azure_devops(
    *,
    organization: str,
    project: str,
    pipeline: str,
    server: str,
    url: str | None,
    send_secret: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Create or repair the service hook that reports completed runs.

    The project needs one subscription for `build.complete` 2.0 with the app's address. The command creates it if it is
    missing, and rewrites it if it is disabled, on probation or configured differently; otherwise it changes nothing, so
    you can safely run it again. Azure DevOps does not give the password back, so after changing the hook's secret use
    --send-secret.

    The hook's secret is read from SLIPWAY_HOOK_SECRET. You sign in with AZURE_DEVOPS_EXT_PAT (a personal access token)
    or, without it, to Entra with your `az login`; you need the permission *Edit subscriptions*.

    \b
    Examples:
      slipway connect azure-devops --organization contoso --project shop --dry-run
      slipway connect azure-devops --organization contoso --project shop --url https://slipway.contoso.com
    """
    above = click.get_current_context().find_root().params
    app = find_app(url=url or above.get("url"), key=above.get("key"), environment=os.environ, folder=Path.cwd())
    service = AzureDevOpsAdministration(organization, server=server, authorization=authorization())
    subscription = WantedSubscription(project_id=service.project_id(project), app_url=app.url, pipeline=pipeline)
    change = plan_subscription(subscription, service.subscriptions(), send_secret=send_secret)
    after = None if dry_run or change.act is SubscriptionChange.KEEP else _carry_out(service, subscription, change)
    summary = _summary(change, subscription, after, dry_run=dry_run)
    if as_json:
        CliConsole().json(summary)
    else:
        _say(summary)
    status = summary["status"]
    if (dry_run and change.act is not SubscriptionChange.KEEP) or (not dry_run and status != ENABLED):
        click.get_current_context().exit(Exit.REFUSED)


def _carry_out(
    service: AzureDevOpsAdministration, wanted: WantedSubscription, change: SubscriptionPlan
) -> dict[str, Any]:
    secret = os.environ.get(SECRET, "")
    if not secret:
        raise CliError(
            f"{SECRET}: expected one of the secrets of SLIPWAY_HOOK_SECRETS (in Azure: the secret slipway-hook-secrets "
            "of the vault), got none. Nothing was changed."
        )
    body = wanted.body(secret.partition(",")[0].strip())
    done = service.create(body) if change.act is SubscriptionChange.CREATE else service.replace(change.id, body)
    return service.subscription(str(done["id"]))


def _summary(
    change: SubscriptionPlan, wanted: WantedSubscription, after: dict[str, Any] | None, *, dry_run: bool
) -> dict[str, Any]:
    return {
        "action": str(change.act),
        "done": after is not None,
        "dry_run": dry_run,
        "subscription": str(after["id"]) if after else change.id or None,
        "status": str(after.get("status", "")) if after else change.status or None,
        "url": wanted.url,
        "pipeline": wanted.pipeline or None,
        "reasons": list(change.reasons),
        "others": list(change.others),
    }


def _say(summary: dict[str, Any]) -> None:
    act = SubscriptionChange(summary["action"])
    name = f"subscription {summary['subscription']}" if summary["subscription"] else "the subscription"
    click.echo(
        f"{name} {(TO_DO if summary['dry_run'] else DONE)[act]}: runs of {summary['pipeline'] or 'every pipeline'}"
    )
    click.echo(f"  leads to {summary['url']}")
    for reason in summary["reasons"]:
        click.echo(f"  {reason}")
    if summary["status"] and (summary["done"] or act is SubscriptionChange.KEEP):
        click.echo(f"  {STATUSES.get(summary['status'], summary['status'])}")
    for other in summary["others"]:
        click.echo(f"  {other} sends there too; one is enough", err=True)

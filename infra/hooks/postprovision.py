"""Runs after the resources exist: it makes secrets for the vault and trust for the front's identity, and ends parts
that were switched off.

A secret that is there is never touched, and only the vault's own word that one is absent counts as absence. Secrets are
written with the rights over the vault, so nobody needs a right to read them. Additions of people to the sign-in stay.
"""

import base64
import hashlib
import json
import os
import secrets
from collections.abc import Callable
from functools import partial
from typing import Any

from cloud import (
    NotFoundError,
    RefusedError,
    arm,
    arm_list,
    exists,
    main,
    request,
    say,
    tenant_of_subscription,
    value_of,
)
from ed25519 import public_key
from registrations import connect_all

STORAGE, VAULT, RIGHTS, IDENTITY = "2023-05-01", "2026-02-01", "2022-04-01", "2023-01-31"
MADE_BY_US = "Slipway: "
"""The beginning of the description of every right that the template gives."""

REMOVABLE = {
    "Microsoft.Logic/workflows": "2019-05-01",
    "Microsoft.Web/connections": "2016-06-01",
    "Microsoft.Communication/communicationServices": "2025-09-01",
    "Microsoft.Communication/emailServices/domains": "2025-09-01",
    "Microsoft.Communication/emailServices": "2025-09-01",
    "Microsoft.Web/sites": "2024-11-01",
    "Microsoft.Web/serverfarms": "2024-11-01",
    "Microsoft.ManagedIdentity/userAssignedIdentities": IDENTITY,
}
"""The resources that are deleted once their option is off, in the order of the template's list. None of them holds a
record: the ledger, registries, clusters and storage accounts are never deleted."""


def group_path() -> str:
    return f"/subscriptions/{value_of('AZURE_SUBSCRIPTION_ID')}/resourceGroups/{value_of('AZURE_RESOURCE_GROUP')}"


def _random_key() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()


def put_secrets() -> None:
    vault = f"{group_path()}/providers/Microsoft.KeyVault/vaults/{value_of('SLIPWAY_VAULT_NAME')}"
    seed = secrets.token_bytes(32)
    # A public key goes first: without its private key it has signed nothing, so that a later run may replace it.
    made: dict[str, Callable[[], str]] = {
        "slipway-public-keys": lambda: _public_keys(seed),
        "slipway-signing-key": lambda: base64.b64encode(seed).decode(),
        "slipway-session-keys": lambda: f"first:{_random_key()}",
        "slipway-hook-secrets": _random_key,
        "slipway-channels": lambda: "{}",
        "slipway-api-keys": lambda: "{}",
    }
    there = {name: _has_secret(vault, name) for name in made}
    there["slipway-public-keys"] = there["slipway-public-keys"] and there["slipway-signing-key"]
    if there["slipway-signing-key"] and not there["slipway-public-keys"]:
        raise RefusedError("The vault has slipway-signing-key and no slipway-public-keys: run `slipway keys rotate`.")
    for name, make in made.items():
        if there[name]:
            say(f"The vault has {name} already")
            continue
        arm("put", f"{vault}/secrets/{name}", VAULT, body={"properties": {"value": make()}})
        say(f"Put {name} into the vault")


def _has_secret(vault: str, name: str) -> bool:
    return exists(partial(arm, "get", f"{vault}/secrets/{name}", VAULT)) is not None


def _public_keys(seed: bytes) -> str:
    """The public key in the form of the app's setting, named by its hash."""
    public = public_key(seed)
    return f"{hashlib.sha256(public).hexdigest()[:16]}:{base64.b64encode(public).decode()}"


def extend_locked_policy() -> None:
    """A locked policy can only be made longer, and by a request of its own."""
    days = int(os.environ.get("SLIPWAY_AUDIT_RETENTION_DAYS") or 0)
    if os.environ.get("SLIPWAY_AUDIT_POLICY_LOCKED") != "true" or not days:
        return
    path = (
        f"/subscriptions/{value_of('AZURE_SUBSCRIPTION_ID')}/resourceGroups/{value_of('SLIPWAY_LEDGER_GROUP')}/providers"
        f"/Microsoft.Storage/storageAccounts/{value_of('SLIPWAY_LEDGER_STORAGE')}"
        "/blobServices/default/containers/audit/immutabilityPolicies/default"
    )
    policy = arm("get", path, STORAGE)
    kept = policy["properties"]["immutabilityPeriodSinceCreationInDays"]
    if kept >= days:
        return
    request(
        "post",
        f"https://management.azure.com{path}/extend",
        query={"api-version": STORAGE},
        headers=[f"If-Match={policy['etag']}", "Content-Type=application/json"],
        body={"properties": {"immutabilityPeriodSinceCreationInDays": days}},
    )
    say(f"The audit container keeps its blobs for {days} days now, instead of {kept}")


def take_rights_back() -> None:
    """Rights that the template gave once and gives no longer. Those that people gave are theirs, and are only named."""
    given = set(json.loads(value_of("SLIPWAY_RIGHTS")))
    principals = _principals()
    subscription = f"/subscriptions/{value_of('AZURE_SUBSCRIPTION_ID')}"
    rights = "/providers/Microsoft.Authorization/roleAssignments"
    listed: list[dict[str, Any]] = [
        right for right in arm_list(group_path() + rights, RIGHTS) if _is_below(right, group_path())
    ]
    for principal in principals:
        identity = {"$filter": f"principalId eq '{principal}'"}
        listed += arm_list(subscription + rights, RIGHTS, query=identity)
    for right in {right["id"]: right for right in listed}.values():
        if right["name"] in given:
            continue
        about = right["properties"].get("description") or ""
        if about.startswith(MADE_BY_US):
            arm("delete", right["id"], RIGHTS)
            say(f"Took back on {right['properties']['scope']}: {about.removeprefix(MADE_BY_US)}")
        elif right["properties"]["principalId"] in principals:
            say(f"Not given by the template, and left alone: {right['id']}")


def _principals() -> list[str]:
    """The roles' identities, and those about to be removed: their rights in other groups would outlive them."""
    found = [value_of("SLIPWAY_IDENTITY_PRINCIPAL_ID"), value_of("SLIPWAY_WORKER_PRINCIPAL_ID")]
    for resource in json.loads(value_of("SLIPWAY_SWITCHED_OFF")):
        if _kind(resource) == "Microsoft.ManagedIdentity/userAssignedIdentities":
            identity = exists(partial(arm, "get", resource, IDENTITY))
            found += [identity["properties"]["principalId"]] if identity else []
    return list(dict.fromkeys(found))


def _is_below(right: dict[str, Any], group: str) -> bool:
    """A list of rights holds those of the scopes above as well."""
    return str(right["properties"]["scope"]).lower().startswith(f"{group}/".lower())


def remove_switched_off() -> None:
    for resource in json.loads(value_of("SLIPWAY_SWITCHED_OFF")):
        version = REMOVABLE[_kind(resource)]
        if exists(partial(arm, "get", resource, version)) is None:
            continue
        try:
            arm("delete", resource, version)
        except NotFoundError:
            continue  # a plan goes with its last app
        say(f"Removed {resource}, whose option is off")


def _kind(resource: str) -> str:
    parts = resource.rpartition("/providers/")[2].split("/")
    return "/".join([parts[0], *parts[1::2]])


def read_secrets_again() -> None:
    """The platform looks secrets up at once, not within a day."""
    for name in dict.fromkeys((value_of("SLIPWAY_APP_NAME"), value_of("SLIPWAY_WORKER_NAME"))):
        site = f"{group_path()}/providers/Microsoft.Web/sites/{name}"
        arm("post", f"{site}/config/configreferences/appsettings/refresh", "2022-03-01")


def steps() -> None:
    tenant = tenant_of_subscription()
    put_secrets()
    connect_all(tenant)
    extend_locked_policy()
    take_rights_back()
    remove_switched_off()
    read_secrets_again()


if __name__ == "__main__":
    main(steps)

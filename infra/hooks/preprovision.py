"""Runs before any resource is made: it checks azd's settings, and makes both Entra registrations (registrations.py)."""

import json
import os
import re
from collections.abc import Iterator, Mapping

from cloud import RefusedError, arm, arm_list, exists, main, remember, tenant_of_subscription, value_of
from registrations import make_all

_GUID = r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_GUIDS = rf"{_GUID}(\s*,\s*{_GUID})*"
_NUMBER = (r"\d+", "a whole number")
_SWITCH = (r"true|false", "true or false")
CHECKS: dict[str, tuple[str, str]] = {
    "AZURE_ENV_NAME": (
        r"[a-z][a-z0-9-]{0,30}[a-z0-9]",
        "2 to 32 lower-case letters, digits and hyphens, of which the first is a letter and the last no hyphen: it "
        "becomes part of names that Azure takes no others for (`azd env new NAME` makes another environment)",
    ),
    "AZURE_LOCATION": (r"[a-z0-9]+", "a region's short name, such as westeurope"),
    "SLIPWAY_TIER": ("standard|trial", "standard or trial"),
    "SLIPWAY_NETWORK_BLOCK": (
        r"10\.(?!0$|244$)(\d|[1-9]\d|1\d\d|2[0-4]\d|25[0-5])|172\.(1[6-9]|2\d|3[01])|192\.168",
        "the first two numbers of a private range, and not 10.0 or 10.244, which the clusters use inside",
    ),
    "SLIPWAY_CUSTOM_URL": (
        r"https://[^/\s]+",
        "an address like https://slipway.example.com, without a slash at its end",
    ),
    "SLIPWAY_PIPELINE_PRINCIPAL_ID": (_GUID, "the object id of a service principal"),
    "SLIPWAY_APPROVAL_SENDERS": (_GUIDS, "object ids of service principals, separated by commas"),
    "SLIPWAY_CLUSTER_ADMIN_GROUPS": (_GUIDS, "object ids of groups, separated by commas"),
    **dict.fromkeys(
        (
            *("SLIPWAY_STAGING_NODES", "SLIPWAY_PRODUCTION_NODES", "SLIPWAY_LOG_RETENTION_DAYS"),
            *("SLIPWAY_AUDIT_RETENTION_DAYS", "SLIPWAY_INSTANCE_MEMORY", "SLIPWAY_MAXIMUM_INSTANCES"),
        ),
        _NUMBER,
    ),
    **dict.fromkeys(
        (
            *("SLIPWAY_MANAGED_PROMETHEUS", "SLIPWAY_PRIVATE_NETWORKING", "SLIPWAY_PROMOTION_BY_IMPORT"),
            *("SLIPWAY_EMAIL", "SLIPWAY_TEAMS_FLOW", "SLIPWAY_AUDIT_POLICY_LOCKED", "SLIPWAY_RECOVER_VAULT"),
            *("SLIPWAY_LOCK_LEDGER", "SLIPWAY_SPLIT", "SLIPWAY_EVENT_GRID_FUNCTION"),
        ),
        _SWITCH,
    ),
}
"""The pattern of a variable, if it is set. azd silently takes an invalid number for the default."""

TOGETHER = {
    "SLIPWAY_EXISTING_STAGING_CLUSTER": "SLIPWAY_EXISTING_STAGING_GROUP",
    "SLIPWAY_EXISTING_PRODUCTION_CLUSTER": "SLIPWAY_EXISTING_PRODUCTION_GROUP",
    "SLIPWAY_EXISTING_LEDGER": "SLIPWAY_EXISTING_LEDGER_GROUP",
}
"""Resources that are named only together with their resource group."""

STORAGE, VAULT = "2023-05-01", "2026-02-01"


def faults(environment: Mapping[str, str]) -> Iterator[str]:
    """Everything about the environment that cannot work, each as a sentence."""
    for name, (pattern, wanted) in CHECKS.items():
        value = environment.get(name, "")
        if value and not re.fullmatch(pattern, value):
            yield f"{name} is {value!r}: expected {wanted}."
    for name, group in TOGETHER.items():
        if environment.get(name) and not environment.get(group):
            yield f"{name} is set: set {group} as well."
    extra = environment.get("SLIPWAY_EXTRA_SETTINGS", "")
    if extra and not _is_object_of(str, extra):
        yield 'SLIPWAY_EXTRA_SETTINGS is not a JSON object of texts, such as {"SLIPWAY_TRACE_SHARE": "0.5"}.'
    ready = environment.get("SLIPWAY_ALWAYS_READY", "")
    if ready and not _is_object_of(int, ready):
        yield 'SLIPWAY_ALWAYS_READY is not a JSON object of whole numbers, such as {"http": 1, "take_hint": 1}.'


def _is_object_of(kind: type, value: str) -> bool:
    try:
        found = json.loads(value)
    except ValueError:
        return False
    return isinstance(found, dict) and all(type(item) is kind for item in found.values())


def look_at_environment() -> None:
    found = list(faults(os.environ))
    if found:
        raise RefusedError("\n".join(found))


def note_locked_policy() -> None:
    """A locked policy of the audit container can be extended and nothing else: the template then leaves it alone."""
    account, group = os.environ.get("SLIPWAY_LEDGER_STORAGE"), os.environ.get("SLIPWAY_LEDGER_GROUP")
    if not account or not group:
        return
    path = (
        f"/subscriptions/{value_of('AZURE_SUBSCRIPTION_ID')}/resourceGroups/{group}/providers/Microsoft.Storage"
        f"/storageAccounts/{account}/blobServices/default/containers/audit/immutabilityPolicies/default"
    )
    policy = exists(lambda: arm("get", path, STORAGE))
    locked = policy is not None and policy["properties"].get("state") == "Locked"
    _remember_switch("SLIPWAY_AUDIT_POLICY_LOCKED", on=locked)


def note_deleted_vault() -> None:
    """`azd down` leaves the vault deleted but kept. It is recovered, with the keys of links that are still open."""
    group = f"/resourcegroups/rg-slipway-{value_of('AZURE_ENV_NAME')}/"
    path = f"/subscriptions/{value_of('AZURE_SUBSCRIPTION_ID')}/providers/Microsoft.KeyVault/deletedVaults"
    deleted = [
        vault
        for vault in arm_list(path, VAULT)
        if group in vault["properties"]["vaultId"].lower()
        and vault["properties"]["location"].replace(" ", "").lower() == value_of("AZURE_LOCATION")
    ]
    _remember_switch("SLIPWAY_RECOVER_VAULT", on=bool(deleted))


def _remember_switch(name: str, *, on: bool) -> None:
    if on != (os.environ.get(name) == "true"):
        remember(name, "true" if on else "false")


def steps() -> None:
    look_at_environment()
    tenant_of_subscription()
    note_locked_policy()
    note_deleted_vault()
    make_all()


if __name__ == "__main__":
    main(steps)

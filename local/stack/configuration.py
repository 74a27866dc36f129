"""Configures each part of the stack: the doubles' files and the app's settings."""

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from slipway.bootstrap.roles import AppRole, foreign_to
from slipway.bootstrap.settings_names import variable
from slipway.cli.keyfile import public_file
from slipway.domain.queues import Queue
from slipway.domain.rights import Party

from ..azuredevops.seeding import PROJECT_ID
from ..identity import SIGN_IN, VOTES, Identity
from ..kubernetes.azure import writer
from ..servicebus.server import key_connection
from . import azurite
from .grants import queue_rules, storage_tokens
from .places import APP
from .secrets import Secrets

QUEUES = tuple(Queue)
HOST_ACCOUNT = "hostworker"
DEVELOPER = "developer"
"""The user with the rights of the role `edit` in the namespaces of staging."""
TOPIC = (
    "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/slipway-local"
    "/providers/Microsoft.ContainerRegistry/registries/"
)


def service_bus(secrets: Secrets, *, lock_seconds: int) -> dict[str, Any]:
    return {
        "queues": [
            {
                "name": queue,
                "lock_seconds": lock_seconds,
                "requires_session": queue.sessions,
                "max_delivery_count": 10,
                "duplicate_detection_seconds": 600 if queue.one_sender else None,
                "dead_letter_on_expiration": True,
                "rules": queue_rules(queue, bus_keys(secrets)),
            }
            for queue in QUEUES
        ],
        "key_name": "local",
        "key": secrets.bus_key,
    }


def bus_keys(secrets: Secrets) -> dict[Party, str]:
    """Each role's key at the bus."""
    return {Party.FRONT: secrets.front_bus_key, Party.WORKER: secrets.worker_bus_key}


def settings_of_role(
    values: dict[str, str], role: AppRole, secrets: Secrets, *, storage: str, bus: str, real_bus: bool
) -> dict[str, str]:
    """The settings of the whole app, reduced to those of one role with only that role's rights. A real namespace has no
    key of ours for each role, so both roles use its connection string."""
    party = Party(role)
    foreign = {variable(field) for field in foreign_to(role)}
    endpoints = dict(part.split("=", 1) for part in storage.split(";") if part)
    shared = {name: value for name, value in values.items() if name not in foreign | _OF_THE_WHOLE}
    return {
        **shared,
        "SLIPWAY_ROLE": str(role),
        "ServiceBus": bus if real_bus else key_connection(_address(bus), str(party), bus_keys(secrets)[party]),
        "SLIPWAY_TABLE_ENDPOINT": endpoints["TableEndpoint"],
        "SLIPWAY_BLOB_ENDPOINT": endpoints["BlobEndpoint"],
        "SLIPWAY_STORAGE_SAS": json.dumps(storage_tokens(party)),
        **({"AzureWebJobsStorage": host_storage(secrets, storage)} if role.works else {}),
    }


def host_accounts(secrets: Secrets) -> dict[str, str]:
    """The storage accounts of the roles' hosts, with their keys. The front's host has no timer that would need one."""
    return {HOST_ACCOUNT: base64.b64encode(secrets.host_storage_key.encode()).decode()}


def host_storage(secrets: Secrets, storage: str) -> str:
    """The connection of the worker's host to its account, which gives no access to the ledger."""
    return azurite.connection_of_account(storage, HOST_ACCOUNT, host_accounts(secrets)[HOST_ACCOUNT])


def _address(connection: str) -> str:
    """Host and port in a bus's connection string."""
    return urlsplit(connection.split(";", maxsplit=1)[0].removeprefix("Endpoint=")).netloc


_OF_THE_WHOLE = frozenset({"AzureWebJobsStorage", "ServiceBus", "SLIPWAY_STORAGE_CONNECTION"})
"""Settings that give every right of the whole app."""


def registry(name: str, secrets: Secrets) -> dict[str, Any]:
    """The registry's settings: CI pushes to the non-production one; to the production one, only the app may write."""
    kubelet = {"name": "kubelet", "password": secrets.kubelet_password, "allow": {"*": "pull"}}
    app_actions = "pull" if name == "nonprod" else "pull,push"
    app = {
        "name": "slipway",
        "entra_token": secrets.registry_token,
        "allow": {"*": f"{app_actions},metadata_read,metadata_write"},
        "catalog": True,
    }
    ci = {"name": "ci", "password": secrets.ci_password, "allow": {"*": "pull,push"}}
    return {
        "principals": [kubelet, app, *([ci] if name == "nonprod" else [])],
        "events": {"topic": TOPIC + name, "time_scale": 0.05},
    }


def kubernetes(name: str, login_servers: list[str], secrets: Secrets, namespaces: list[str]) -> dict[str, Any]:
    is_staging = name == "staging"
    token = secrets.staging_token if is_staging else secrets.production_token
    return {
        "namespaces": namespaces,
        "tokens": [
            {
                **{"token": token, "user": APP, "namespaces": namespaces},
                "rules": [rule.model_dump(mode="json") for rule in writer()],
            },
            {"token": secrets.cluster_token, "user": "platform"},
            *([{"token": secrets.developer_token, "user": DEVELOPER, "namespaces": namespaces}] if is_staging else []),
        ],
        "registries": [
            {"login_server": server, "username": "kubelet", "password": secrets.kubelet_password}
            for server in login_servers
        ],
    }


def azure_devops(identity: Identity) -> dict[str, Any]:
    """The organization's members: everybody who signs in, and the identity that asks about runs, which is the worker's,
    or the front's for an app that is both."""
    people = [{"name": person.name, "mail": person.mail, "oid": person.oid} for person in identity.settings.people]
    readers = [{"name": name, "oid": identity.settings.identity(name).principal_id} for name in ("worker", "front")]
    return {
        "organization": "contoso",
        "projects": {"shop": PROJECT_ID},
        "tenant": identity.settings.tenant,
        "keys_url": identity.keys_url,
        "people": people,
        "readers": readers,
    }


def app_settings(
    *,
    secrets: Secrets,
    storage: str,
    bus: str,
    registries: dict[str, str],
    clusters: dict[str, dict[str, Any]],
    azure_devops: Mapping[str, str],
    inbox: str,
    public_url: str,
    signing_keys: str,
    traces: str = "",
    identity: dict[str, str],
) -> dict[str, str]:
    """The app's settings, in the form of `local.settings.json`."""
    return {
        "FUNCTIONS_WORKER_RUNTIME": "python",
        "PYTHON_THREADPOOL_THREAD_COUNT": "32",
        "AzureWebJobsStorage": storage,
        "AzureWebJobsDisableHomepage": "true",
        "ServiceBus": bus,
        "SLIPWAY_PUBLIC_URL": public_url,
        "SLIPWAY_STORAGE_CONNECTION": storage,
        "SLIPWAY_REGISTRIES": json.dumps(
            {
                name: {
                    "login_server": server,
                    "resource_id": TOPIC + name,
                    "credential": "token",
                    "secret": secrets.registry_token,
                }
                for name, server in registries.items()
            }
        ),
        "SLIPWAY_CLUSTERS": json.dumps(clusters),
        "SLIPWAY_CHANNELS": json.dumps({"inbox": {"kind": "webhook", "url": inbox, "secret": secrets.inbox_secret}}),
        "SLIPWAY_SIGNING_KEYS": f"@file:{signing_keys}",
        "SLIPWAY_PUBLIC_KEYS": f"@file:{public_file(Path(signing_keys))}",
        "SLIPWAY_HOOK_SECRETS": secrets.hook_secret,
        "SLIPWAY_ORGANIZATIONS": "contoso",
        "SLIPWAY_AZURE_DEVOPS": azure_devops["url"],
        "SLIPWAY_AZURE_DEVOPS_PEOPLE": azure_devops["people_url"],
        "SLIPWAY_SESSION_KEYS": f"local:{base64.b64encode(secrets.session_key.encode()).decode()}",
        "SLIPWAY_EVENT_GRID_FUNCTION": "true",  # the local registry calls it, because it cannot send to a bus
        **(telemetry(traces) if traces else {}),
        **identity,
    }


def sign_in(identity: Identity) -> dict[str, str]:
    """The settings of the identity provider, as the deployment in Azure writes them."""
    return {
        "SLIPWAY_TENANT_ID": identity.settings.tenant,
        "SLIPWAY_ISSUER": identity.issuer,
        "SLIPWAY_SIGN_IN_CLIENT_ID": identity.settings.registration(SIGN_IN).client_id,
        "SLIPWAY_VOTES_CLIENT_ID": identity.settings.registration(VOTES).client_id,
    }


def telemetry(receiver: str) -> dict[str, str]:
    """Short intervals, so that one can watch; the worker ends without waiting for unsent data."""
    return {
        "OTEL_EXPORTER_OTLP_ENDPOINT": receiver,
        "PYTHON_ENABLE_OPENTELEMETRY": "true",
        "OTEL_BSP_SCHEDULE_DELAY": "500",
        "OTEL_BLRP_SCHEDULE_DELAY": "500",
        "OTEL_METRIC_EXPORT_INTERVAL": "2000",
    }


def host_keys(secrets: Secrets) -> dict[str, Any]:
    return {
        "master": secrets.master_key,
        "functionKeys": {"default": secrets.function_key},
        "systemKeys": {"eventgrid_extension": secrets.event_grid_key},
        "functions": {},
    }

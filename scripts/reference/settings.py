"""The page docs/reference/settings.md, from the settings: `python -m scripts.reference.settings`."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, SecretBytes, SecretStr
from pydantic.fields import FieldInfo

from slipway.bootstrap.settings import Settings
from slipway.bootstrap.settings_channels import KINDS
from slipway.bootstrap.settings_names import variable
from slipway.bootstrap.settings_services import ApiKeySettings, ClusterSettings, RegistrySettings

START = """# App settings

Every setting of the function app. A wrong or missing one stops the app at its start, with a message that names it; so
does a Key Vault reference that could not be resolved, and a `SLIPWAY_…` variable whose name is nearly one of these.
Secrets (marked 🔒) belong in Key Vault: `@Microsoft.KeyVault(SecretUri=https://…)`.

This page is made from `slipway/bootstrap/settings.py` by `make docs`.

| Setting | Needed | Meaning |
|---|---|---|
"""
PARTS: dict[type[BaseModel], str] = {
    RegistrySettings: """
## SLIPWAY_REGISTRIES

A JSON object: a registry for each name.

```json
{"nonprod": {"login_server": "contosodev.azurecr.io", "resource_id": "/subscriptions/…/registries/contosodev"},
 "prod": {"login_server": "contoso.azurecr.io", "resource_id": "/subscriptions/…/registries/contoso"}}
```

| Field | Needed | Meaning |
|---|---|---|
""",
    ClusterSettings: """
## SLIPWAY_CLUSTERS

A JSON object: a cluster for each name.

```json
{"staging": {"server": "https://staging-x1y2.hcp.westeurope.azmk8s.io", "ca_data": "LS0tLS1CRUdJTi…"}}
```

| Field | Needed | Meaning |
|---|---|---|
""",
    ApiKeySettings: """
## SLIPWAY_API_KEYS

A JSON object: a key for each name. [A key reads, and does nothing else](roles.md).

```json
{"auditors": {"sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"}}
```

| Field | Needed | Meaning |
|---|---|---|
""",
}
CHANNELS = """
## SLIPWAY_CHANNELS

A JSON object: a channel for each name. Its `kind` says which fields it has.

```json
{"approvers": {"kind": "acs-email", "endpoint": "https://contoso.europe.communication.azure.com",
               "sender": "slipway@contoso.com"},
 "team-shop": {"kind": "teams", "url": "https://….environment.api.powerplatform.com/…"},
 "chat-bot": {"kind": "webhook", "url": "https://…", "secret": "…"}}
```
"""
TABLE = """| Field | Needed | Meaning |
|---|---|---|
"""
END = """
## Settings of the platform

| Setting | Meaning |
|---|---|
| `AzureWebJobsStorage`, or `AzureWebJobsStorage__accountName` | Storage of the Functions host: locks of timers, keys. |
| `AzureWebJobsDisableHomepage` | `true`: the host shows no page of its own at `/`. |
| `APPLICATIONINSIGHTS_CONNECTION_STRING` | Where telemetry goes. |
| `PYTHON_THREADPOOL_THREAD_COUNT` | How many messages and requests one instance works on at a time. |
"""


def page() -> str:
    tables = [START, *_rows(Settings, variable)]
    for part, heading in PARTS.items():
        tables += [heading, *_rows(part, str)]
    tables.append(CHANNELS)
    for kind, channel in KINDS.items():
        tables += [f"\n### `{kind}`\n\n", _introduction(channel), TABLE, *_rows(channel, str)]
    return "".join([*tables, END])


def _introduction(channel: type[BaseModel]) -> str:
    """The purpose of a kind of channel, and the page with more about it."""
    description = " ".join((channel.__doc__ or "").split())
    return " ".join(filter(None, [description, getattr(channel, "more", "")])) + "\n\n"


def _rows(model: type[BaseModel], name_of: Any) -> Iterator[str]:
    for name, field in model.model_fields.items():
        mark = " 🔒" if _is_secret(field.annotation) else ""
        meaning = (field.description or "").replace("|", "\\|")
        yield f"| `{name_of(name)}`{mark} | {_needed_cell(field)} | {meaning} |\n"


def _needed_cell(field: FieldInfo) -> str:
    if field.is_required():
        return "yes"
    default = field.default
    if isinstance(default, SecretStr) or default in ("", None, [], {}, ()):
        return "no"
    return f"no: `{default.as_posix() if isinstance(default, Path) else default}`"


def _is_secret(kind: Any) -> bool:
    """Whether the value itself is one; what is inside an object has marks of its own."""
    if isinstance(kind, type) and issubclass(kind, SecretStr | SecretBytes):
        return True
    return any(_is_secret(inner) for inner in get_args(kind))


if __name__ == "__main__":
    sys.stdout.write(page())

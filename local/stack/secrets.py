"""The stack's own secrets: random for each stack, stored in its folder, readable only by the owner."""

import json
import os
import secrets
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel, ValidationError

from slipway.cli.keyfile import SigningKeysFile
from slipway.ed25519 import KEY_BYTES

from ..process import PartFailed


class Secrets(BaseModel):
    """The secrets with which the parts authenticate to each other."""

    ci_password: str
    kubelet_password: str
    registry_token: str
    """Stands for the app's Entra token at the registries."""
    staging_token: str
    production_token: str
    cluster_token: str
    """The token of the platform team, which creates namespaces in both clusters."""
    developer_token: str
    """The token of a developer with the rights of the role `edit` in the namespaces of staging."""
    hook_secret: str
    inbox_secret: str
    bus_key: str
    host_storage_key: str
    """Key of the storage account in which the worker's host keeps the locks of its timers."""
    session_key: str
    front_bus_key: str
    worker_bus_key: str
    function_key: str
    event_grid_key: str
    master_key: str


def load_or_make(file: Path) -> Secrets:
    """The secrets in the file, generated if there is none. Raises `PartFailed`."""
    if file.exists():
        try:
            return Secrets.model_validate_json(file.read_bytes())
        except ValidationError:  # its text would contain secrets
            raise PartFailed(
                f"{file.parent} was written by another version of this repository: begin afresh with `make up FRESH=1`"
            ) from None
    new_secrets = Secrets(**{name: secrets.token_urlsafe(24) for name in Secrets.model_fields})
    file.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as target:
        json.dump(new_secrets.model_dump(), target)
    return new_secrets


def signing_keys(file: Path) -> Path:
    """The file with the signing keys, as `slipway keys rotate` writes it; created if there is none."""
    if not file.exists():
        SigningKeysFile(file).rotate(secrets.token_bytes(KEY_BYTES), (), now=datetime.now(UTC))
    return file

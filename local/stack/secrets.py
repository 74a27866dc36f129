"""The stack's own secrets: made at random for each stack, kept in its folder, readable by the owner only."""

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
    """Everything that one part proves to another with."""

    ci_password: str
    kubelet_password: str
    registry_token: str
    """Stands for the app's Entra token at the registries."""
    staging_token: str
    production_token: str
    cluster_token: str
    """The token of the platform's people, who create namespaces in both clusters."""
    developer_token: str
    """The token of a developer, who has the rights of the role `edit` in the namespaces of staging."""
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
    """The secrets in the file; made when there is none. Raises `PartFailed`."""
    if file.exists():
        try:
            return Secrets.model_validate_json(file.read_bytes())
        except ValidationError:  # which would show what it read
            raise PartFailed(
                f"{file.parent} was kept by another version of this repository: begin afresh with `make up FRESH=1`"
            ) from None
    made = Secrets(**{name: secrets.token_urlsafe(24) for name in Secrets.model_fields})
    file.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as target:
        json.dump(made.model_dump(), target)
    return made


def signing_keys(file: Path) -> Path:
    """The file with the signing keys, as `slipway keys rotate` writes it; made when there is none."""
    if not file.exists():
        SigningKeysFile(file).rotate(secrets.token_bytes(KEY_BYTES), (), now=datetime.now(UTC))
    return file

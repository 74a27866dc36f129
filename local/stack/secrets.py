"""The stack's own secrets: made at random for each stack, kept in its folder, readable by the owner only."""

import base64
import json
import os
import secrets
from pathlib import Path

from pydantic import BaseModel


class Secrets(BaseModel):
    """Everything that one part proves to another with."""

    ci_password: str
    kubelet_password: str
    registry_token: str
    """Stands for the app's Entra token at the registries."""
    staging_token: str
    production_token: str
    hook_secret: str
    signing_key: str
    inbox_secret: str
    bus_key: str
    function_key: str
    event_grid_key: str
    master_key: str


def load_or_make(file: Path) -> Secrets:
    """The secrets in the file; made when there is none."""
    if file.exists():
        return Secrets.model_validate_json(file.read_bytes())
    made = Secrets(**{name: _random(name) for name in Secrets.model_fields})
    file.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as target:
        json.dump(made.model_dump(), target)
    return made


def _random(name: str) -> str:
    if name == "signing_key":
        return base64.b64encode(secrets.token_bytes(32)).decode()
    return secrets.token_urlsafe(24)

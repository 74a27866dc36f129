"""A kubeconfig for the double, for kubectl and for Slipway's own setting."""

import os
from pathlib import Path

import yaml

from .settings import Token


def kubeconfig(url: str, token: Token | None = None, *, namespace: str = "default") -> str:
    """The file's text. client-go sends no token over plain HTTP: with tokens, kubectl needs a proxy with TLS."""
    user = {"token": token.token} if token else {}
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "local",
        "clusters": [{"name": "local", "cluster": {"server": url}}],
        "users": [{"name": token.user if token else "anybody", "user": user}],
        "contexts": [
            {
                "name": "local",
                "context": {"cluster": "local", "user": token.user if token else "anybody", "namespace": namespace},
            }
        ],
    }
    return yaml.safe_dump(document, sort_keys=False)


def write_kubeconfig(path: Path, text: str) -> None:
    """Write a file that only this user can read, since it may hold a token."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)

"""Azurite: Azure's own emulator of Table and Blob Storage, installed by npm from a lock file."""

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from ..node import node
from ..process import ROOT, Part, PartFailed, free_port

FOLDER = ROOT / "local" / "azurite"
MAIN = FOLDER / "node_modules" / "azurite" / "dist" / "src" / "azurite.js"
NAME = "Azurite"
ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""The account key that the emulator's documentation publishes; it protects nothing."""
ATTEMPTS = 3
HEAP = 12_288
"""MiB of memory that it may use if its data is in memory only."""


def start(folder: Path | None, *, log: Path, more_accounts: Mapping[str, str] | None = None) -> tuple[Part, str]:
    """Start Azurite with its data in the folder, or in memory only; returns it and its connection string.
    `more_accounts` are further accounts with their keys."""
    accounts = {ACCOUNT: KEY, **(more_accounts or {})}
    environment = {"AZURITE_ACCOUNTS": ";".join(f"{name}:{key}" for name, key in accounts.items())}
    if not MAIN.exists():
        raise PartFailed(f"Azurite is not installed: run `make install` (npm ci in {FOLDER.relative_to(ROOT)})")
    for attempt in range(ATTEMPTS):
        ports = {name: free_port() for name in ("blob", "queue", "table")}
        command = [
            node(),
            *([] if folder else [f"--max-old-space-size={HEAP}"]),
            str(MAIN),
            "--silent",
            "--skipApiVersionCheck",
            "--disableTelemetry",
            *(["--location", str(folder)] if folder else ["--inMemoryPersistence"]),
        ]
        for name, port in ports.items():
            command += [f"--{name}Host", "127.0.0.1", f"--{name}Port", str(port)]
        part = Part(NAME, command, log=log, reports_ready=False, environment=environment)
        try:
            for name in ("blob", "table"):
                part.wait_for_port(ports[name])
        except PartFailed:
            part.stop()
            if attempt == ATTEMPTS - 1:
                raise
        else:
            return part, connection_string(ports["blob"], ports["table"])
    raise AssertionError("unreachable")


def connection_of_account(connection: str, account: str, key: str) -> str:
    """The connection string of another account of the same Azurite."""
    return connection.replace(KEY, key).replace(ACCOUNT, account)


def connection_string(blob_port: int, table_port: int) -> str:
    return (
        f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={KEY};"
        f"BlobEndpoint=http://127.0.0.1:{blob_port}/{ACCOUNT};TableEndpoint=http://127.0.0.1:{table_port}/{ACCOUNT};"
    )


def ports(connection: str) -> list[int]:
    """The ports of the account's tables and blobs."""
    endpoints = (part.partition("=") for part in connection.split(";") if part)
    return [urlsplit(value).port or 0 for name, _, value in endpoints if name.endswith("Endpoint")]

"""An honest double of Key Vault's secrets (REST API 2025-07-01 and its neighbours), for the unmodified SDK.

A client's first request carries no token and is answered with a challenge that names where to get one. Each PUT makes
a version with an id of 32 hexadecimal digits; lists are paged, carry no values and are in no meaningful order; a
disabled version still shows its properties, but not its value.
"""

import json
import uuid
from dataclasses import dataclass, field
from typing import Any

from tests.https import Reply, Request

TOKEN = "token-for-the-vault"
PAGE = 2


@dataclass
class Version:
    value: str
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    created: int = 0
    attributes: dict[str, Any] = field(default_factory=lambda: {"enabled": True})


@dataclass
class KeyVault:
    """One vault. Every request gets `status` unless that is 200; `refused_methods` are forbidden to the caller."""

    status: int = 200
    refused_methods: tuple[str, ...] = ()
    secrets: dict[str, list[Version]] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    now: int = 1_795_000_000

    def put(self, name: str, value: str, **attributes: Any) -> Version:
        self.now += 60
        version = Version(value=value, created=self.now, attributes={"enabled": True, **attributes})
        self.secrets.setdefault(name, []).append(version)
        return version

    def respond(self, request: Request) -> Reply:
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            challenge = (
                'Bearer authorization="https://login.microsoftonline.com/00000000-0000-0000-0000-000000000001", '
                'resource="https://vault.azure.net"'
            )
            return _json(401, _error("Unauthorized"), {"WWW-Authenticate": challenge})
        self.requests.append(request)
        if self.status != 200:
            return _json(self.status, _error("Refused"))
        if request.method in self.refused_methods:
            return _json(403, _error("Forbidden"))
        if not request.query.get("api-version"):
            return _json(400, _error("BadParameter"))
        return self._secret(request, *request.path.strip("/").split("/")[1:])

    def _secret(self, request: Request, name: str, version: str = "") -> Reply:
        base = f"https://{request.headers['host']}/secrets/{name}"
        versions = self.secrets.get(name, [])
        if request.method == "PUT" and not version:
            secret = json.loads(request.body)
            created = self.put(name, secret["value"], **secret.get("attributes", {}))
            return _json(200, _bundle(base, created, value=True))
        if version == "versions":
            return self._page(request, base, sorted(versions, key=lambda stored: stored.id))
        match = (
            next((match for match in versions if match.id == version), None)
            if version
            else next(iter(versions[-1:]), None)
        )
        if match is None:
            return _json(404, _error("SecretNotFound"))
        if request.method == "PATCH":
            match.attributes |= json.loads(request.body).get("attributes", {})
            return _json(200, _bundle(base, match, value=False))
        if not match.attributes["enabled"]:
            return _json(403, _error("Forbidden"))
        return _json(200, _bundle(base, match, value=True))

    def _page(self, request: Request, base: str, versions: list[Version]) -> Reply:
        start = int(request.query.get("$skiptoken", "0"))
        more = start + PAGE < len(versions)
        link = f"{base}/versions?api-version={request.query['api-version']}&$skiptoken={start + PAGE}" if more else None
        bundles = [_bundle(base, version, value=False) for version in versions[start : start + PAGE]]
        return _json(200, {"value": bundles, "nextLink": link})


def _bundle(base: str, version: Version, *, value: bool) -> dict[str, Any]:
    attributes = {"created": version.created, "updated": version.created, **version.attributes}
    bundle: dict[str, Any] = {"id": f"{base}/{version.id}", "attributes": attributes}
    return bundle | ({"value": version.value} if value else {})


def _json(status: int, content: Any, headers: dict[str, str] | None = None) -> Reply:
    body = json.dumps(content).encode()
    return Reply(status=status, body=body, headers={"Content-Type": "application/json", **(headers or {})})


def _error(code: str) -> dict[str, Any]:
    return {"error": {"code": code, "message": "from the double"}}

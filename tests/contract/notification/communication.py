"""An honest double of the e-mail part of the Communication Services REST API (2025-09-01), for the unmodified SDK.

Sending is a long-running operation: 202 with `Operation-Location` and `retry-after`, then GET until it has ended. A
repeated `Operation-Id` returns the earlier operation, and nothing is sent again. Unknown fields are refused, as are
calls without a bearer token or with another API version.
"""

import json
import uuid
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from tests.https import Reply, Request

VERSION = "2025-09-01"
TOKEN = "token-of-the-app"
_FIELDS = {
    "headers",
    "senderAddress",
    "content",
    "recipients",
    "attachments",
    "replyTo",
    "userEngagementTrackingDisabled",
}
_OPERATIONS = "/emails/operations/"


@dataclass
class Communication:
    """One resource. Every send gets `status` unless that is 202."""

    status: int = 202
    mails: dict[str, dict[str, Any]] = field(default_factory=dict)
    """The mails that were sent, by operation id."""
    requests: list[Request] = field(default_factory=list)

    def respond(self, request: Request) -> Reply:
        self.requests.append(request)
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return _error(401, "Denied", "the token is missing or wrong")
        if request.query.get("api-version") != VERSION:
            return _error(400, "UnsupportedApiVersion", f"expected {VERSION}")
        if request.method == "POST" and request.path == "/emails:send":
            return self._send(request)
        if request.method == "GET" and request.path.startswith(_OPERATIONS):
            id = request.path.removeprefix(_OPERATIONS)
            return _json(200, {"id": id, "status": "Succeeded"}) if id in self.mails else _error(404, "NotFound", id)
        return _error(404, "NotFound", request.path)

    def _send(self, request: Request) -> Reply:
        if self.status != 202:
            return _error(self.status, "Refused", "as the test asked", headers={"Retry-After": "30"})
        try:
            id = str(uuid.UUID(request.headers.get("operation-id") or str(uuid.uuid4())))
        except ValueError:
            return _error(400, "InvalidOperationId", "expected a UUID")
        mail = json.loads(request.body)
        if refusal := _refusal(mail):
            return _error(400, "BadRequest", refusal)
        self.mails.setdefault(id, mail)
        location = f"https://{request.headers['host']}{_OPERATIONS}{quote(id)}?api-version={VERSION}"
        headers = {"Operation-Location": location, "retry-after": "30"}
        return _json(202, {"id": id, "status": "Running", "error": None}, headers)


def _refusal(mail: dict[str, Any]) -> str:
    """What the service would refuse about a mail."""
    if unknown := set(mail) - _FIELDS:
        return f"unknown fields {sorted(unknown)}"
    if not {"subject"} <= set(mail["content"]) <= {"subject", "plainText", "html"}:
        return "content: expected subject with plainText or html"
    if any("\n" in text or "\r" in text for text in (mail["content"]["subject"], *mail.get("headers", {}).values())):
        return "a header holds a line break"
    to = mail["recipients"].get("to", [])
    if not to or any(set(recipient) - {"address", "displayName"} for recipient in to):
        return "recipients: expected addresses"
    return ""


def _json(status: int, content: Any, headers: dict[str, str] | None = None) -> Reply:
    body = json.dumps(content).encode()
    return Reply(status=status, body=body, headers={"Content-Type": "application/json", **(headers or {})})


def _error(status: int, code: str, message: str, headers: dict[str, str] | None = None) -> Reply:
    return _json(status, {"error": {"code": code, "message": message}}, headers)

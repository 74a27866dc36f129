"""People, and the approval page as they have it open in their browsers."""

import html
import json
import re
from collections import Counter
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlencode

from slipway.domain.identity import TokenPerson
from slipway.effects.notification import Message, NotificationError
from slipway.testing import MemoryChannel
from slipway.testing.identity import TENANT

ADA, BEN, CLEO = "ada@example.com", "ben@example.com", "cleo@example.com"
FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, kw_only=True)
class Response:
    """A response over HTTP."""

    status: int
    body: str

    @property
    def text(self) -> str:
        """The text that a reader of the page sees: without tags, and with blanks run together."""
        return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", self.body)).split())

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class HttpClient(Protocol):
    def __call__(self, method: str, path: str, *, headers: dict[str, str], body: bytes = b"") -> Response: ...


class ApprovalPage:
    """The page behind the link that an approver was sent. `submit` may be used again: that is the Back button."""

    def __init__(self, request: HttpClient, path: str) -> None:
        self._request, self._path = request, path
        self.text = self.look()
        self._nonce = re.findall(r'name="form_token" value="([^"]*)"', self._last)
        self._ids = re.findall(r'name="id" value="([^"]*)"', self._last)

    def look(self) -> str:
        """The page as it is now; the form that was opened first stays the one that `submit` sends."""
        response = self._request("GET", self._path, headers={})
        self._last = response.body
        return response.text

    def submit(self, decision: str, *, reason: str = "") -> Response:
        if not self._nonce:
            raise RuntimeError(f"there is no form on this page: {self.text[:300]}")
        id = self._ids[-1 if decision == "reject" else 0]  # the last form of the page is the one that rejects
        fields = {"decision": decision, "form_token": self._nonce[0], "id": id} | ({"reason": reason} if reason else {})
        headers = {"Content-Type": FORM, "Sec-Fetch-Site": "same-origin", "Origin": "null"}
        return self._request("POST", self._path, headers=headers, body=urlencode(fields).encode())


@dataclass(frozen=True, kw_only=True)
class Guest:
    """A person of another organization, as the identity provider describes them after the sign-in."""

    mail: str
    object_id: str = "01234567-89ab-cdef-0123-456789abcdef"

    @property
    def person(self) -> TokenPerson:
        """A guest's name is what they call themselves; their address is in no claim that counts."""
        return TokenPerson(tenant=TENANT, oid=self.object_id, name=self.mail, roles=("reader",), groups=(), guest=True)


class Mailboxes(MemoryChannel):
    """A channel that reaches people one by one; some of their mailboxes may be busy."""

    def __init__(self) -> None:
        super().__init__()
        self.busy: dict[str, str] = {}
        """What the server answers for a mailbox that takes nothing for now."""
        self.attempts: Counter[str] = Counter()

    def send(self, message: Message) -> None:
        self.attempts[message.recipient] += 1
        if message.recipient in self.busy:
            raise NotificationError(self.busy[message.recipient], retryable=True, of_one=True)
        super().send(message)

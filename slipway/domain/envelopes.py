"""The envelope of the worker's messages to itself: a message of `work` or `steps` is believed because of its MAC alone.

That a message is in our own queue proves nothing: somebody may have been given the right to send there by mistake. The
keys are derived from the signing keys (HKDF), so they rotate with them, and no MAC key can make a record or a link.
"""

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final, Literal

from pydantic import Field, ValidationError

from .model import Record, Timestamp, canonical
from .queues import MessageKind, Queue
from .signing import KeySource
from .steps import MESSAGE_ID_LIMIT, Outgoing

_INFO: Final = b"slipway message v1"
"""The purpose of the derived keys; another use gets another text."""
_BYTES: Final = 32
MAC_PATTERN: Final = r"^[A-Za-z0-9_-]{43}$"


class EnvelopeRefused(ValueError):  # noqa: N818 - the message is the point
    """The message is not one that this installation's worker made; the text says why."""


class Envelope(Record):
    """A message as it is sent: its MAC covers everything else in it."""

    v: Literal[1] = 1
    kid: Annotated[str, Field(min_length=1, max_length=128)]
    queue: Queue
    id: Annotated[str, Field(max_length=MESSAGE_ID_LIMIT)]
    purpose: MessageKind
    sent_at: Timestamp
    not_before: Timestamp | None = None
    body: dict[str, Any]
    mac: Annotated[str, Field(pattern=MAC_PATTERN)]

    @property
    def covered(self) -> bytes:
        """The bytes under the MAC (RFC 8785)."""
        return canonical(self.model_dump(mode="json", exclude={"mac"}))


@dataclass(frozen=True, kw_only=True)
class Envelopes:
    """Seals and opens envelopes."""

    source: KeySource
    """The signing keys by id, newest first. The newest one seals, and all of them open."""

    def seal(self, message: Outgoing, *, now: datetime) -> bytes:
        """The message's body as it is sent. Raises `KeysUnavailable`."""
        kid, key = next(iter(self.source.live().items()))
        (purpose,) = message.queue.takes
        bare = Envelope(
            kid=kid,
            queue=message.queue,
            id=message.id,
            purpose=purpose,
            sent_at=now,
            not_before=message.not_before,
            body=message.body,
            mac="A" * 43,
        )
        sealed = bare.evolve(mac=_mac(key, bare.covered))
        return json.dumps(sealed.model_dump(mode="json"), separators=(",", ":")).encode()

    def open(self, queue: Queue, content: Any) -> dict[str, Any]:
        """The worker's content, from the parsed JSON of a message. Raises `EnvelopeRefused`, `KeysUnavailable`."""
        try:
            envelope = Envelope.model_validate(content)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(step) for step in first["loc"]) or "it"
            raise EnvelopeRefused(f"expected an envelope of the worker: {where}: {first['msg']}") from error
        key = self.source.live(envelope.kid).get(envelope.kid)
        if key is None:
            raise EnvelopeRefused(f"its MAC is of the key {envelope.kid[:40]!r}, which is gone or not ours")
        if not hmac.compare_digest(envelope.mac, _mac(key, envelope.covered)):
            raise EnvelopeRefused("its MAC is wrong: it was changed, or made by somebody else")
        if envelope.queue is not queue or envelope.purpose not in queue.takes:
            raise EnvelopeRefused(f"it is a {envelope.purpose} for the queue {envelope.queue}, and came by {queue}")
        return envelope.body


def _mac(key: bytes, covered: bytes) -> str:
    digest = hmac.digest(_derived(key), covered, hashlib.sha256)
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def _derived(key: bytes) -> bytes:
    """HKDF-SHA-256 (RFC 5869) of the signing key, without salt: one block is all that a key needs."""
    extracted = hmac.digest(bytes(_BYTES), key, hashlib.sha256)
    return hmac.digest(extracted, _INFO + b"\x01", hashlib.sha256)

"""A notice as a signed CloudEvents 1.0 POST, for any receiver.

The signature is HMAC-SHA-256 over the body, in the header `Slipway-Signature: sha256=<hex>`.
"""

import hashlib
import hmac
import json

import urllib3

from .channel import Message, NotificationError

TIMEOUT = urllib3.Timeout(connect=5, read=10)
OK, MULTIPLE_CHOICES = 200, 300
RETRYABLE = frozenset({408, 425, 429, 500, 502, 503, 504})


class Webhook:
    """One receiver, who passes each notice on to its recipient."""

    shared = False

    def __init__(self, *, name: str, url: str, secret: bytes, pool: urllib3.PoolManager | None = None) -> None:
        self._name = name
        self._url = url
        self._secret = secret
        self._pool = pool or urllib3.PoolManager(timeout=TIMEOUT, retries=False)

    def send(self, message: Message) -> None:
        body = json.dumps(
            {
                "specversion": "1.0",
                "id": message.id,
                "source": "/slipway",
                "type": f"dev.slipway.{message.notice}",
                "subject": message.release,
                "time": message.time.isoformat(),
                "datacontenttype": "application/json",
                "data": message.model_dump(mode="json"),
            }
        ).encode()
        signature = hmac.new(self._secret, body, hashlib.sha256).hexdigest()
        headers = {"Content-Type": "application/cloudevents+json", "Slipway-Signature": f"sha256={signature}"}
        try:
            # What the receiver answers is of no interest, and may be of any size: only the status is read.
            response = self._pool.request(
                "POST", self._url, body=body, headers=headers, redirect=False, preload_content=False
            )
            response.close()
        except urllib3.exceptions.HTTPError as error:
            raise NotificationError(
                f"channel {self._name}: no answer ({type(error).__name__})", retryable=True
            ) from None
        if not OK <= response.status < MULTIPLE_CHOICES:
            raise NotificationError(
                f"channel {self._name}: expected a status of 2xx, got {response.status}",
                retryable=response.status in RETRYABLE,
            )

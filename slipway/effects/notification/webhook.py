"""A notice as a signed CloudEvents 1.0 POST, for any receiver.

The signature is HMAC-SHA-256 over the body, in the header `Slipway-Signature: sha256=<hex>`.
"""

import hashlib
import hmac
import json

import urllib3

from .channel import Message
from .posting import PostingChannel


def source_of(message: Message) -> str:
    """The installation and the application. CloudEvents requires source and id together to be globally unique."""
    return message.release_url.partition("/releases/")[0] + f"/?application={message.application}"


class Webhook(PostingChannel):
    """One receiver, which forwards each notice to its recipient."""

    shared = False

    def __init__(self, *, name: str, url: str, secret: bytes, pool: urllib3.PoolManager | None = None) -> None:
        super().__init__(name=name, url=url, pool=pool)
        self._secret = secret

    def send(self, message: Message) -> None:
        body = json.dumps(
            {
                "specversion": "1.0",
                "id": message.id,
                "source": source_of(message),
                "type": f"dev.slipway.{message.notice}",
                **({"subject": message.release} if message.release else {}),  # CloudEvents forbids an empty subject
                "time": message.time.isoformat(),
                "datacontenttype": "application/json",
                "data": message.model_dump(mode="json"),
            }
        ).encode()
        signature = hmac.new(self._secret, body, hashlib.sha256).hexdigest()
        headers = {"Content-Type": "application/cloudevents+json", "Slipway-Signature": f"sha256={signature}"}
        self._post(body, headers, expected="2xx")

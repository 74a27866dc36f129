"""A notice as a mail, sent through Azure Communication Services.

The operation's id is derived from the notice's id, so that a repeat does not send a second mail. The operation is not
polled: once the service has accepted a mail, its own logs show the delivery. Tracking is off, because it would route
every link through a third party's server.
"""

import uuid
from typing import TYPE_CHECKING, Any

from .channel import Message, NotificationError
from .letter import Letter, write_letter
from .posting import RETRYABLE
from .smtp import recipients_of

if TYPE_CHECKING:
    from azure.communication.email import EmailClient

NAMESPACE = uuid.UUID("6f3f0b9e-3c0a-5d0e-9a53-0b6d6f1c7a11")


class AcsEmail:
    """Mail by one Communication Services resource, from one sender."""

    shared = False
    asks_only = False

    def __init__(self, *, name: str, client: "EmailClient", sender: str, to: tuple[str, ...] = ()) -> None:
        self._name = name
        self._client = client
        self._sender = sender
        self._to = to

    def send(self, message: Message) -> None:
        from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError  # noqa: PLC0415

        recipients = recipients_of(message, self._to, channel=self._name)
        if not recipients:
            return
        body = as_request(write_letter(message), sender=self._sender, recipients=recipients)
        try:
            # The queue retries steps with pauses; retries of the client would only block the queue's message.
            self._client.begin_send(body, operation_id=operation_id(message), polling=False, retry_total=0)
        except ClientAuthenticationError as error:
            raise self._sending_error(f"the service refused the app's identity ({error.status_code})") from None
        except HttpResponseError as error:
            again = error.status_code in RETRYABLE
            raise self._sending_error(f"expected a status of 202, got {error.status_code}", retryable=again) from None
        except AzureError as error:
            raise self._sending_error(f"no answer ({type(error).__name__})", retryable=True) from None

    def reach(self) -> None:
        """None: only sending a mail would tell."""

    def _sending_error(self, what: str, *, retryable: bool = False) -> NotificationError:
        return NotificationError(f"channel {self._name}: {what}", retryable=retryable)


def operation_id(message: Message) -> str:
    """The UUID that the service requires; the same each time a notice is sent."""
    return str(uuid.uuid5(NAMESPACE, message.id))


def as_request(letter: Letter, *, sender: str, recipients: tuple[str, ...]) -> dict[str, Any]:
    return {
        "senderAddress": sender,
        "recipients": {"to": [{"address": recipient} for recipient in recipients]},
        "content": {"subject": letter.subject, "plainText": letter.text, "html": letter.html},
        "headers": {"Auto-Submitted": "auto-generated", "X-Auto-Response-Suppress": "All"},
        "userEngagementTrackingDisabled": True,
    }

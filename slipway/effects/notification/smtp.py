"""A notice as a mail, sent to an SMTP server over an encrypted connection.

The Message-ID is derived from the notice's id, so that a mailbox can recognise a repeat.
"""

import smtplib
import ssl
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import Literal

from .channel import Message, NotificationError
from .letter import Letter, write_letter

TIMEOUT = 15
"""Seconds to wait for each answer of the server."""
PERMANENT = 500
"""SMTP codes from here on are permanent failures: retrying does not help."""


@dataclass(frozen=True, kw_only=True)
class SmtpServer:
    """The address of the server, and how to sign in."""

    host: str
    port: int
    security: Literal["starttls", "tls", "none"]
    username: str = ""
    password: str = field(default="", repr=False)
    ca_file: Path | None = None


class SmtpMail:
    """Mail through one server, from one sender."""

    shared = False
    asks_only = False

    def __init__(self, *, name: str, server: SmtpServer, sender: str, to: tuple[str, ...] = ()) -> None:
        self._name = name
        self._server = server
        self._sender = sender
        self._to = to

    def send(self, message: Message) -> None:
        recipients = recipients_of(message, self._to, channel=self._name)
        if not recipients:
            return
        try:
            mail = as_mail(message, write_letter(message), sender=self._sender, recipients=recipients)
            with self._connected() as server:
                refused = server.send_message(mail, from_addr=self._sender, to_addrs=list(recipients))
        except smtplib.SMTPRecipientsRefused as refusal:
            codes = [code for code, _ in refusal.recipients.values()]
            raise self._sending_error(
                f"the server refused every recipient ({codes[0]})", max(codes), of_one=bool(message.recipient)
            ) from None
        except smtplib.SMTPResponseException as rejection:
            kind = type(rejection).__name__.removeprefix("SMTP")
            raise self._sending_error(
                f"the server answered {rejection.smtp_code} ({kind})", rejection.smtp_code
            ) from None
        except smtplib.SMTPNotSupportedError:
            raise self._sending_error(
                f"the server does not offer what {self._server.security} or a login needs"
            ) from None
        except ssl.SSLCertVerificationError as error:
            raise self._sending_error(f"the server's certificate is not trusted ({error.verify_message})") from None
        except (OSError, smtplib.SMTPException) as error:
            raise NotificationError(
                f"channel {self._name}: no answer ({type(error).__name__})", retryable=True
            ) from None
        except (ValueError, MessageError) as error:
            raise self._sending_error(f"the mail could not be written ({type(error).__name__})") from None
        if refused:
            raise self._sending_error(f"the server refused {len(refused)} of {len(recipients)} recipients")

    def reach(self) -> str:
        """Connect and sign in without sending a mail; returns a text for the doctor. Raises `NotificationError`."""
        try:
            with self._connected() as server:
                server.noop()
        except smtplib.SMTPResponseException as rejection:
            raise self._sending_error(f"the server answered {rejection.smtp_code} to signing in") from None
        except ssl.SSLCertVerificationError as error:
            raise self._sending_error(f"the server's certificate is not trusted ({error.verify_message})") from None
        except (OSError, smtplib.SMTPException) as error:
            raise self._sending_error(f"no answer ({type(error).__name__})") from None
        return "the server accepts the connection and the login"

    def _sending_error(self, what: str, code: int = PERMANENT, *, of_one: bool = False) -> NotificationError:
        """An error without the server's text, which may repeat addresses."""
        return NotificationError(f"channel {self._name}: {what}", retryable=code < PERMANENT, of_one=of_one)

    def _connected(self) -> AbstractContextManager[smtplib.SMTP]:
        settings = self._server
        greeting = self._sender.partition("@")[2]
        if settings.security == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                settings.host, settings.port, local_hostname=greeting, timeout=TIMEOUT, context=self._trust()
            )
        else:
            server = smtplib.SMTP(settings.host, settings.port, local_hostname=greeting, timeout=TIMEOUT)
        try:
            if settings.security == "starttls":
                server.starttls(context=self._trust())
            if settings.username:
                server.login(settings.username, settings.password)
        except BaseException:
            server.close()
            raise
        return server

    def _trust(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self._server.ca_file)


def as_mail(message: Message, letter: Letter, *, sender: str, recipients: tuple[str, ...]) -> EmailMessage:
    """The mail. To prevent injection, the policy refuses line breaks in headers, and addresses are parsed."""
    mail = EmailMessage(policy=SMTP)
    mail["From"] = Address("Slipway", addr_spec=sender)
    mail["To"] = [Address(addr_spec=recipient) for recipient in recipients]
    mail["Subject"] = letter.subject
    mail["Date"] = message.time
    mail["Message-ID"] = f"<{message.id}@{sender.partition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Auto-Response-Suppress"] = "All"
    mail.set_content(letter.text)
    mail.add_alternative(letter.html, subtype="html")
    return mail


def recipients_of(message: Message, everybody: tuple[str, ...], *, channel: str) -> tuple[str, ...]:
    """The message's own recipient, or else `everybody`, which may be empty.

    Raises `NotificationError` if the recipient is not a valid mail address.
    """
    if not message.recipient:
        return everybody
    try:
        parsed = Address(addr_spec=message.recipient)
        plain = message.recipient.isascii() and parsed.username and parsed.domain
    except (ValueError, MessageError):
        plain = ""
    if not plain or parsed.addr_spec != message.recipient:
        raise NotificationError(
            f"channel {channel}: expected a mail address for each approver, got {message.recipient[:80]!r}",
            retryable=False,
        )
    return (message.recipient,)

"""A notice as a mail, handed to an SMTP server over an encrypted connection.

The Message-ID is made from the notice's id: a repeat is the same mail, and mailboxes that look at it keep one.
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
from .letter import Letter, compose

TIMEOUT = 15
"""Seconds for each answer of the server."""
PERMANENT = 500
"""SMTP's answers from here on will be the same the next time."""


@dataclass(frozen=True, kw_only=True)
class SmtpServer:
    """Where mail is handed in, and how."""

    host: str
    port: int
    security: Literal["starttls", "tls", "none"]
    username: str = ""
    password: str = field(default="", repr=False)
    ca_file: Path | None = None


class SmtpMail:
    """Mail by one server, from one sender."""

    shared = False

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
            mail = as_mail(message, compose(message), sender=self._sender, recipients=recipients)
            with self._connected() as server:
                refused = server.send_message(mail, from_addr=self._sender, to_addrs=list(recipients))
        except smtplib.SMTPRecipientsRefused as nobody:
            codes = [code for code, _ in nobody.recipients.values()]
            raise self._trouble(f"the server refused every recipient ({codes[0]})", max(codes)) from None
        except smtplib.SMTPResponseException as answered:
            kind = type(answered).__name__.removeprefix("SMTP")
            raise self._trouble(f"the server answered {answered.smtp_code} ({kind})", answered.smtp_code) from None
        except smtplib.SMTPNotSupportedError:
            raise self._trouble(f"the server does not offer what {self._server.security} or a login needs") from None
        except ssl.SSLCertVerificationError as error:
            raise self._trouble(f"the server's certificate is not trusted ({error.verify_message})") from None
        except (OSError, smtplib.SMTPException) as error:
            raise NotificationError(
                f"channel {self._name}: no answer ({type(error).__name__})", retryable=True
            ) from None
        except (ValueError, MessageError) as error:
            raise self._trouble(f"the mail could not be written ({type(error).__name__})") from None
        if refused:
            raise self._trouble(f"the server refused {len(refused)} of {len(recipients)} recipients")

    def reach(self) -> str:
        """Connect, sign in, and say good-bye: no mail is handed in."""
        try:
            with self._connected() as server:
                server.noop()
        except smtplib.SMTPResponseException as answered:
            raise self._trouble(f"the server answered {answered.smtp_code} to signing in") from None
        except ssl.SSLCertVerificationError as error:
            raise self._trouble(f"the server's certificate is not trusted ({error.verify_message})") from None
        except (OSError, smtplib.SMTPException) as error:
            raise self._trouble(f"no answer ({type(error).__name__})") from None
        return "the server lets it in"

    def _trouble(self, what: str, code: int = PERMANENT) -> NotificationError:
        """What the server said besides its code stays out: it may repeat addresses."""
        return NotificationError(f"channel {self._name}: {what}", retryable=code < PERMANENT)

    def _connected(self) -> AbstractContextManager[smtplib.SMTP]:
        given = self._server
        greeting = self._sender.partition("@")[2]
        if given.security == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                given.host, given.port, local_hostname=greeting, timeout=TIMEOUT, context=self._trust()
            )
        else:
            server = smtplib.SMTP(given.host, given.port, local_hostname=greeting, timeout=TIMEOUT)
        try:
            if given.security == "starttls":
                server.starttls(context=self._trust())
            if given.username:
                server.login(given.username, given.password)
        except BaseException:
            server.close()
            raise
        return server

    def _trust(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self._server.ca_file)


def as_mail(message: Message, letter: Letter, *, sender: str, recipients: tuple[str, ...]) -> EmailMessage:
    """The policy refuses line breaks in any header, and addresses are parsed instead of pasted together."""
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
    """Who gets the mail; nobody where the channel names nobody for what concerns everybody. Raises
    `NotificationError` for somebody whom no mail can be sent to."""
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

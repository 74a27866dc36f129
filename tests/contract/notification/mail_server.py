"""A real SMTP server (aiosmtpd) with STARTTLS and a login, and our mail through it."""

import asyncio
from dataclasses import dataclass, field, replace
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword, Session

from slipway.effects.notification.smtp import SmtpMail, SmtpServer
from tests.certificates import Certificates

USER, PASSWORD = "slipway", "a password of the mail server"
SENDER = "slipway@contoso.com"


@dataclass
class Post:
    """The mails that the server accepted, and the replies with which a test makes it refuse one."""

    mails: list[tuple[Envelope, bool]] = field(default_factory=list)
    """Each mail, and whether its connection was encrypted."""
    on_recipient: str = "250 OK"
    on_data: str = "250 OK"

    async def handle_RCPT(self, server: Any, session: Session, envelope: Envelope, address: str, _: Any) -> str:
        if self.on_recipient.startswith("250"):
            envelope.rcpt_tos.append(address)
        return self.on_recipient

    async def handle_DATA(self, server: Any, session: Session, envelope: Envelope) -> str:
        if self.on_data.startswith("250"):
            self.mails.append((envelope, session.ssl is not None))
        return self.on_data

    def read(self) -> EmailMessage:
        ((envelope, _),) = self.mails
        assert isinstance(envelope.original_content, bytes)
        mail = message_from_bytes(envelope.original_content, policy=default)
        assert isinstance(mail, EmailMessage)
        return mail


class Listening(Controller):
    """Listens on a free port of this machine."""

    def __init__(self, post: Post, **options: Any) -> None:
        super().__init__(post, hostname="127.0.0.1", port=0, **options)

    def _trigger_server(self) -> None:
        """The base class would connect to the port that was asked for, which is 0, not to the one that was assigned."""
        assert isinstance(self.server, asyncio.Server)
        self.port = self.server.sockets[0].getsockname()[1]
        Controller._trigger_server(self)


def login(server: Any, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
    good = isinstance(data, LoginPassword) and (data.login, data.password) == (USER.encode(), PASSWORD.encode())
    return AuthResult(success=good, handled=good)


def mail_by(server: Listening, certificates: Certificates, *, to: tuple[str, ...] = (), **changes: Any) -> SmtpMail:
    usual = SmtpServer(
        host="127.0.0.1",
        port=server.port,
        security="starttls",
        username=USER,
        password=PASSWORD,
        ca_file=certificates.ca_file,
    )
    return SmtpMail(name="approvers", server=replace(usual, **changes), sender=SENDER, to=to)

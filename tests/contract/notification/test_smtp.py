"""Mail against a real SMTP server (aiosmtpd) with STARTTLS and a login."""

from email import message_from_bytes

import pytest

from slipway.effects.notification import Message, NotificationError
from slipway.effects.notification.smtp import SmtpMail
from tests.certificates import Certificates
from tests.contract.notification.mail_server import PASSWORD, SENDER, Listening, Post, mail_by
from tests.unit.effects.notification.samples import ADA, HOSTILE, TOKEN_LINK, ended, gate_opened, hostile


def test_a_mail_goes_to_the_approver_encrypted_after_a_login(
    listening: Listening, certificates: Certificates, post: Post
) -> None:
    mail_by(listening, certificates).send(gate_opened())
    envelope, encrypted = post.mails[0]
    assert encrypted
    assert (envelope.mail_from, envelope.rcpt_tos) == (SENDER, [ADA])
    mail = post.read()
    assert mail["From"] == "Slipway <slipway@contoso.com>"
    assert mail["To"] == ADA
    assert mail["Subject"] == "[shop] shop-482 (2.7.0) waits for your approval for production"
    assert mail["Auto-Submitted"] == "auto-generated"
    text, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert text is not None
    assert html is not None
    assert TOKEN_LINK in text.get_content()
    assert TOKEN_LINK in html.get_content()


def test_a_repeated_notice_has_the_same_message_id_and_another_notice_has_another(
    listening: Listening, certificates: Certificates, post: Post
) -> None:
    channel = mail_by(listening, certificates)
    for message in (gate_opened(), gate_opened(), gate_opened(id="another")):
        channel.send(message)
    ids = [message_from_bytes(envelope.original_content or b"")["Message-ID"] for envelope, _ in post.mails]
    assert ids[0] == ids[1] == "<0f1e2d3c4b5a69788796a5b4c3d2e1f0@contoso.com>"
    assert ids[2] != ids[0]


def test_no_header_can_be_smuggled_in(listening: Listening, certificates: Certificates, post: Post) -> None:
    mail_by(listening, certificates).send(hostile(recipient=ADA, approval_url=TOKEN_LINK))
    mail = post.read()
    expected = "From To Subject Date Message-ID Auto-Submitted X-Auto-Response-Suppress MIME-Version Content-Type"
    assert set(mail.keys()) == set(expected.split())
    assert "Bcc: evil@evil.example" in mail["Subject"]  # shown as part of the text that contained it
    assert post.mails[0][0].rcpt_tos == [ADA]


@pytest.mark.parametrize(
    "recipient",
    [
        "ada@example.com\r\nBcc: evil@evil.example",
        "ada@example.com, evil@evil.example",
        "Ada <ada@example.com>",
        "oid:00000000-0000-0000-0000-000000000001",
        "ada@exämple.com",
        HOSTILE,
    ],
)
def test_a_recipient_that_is_not_one_mail_address_gets_no_mail(
    listening: Listening, certificates: Certificates, post: Post, recipient: str
) -> None:
    with pytest.raises(NotificationError, match="expected a mail address for each approver") as refused:
        mail_by(listening, certificates).send(gate_opened(recipient=recipient))
    assert not refused.value.retryable
    assert post.mails == []


def test_a_notice_for_everybody_goes_to_the_channels_own_addresses(
    listening: Listening, certificates: Certificates, post: Post
) -> None:
    team = ("team@contoso.com", "ops@contoso.com")
    mail_by(listening, certificates, to=team).send(ended())
    assert post.mails[0][0].rcpt_tos == list(team)


def test_a_notice_for_everybody_is_not_sent_if_the_channel_has_no_addresses(
    listening: Listening, certificates: Certificates, post: Post
) -> None:
    mail_by(listening, certificates).send(ended())
    assert post.mails == []


def error_from(channel: SmtpMail, message: Message | None = None) -> NotificationError:
    with pytest.raises(NotificationError) as raised:
        channel.send(message or gate_opened())
    text = str(raised.value)
    assert text.startswith("channel approvers: ")
    assert PASSWORD not in text
    assert ADA not in text
    assert TOKEN_LINK not in text
    return raised.value


def test_a_wrong_password_is_not_tried_again(listening: Listening, certificates: Certificates) -> None:
    error = error_from(mail_by(listening, certificates, password="wrong"))
    assert (str(error), error.retryable) == (
        "channel approvers: the server answered 535 (AuthenticationError)",
        False,
    )


def test_a_server_with_an_untrusted_certificate_gets_neither_password_nor_mail(
    listening: Listening, certificates: Certificates, post: Post
) -> None:
    error = error_from(mail_by(listening, certificates, ca_file=None))
    assert "certificate is not trusted" in str(error)
    assert not error.retryable
    assert post.mails == []


@pytest.mark.parametrize(("reply", "again"), [("451 busy", True), ("550 no such mailbox", False)])
def test_a_refused_recipient_is_tried_again_only_where_the_server_says_later(
    listening: Listening, certificates: Certificates, post: Post, reply: str, again: bool
) -> None:
    post.on_recipient = reply
    error = error_from(mail_by(listening, certificates))
    assert (error.retryable, error.of_one) == (again, True)
    assert reply[:3] in str(error)


@pytest.mark.parametrize(("reply", "again"), [("452 full", True), ("554 spam", False)])
def test_a_refused_mail_is_tried_again_only_where_the_server_says_later(
    listening: Listening, certificates: Certificates, post: Post, reply: str, again: bool
) -> None:
    post.on_data = reply
    assert error_from(mail_by(listening, certificates)).retryable is again


def test_a_server_without_starttls_gets_nothing(post: Post, certificates: Certificates) -> None:
    server = Listening(post)
    server.start()
    try:
        error = error_from(mail_by(server, certificates, username="", password=""))
    finally:
        server.stop()
    assert "does not offer what starttls" in str(error)
    assert not error.retryable
    assert post.mails == []


def test_a_mail_is_sent_over_a_connection_that_is_encrypted_from_the_first_byte(
    post: Post, certificates: Certificates
) -> None:
    server = Listening(post, ssl_context=certificates.for_server())
    server.start()
    try:
        mail_by(server, certificates, security="tls", username="", password="").send(gate_opened())
    finally:
        server.stop()
    assert len(post.mails) == 1


def test_a_server_that_is_away_is_tried_again(post: Post, certificates: Certificates) -> None:
    server = Listening(post)
    server.start()
    server.stop()
    error = error_from(mail_by(server, certificates))
    assert (str(error), error.retryable) == ("channel approvers: no answer (ConnectionRefusedError)", True)

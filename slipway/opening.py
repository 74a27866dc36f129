"""Opens channels as the settings describe them; a part of the wiring, in a file of its own because kinds are many.

What a kind needs is imported when a channel of that kind is first opened.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from .effects.notification.channel import Channel
from .settings_channels import AcsEmailSettings, ChannelSettings, SmtpSettings, TeamsSettings, WebhookSettings

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential


def open_channel(name: str, given: ChannelSettings, *, credential: "Callable[[], TokenCredential]") -> Channel:
    """The channel. Nothing is reached over the network before something is sent."""
    match given:
        case WebhookSettings():
            from .effects.notification.webhook import Webhook

            return Webhook(name=name, url=given.url.get_secret_value(), secret=given.secret.get_secret_value().encode())
        case TeamsSettings():
            from .effects.notification.teams import TeamsChannel

            return TeamsChannel(name=name, url=given.url.get_secret_value())
        case SmtpSettings():
            return _smtp(name, given)
        case AcsEmailSettings():
            from azure.communication.email import EmailClient

            from .effects.notification.acs_email import AcsEmail

            client = EmailClient(given.endpoint, credential())
            return AcsEmail(name=name, client=client, sender=given.sender, to=given.to)


def _smtp(name: str, given: SmtpSettings) -> Channel:
    from .effects.notification.smtp import SmtpMail, SmtpServer

    server = SmtpServer(
        host=given.host,
        port=given.port,
        security=given.security,
        username=given.username,
        password=given.password.get_secret_value(),
        ca_file=given.ca_file,
    )
    return SmtpMail(name=name, server=server, sender=given.sender, to=given.to)

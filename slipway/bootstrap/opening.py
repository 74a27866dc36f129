"""Opens channels and signing keys, of which there are many kinds, as the settings describe them.

What a kind needs is imported when the first of it is opened.
"""

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

from ..clock import Clock
from ..domain.tokens import Keys, checked_keys
from ..effects.notification.channel import Channel
from .settings import KeysInFile, Settings
from .settings_channels import (
    AcsEmailSettings,
    ChannelSettings,
    SmtpSettings,
    TeamsFlowSettings,
    TeamsSettings,
    WebhookSettings,
)

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

    from ..effects.keys.vault import VaultKeys

FILE_AGE = 5
"""Seconds after which a file of keys is read again: a rotation on the laptop is seen at once."""


def open_channel(name: str, given: ChannelSettings, *, credential: "Callable[[], TokenCredential]") -> Channel:
    """The channel. Nothing is reached over the network before something is sent."""
    match given:
        case WebhookSettings():
            from ..effects.notification.webhook import Webhook

            return Webhook(name=name, url=given.url.get_secret_value(), secret=given.secret.get_secret_value().encode())
        case TeamsSettings():
            from ..effects.notification.teams import TeamsChannel

            return TeamsChannel(name=name, url=given.url.get_secret_value())
        case TeamsFlowSettings():
            from ..effects.notification.teams_flow import TeamsFlow

            return TeamsFlow(name=name, url=given.url.get_secret_value())
        case SmtpSettings():
            return _smtp(name, given)
        case AcsEmailSettings():
            from azure.communication.email import EmailClient

            from ..effects.notification.acs_email import AcsEmail

            client = EmailClient(given.endpoint, credential())
            return AcsEmail(name=name, client=client, sender=given.sender, to=given.to)


def _smtp(name: str, given: SmtpSettings) -> Channel:
    from ..effects.notification.smtp import SmtpMail, SmtpServer

    server = SmtpServer(
        host=given.host,
        port=given.port,
        security=given.security,
        username=given.username,
        password=given.password.get_secret_value(),
        ca_file=given.ca_file,
    )
    return SmtpMail(name=name, server=server, sender=given.sender, to=given.to)


def open_keys(settings: Settings, *, credential: "Callable[[], TokenCredential]", clock: Clock) -> Keys:
    """The keys of approval links. Those in a file are read now, so that a wrong one stops the start."""
    given = settings.signing_keys
    if isinstance(given, KeysInFile):
        from ..effects.keys import CachedKeys, KeyFile

        file = KeyFile(given.path)
        checked_keys(file.load())
        return Keys(CachedKeys(file.load, max_age=FILE_AGE, pause=1))
    if settings.key_vault:
        from ..effects.keys import CachedKeys

        @cache
        def vault() -> "VaultKeys":
            """When the first key is needed: the SDK is slow to import, and the app's start does not wait for it."""
            from azure.keyvault.secrets import SecretClient

            from ..effects.keys.vault import TIMES, VaultKeys

            return VaultKeys(SecretClient(settings.key_vault, credential(), **TIMES), clock=clock)

        return Keys(CachedKeys(lambda: vault().load()))
    return Keys({key_id: key.get_secret_value() for key_id, key in given.items()})

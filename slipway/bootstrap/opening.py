"""Opens channels and signing keys of any kind, according to the settings.

The modules of a kind are imported when the first channel or key of that kind is opened.
"""

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

from ..clock import Clock
from ..domain.signing import FixedKeys, KeySource, KeysUnavailable, PublicKeys, checked_keys, checked_public
from ..effects.notification.channel import Channel
from .settings import Settings
from .settings_channels import (
    AcsEmailSettings,
    ChannelSettings,
    SmtpSettings,
    TeamsFlowSettings,
    TeamsSettings,
    WebhookSettings,
)
from .settings_parts import KeysInFile

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

    from ..effects.keys.vault import VaultKeys

FILE_AGE = 5
"""Seconds after which a file of keys is read again, so that a rotation on a laptop soon takes effect."""


def open_channel(name: str, channel: ChannelSettings, *, credential: "Callable[[], TokenCredential]") -> Channel:
    """The channel. Makes no network connection before a message is sent."""
    match channel:
        case WebhookSettings():
            from ..effects.notification.webhook import Webhook

            return Webhook(
                name=name, url=channel.url.get_secret_value(), secret=channel.secret.get_secret_value().encode()
            )
        case TeamsSettings():
            from ..effects.notification.teams import TeamsChannel

            return TeamsChannel(name=name, url=channel.url.get_secret_value())
        case TeamsFlowSettings():
            from ..effects.notification.teams_flow import TeamsFlow

            return TeamsFlow(name=name, url=channel.url.get_secret_value())
        case SmtpSettings():
            return _smtp(name, channel)
        case AcsEmailSettings():
            from azure.communication.email import EmailClient

            from ..effects.notification.acs_email import AcsEmail

            client = EmailClient(channel.endpoint, credential())
            return AcsEmail(name=name, client=client, sender=channel.sender, to=channel.to)


def _smtp(name: str, channel: SmtpSettings) -> Channel:
    from ..effects.notification.smtp import SmtpMail, SmtpServer

    server = SmtpServer(
        host=channel.host,
        port=channel.port,
        security=channel.security,
        username=channel.username,
        password=channel.password.get_secret_value(),
        ca_file=channel.ca_file,
    )
    return SmtpMail(name=name, server=server, sender=channel.sender, to=channel.to)


def open_private_keys(settings: Settings, *, credential: "Callable[[], TokenCredential]", clock: Clock) -> KeySource:
    """The keys that sign. A key file is read immediately, so that an invalid one stops the app's start.

    Raises `KeysUnavailable` in a front, which has none."""
    if not settings.role.works:
        raise KeysUnavailable("this app is a front: it holds no key that signs")
    signing_keys = settings.signing_keys
    if isinstance(signing_keys, KeysInFile):
        from ..effects.keys import CachedKeys, KeyFile

        file = KeyFile(signing_keys.path)
        checked_keys(file.load())
        return CachedKeys(file.load, max_age=FILE_AGE, pause=1)
    if settings.key_vault:
        from ..effects.keys import CachedKeys

        @cache
        def vault() -> "VaultKeys":
            """Opens the vault when the first key is needed, since the SDK is slow to import."""
            from azure.keyvault.secrets import SecretClient

            from ..effects.keys.vault import TIMES, VaultKeys

            return VaultKeys(SecretClient(settings.key_vault, credential(), **TIMES), clock=clock)

        return CachedKeys(lambda: vault().load())
    return FixedKeys({key_id: key.get_secret_value() for key_id, key in signing_keys.items()})


def open_public_keys(settings: Settings) -> PublicKeys:
    """The keys that verify. A file of them is read immediately, so that an invalid one stops the app's start."""
    if not isinstance(settings.public_keys, KeysInFile):
        return PublicKeys(settings.public_keys)
    from ..effects.keys import CachedKeys, KeyFile

    file = KeyFile(settings.public_keys.path)
    checked_public(file.load())
    return PublicKeys(CachedKeys(file.load, max_age=FILE_AGE, pause=1))

"""The setting `SLIPWAY_CHANNELS`: the kinds of notification channels, and the fields of each kind."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, Literal, Self, get_args
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, SecretStr, field_validator, model_validator
from pydantic_core import PydanticCustomError

from .settings_parts import LOOPBACK, SECRET_LENGTH, Address, Mail, SettingsPart, check_address

WORKFLOWS: Final = (".environment.api.powerplatform.com", ".logic.azure.com")
"""Suffixes of the host names at which Workflows (Power Automate) receives cards for Teams."""
RETIRED: Final = ("webhook.office.com", "outlook.office.com", "outlook.office365.com")
"""Hosts of the Office 365 connectors that Microsoft switched off in May 2026."""


class WebhookSettings(SettingsPart):
    """Posts a signed CloudEvent, for receivers of any kind."""

    more: ClassVar[str] = "[What is posted, and how to check its signature](webhook.md)."
    kind: Literal["webhook"] = Field(default="webhook", description="A signed CloudEvent is posted.")
    url: SecretStr = Field(description="Where notices are posted; treated as a secret, as such addresses often are.")
    secret: SecretStr = Field(description="Key of the signature.", min_length=SECRET_LENGTH)

    @field_validator("url")
    @classmethod
    def _refuse_invalid_address(cls, url: SecretStr) -> SecretStr:
        check_address(url.get_secret_value())
        return url


class WorkflowSettings(SettingsPart):
    """A workflow with an HTTP trigger."""

    url: SecretStr

    @field_validator("url")
    @classmethod
    def _refuse_unless_workflow(cls, url: SecretStr) -> SecretStr:
        parts = urlsplit(check_address(url.get_secret_value()))
        host = (parts.hostname or "").rstrip(".")
        if any(host == retired or host.endswith(f".{retired}") for retired in RETIRED):
            raise ValueError(
                "expected the address of a workflow, got that of an Office 365 connector; those were switched off in "
                "May 2026: make a workflow with the template `Send webhook alerts to a channel` instead"
            )
        if host not in LOOPBACK and not host.endswith(WORKFLOWS):
            raise ValueError(f"expected the address of a workflow, on a host that ends with {' or '.join(WORKFLOWS)}")
        return url

    @property
    def within_this_machine(self) -> bool:
        return urlsplit(self.url.get_secret_value()).hostname in LOOPBACK


class TeamsSettings(WorkflowSettings):
    """Posts a card to a Teams channel, through a workflow with a webhook trigger."""

    more: ClassVar[str] = "[What the card shows, and who can vote by it](../how-to/tell-people.md)."
    kind: Literal["teams"] = Field(description="A card is posted to a channel in Teams.")
    url: SecretStr = Field(
        description="Address that the workflow's trigger *When a Teams webhook request is received* shows. Its "
        "signature is a secret."
    )


class TeamsFlowSettings(WorkflowSettings):
    """Asks each approver in a Teams chat, where they also answer."""

    more: ClassVar[str] = "[How approvers answer without leaving Teams](../how-to/answer-in-teams.md)."
    kind: Literal["teams-flow"] = Field(description="Each approver is asked in Teams, and answers there.")
    url: SecretStr = Field(
        description="Address that the trigger of the Logic App in `infra/modules/teams-flow.bicep` shows. Its "
        "signature is a secret."
    )


class _MailSettings(SettingsPart):
    sender: Mail = Field(description="Address that mails come from.")
    to: tuple[Mail, ...] = Field(
        default=(),
        max_length=20,
        description="Addresses for what everybody may know (how a release ended). Each approver gets a mail of their "
        "own.",
    )


class SmtpSettings(_MailSettings):
    """Mail through an SMTP server."""

    kind: Literal["smtp"] = Field(description="Mail by an SMTP server.")
    host: str = Field(
        pattern=r"^[A-Za-z0-9.-]+$", max_length=253, description="The server, such as `smtp.contoso.com`."
    )
    port: int = Field(default=587, ge=1, le=65535, description="Usually 587 for `starttls`, 465 for `tls`.")
    security: Literal["starttls", "tls", "none"] = Field(
        default="starttls",
        description="`starttls`: encrypted after the greeting, or not sent. `tls`: from the first byte. `none`: within "
        "this machine only.",
    )
    username: str = Field(default="", max_length=254, description="Empty if the server asks for none.")
    password: SecretStr = Field(default=SecretStr(""), description="Password for `username`.")
    ca_file: Path | None = Field(
        default=None, description="Certificates (PEM) to trust instead of the usual ones: for a server of your own."
    )

    @model_validator(mode="after")
    def _refuse_unguarded(self) -> Self:
        if self.security == "none" and self.host not in LOOPBACK:
            raise ValueError("security: expected starttls or tls, because links that let people vote are sent")
        if self.username:
            self._need("password", of="a username")
        return self


class AcsEmailSettings(_MailSettings):
    """Mail through Azure Communication Services, with the app's identity."""

    kind: Literal["acs-email"] = Field(description="Mail by Azure Communication Services, with the app's identity.")
    endpoint: Address = Field(description="Such as `https://contoso.europe.communication.azure.com`.")


type AnyChannel = WebhookSettings | TeamsSettings | TeamsFlowSettings | SmtpSettings | AcsEmailSettings
"""Every kind there is. Everything else about kinds derives from this list, or is a `match` that mypy completes."""


def _kind_of(settings: type[SettingsPart]) -> str:
    (kind,) = get_args(settings.model_fields["kind"].annotation)
    return str(kind)


KINDS: Final[Mapping[str, type[SettingsPart]]] = {
    _kind_of(settings): settings for settings in get_args(AnyChannel.__value__)
}
"""The settings of each kind, by its name."""


def _with_a_kind(given: Any) -> Any:
    """Channels without a kind are webhooks."""
    if not isinstance(given, dict):
        return given
    kind = given.get("kind", "webhook")
    if not isinstance(kind, str) or kind not in KINDS:
        *names, last = KINDS
        raise PydanticCustomError("channel_kind", f"kind: expected {', '.join(names)} or {last}")
    return given | {"kind": kind}


ChannelSettings = Annotated[
    Annotated[AnyChannel, Field(discriminator="kind")],
    BeforeValidator(_with_a_kind),
]
"""One channel. Without `kind`, it is a webhook."""

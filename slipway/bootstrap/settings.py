"""The app's settings: names, types and meaning of all environment variables, which are read at start-up.

An invalid or missing setting stops the app with a message that names it. Messages never contain secrets.
`docs/reference/settings.md` is generated from this module.
"""

import os
from collections.abc import Mapping, Sized
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretBytes,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from ..domain.model import Duration, Name
from ..domain.people import GUID_PATTERN
from ..domain.signing import checked_keys, checked_public
from ..domain.sources import SECRETS
from .roles import FRONT_ONLY, AppRole
from .settings_channels import ChannelSettings, WorkflowSettings
from .settings_names import UNRESOLVED, explained, foreign, misspelt, variable
from .settings_parts import LOOPBACK, SECRET_LENGTH, Address, AddressOrNone, KeysInFile, as_json, as_keys, as_list
from .settings_services import ApiKeySettings, ClusterSettings, RegistrySettings

SHORTEST_RETENTION = timedelta(days=7)


AZURE_DEVOPS = "https://dev.azure.com"
AZURE_DEVOPS_PEOPLE = "https://vssps.dev.azure.com"


class Runs(StrEnum):
    """The facts about CI runs that count."""

    PROVED = "proved"
    """Facts that their source confirms when asked."""
    CLAIMED = "claimed"
    """Claims of hooks and messages; shown as not proved."""


class SettingsError(Exception):
    """The app's settings are invalid; the message names each one."""


class Settings(BaseModel):
    """The app's settings. Each field is read from `SLIPWAY_<FIELD>` in upper case, except those in `FOREIGN`."""

    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid")

    role: AppRole = Field(
        default=AppRole.SINGLE,
        description="The role of this app: `front` (pages, API, hooks), `worker` (queues and timers), or `single`, "
        "both in one. A front must not have the settings that only a worker needs, and vice versa.",
    )
    installation: str = Field(
        default="",
        pattern=r"^(?:[a-z0-9](?:[a-z0-9.-]{0,62}[a-z0-9])?)?$",
        description="Name of this installation. Everything that people say is addressed to it, so that no other "
        "installation accepts it. Empty: the host of `SLIPWAY_PUBLIC_URL`.",
    )
    public_url: Annotated[Address, AfterValidator(lambda url: url.rstrip("/"))] = Field(
        description="Address at which people reach the app, such as `https://slipway.contoso.com`; links begin with it."
    )
    table_endpoint: AddressOrNone = Field(
        default="", description="Table endpoint of the storage account, reached with the app's identity."
    )
    blob_endpoint: AddressOrNone = Field(
        default="", description="Blob endpoint of the storage account, reached with the app's identity."
    )
    storage_connection: SecretStr = Field(
        default=SecretStr(""), description="Connection string instead of the two endpoints: for Azurite."
    )
    storage_sas: Annotated[dict[str, SecretStr], BeforeValidator(as_json)] = Field(
        default={},
        description="SAS tokens by the names of tables and containers, as JSON, instead of the app's identity: on a "
        "laptop, where each role has only its own rights.",
    )
    table: str = Field(
        default="ledger", pattern=r"^[A-Za-z][A-Za-z0-9]{2,62}$", description="Name of the ledger's table."
    )
    index_table: str = Field(
        default="auditindex", pattern=r"^[A-Za-z][A-Za-z0-9]{2,62}$", description="Name of the audit index's table."
    )
    container: str = Field(
        default="evidence", pattern=r"^[a-z0-9](?:-?[a-z0-9]){2,62}$", description="Blob container for plans and logs."
    )
    audit_container: str = Field(
        default="audit",
        pattern=r"^[a-z0-9](?:-?[a-z0-9]){2,62}$",
        description="Blob container for anchors, archived records and exports of the audit trail; give it an "
        "immutability policy.",
    )
    witnesses: Annotated[list[Name], BeforeValidator(as_list)] = Field(
        default=[],
        description="Names of channels, separated by commas, to which new anchors of the audit trail are sent.",
    )
    retention: Duration | None = Field(
        default=None,
        description="Age at which audit records move from the table into the audit container, such as `400d`, at least "
        "`7d`; empty for never. They stay verifiable, and can still be read by release.",
    )
    export: Literal["", "jsonl", "csv", "cloudevents"] = Field(
        default="",
        description="Format in which new audit records are exported into the audit container each hour; empty for no "
        "export.",
    )
    registries: Annotated[dict[Name, RegistrySettings], BeforeValidator(as_json)] = Field(
        default={},
        validate_default=True,
        description="Registries by the names that projects and applications use, as JSON.",
    )
    clusters: Annotated[dict[Name, ClusterSettings], BeforeValidator(as_json)] = Field(
        default={},
        validate_default=True,
        description="Clusters by the names that projects and applications use, as JSON; each under one name.",
    )
    channels: Annotated[dict[Name, ChannelSettings], BeforeValidator(as_json)] = Field(
        default={}, description="Channels for notices by the names that projects and applications use, as JSON."
    )
    key_vault: AddressOrNone = Field(
        default="",
        description="Vault with the private keys of audit records and approval links, such as "
        "`https://contoso.vault.azure.net`, instead of `SLIPWAY_SIGNING_KEYS`: the versions of its secret "
        "`slipway-signing-key`, read with the app's identity.",
    )
    signing_keys: Annotated[dict[str, SecretBytes] | KeysInFile, BeforeValidator(as_keys)] = Field(
        default={},
        validate_default=True,
        description="Private keys (Ed25519) of audit records and approval links, newest first: `id:base64,id:base64` "
        "of 32 bytes each. Or `@file:` and the path of a file that holds them, which `slipway keys rotate` writes.",
    )
    public_keys: Annotated[dict[str, bytes] | KeysInFile, BeforeValidator(as_keys)] = Field(
        description="Public keys (Ed25519) of all signing keys that the installation has had, oldest first: "
        "`id:base64,id:base64`. Records, anchors and links verify with these alone, and a private key signs only once "
        "its public key is among them. `retired.` before an id: signatures with that key count only if a later one "
        "shows that they are older. Or `@file:` and the path of a file.",
    )
    hook_secrets: Annotated[list[SecretStr], BeforeValidator(as_list)] = Field(
        default=[],
        validate_default=True,
        description="Secrets that identify the senders of hooks, separated by commas, each of at least 16 "
        f"characters; two while rotating. They are sent by {SECRETS}.",
    )
    organizations: Annotated[
        list[Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9-]{0,255}$")]], BeforeValidator(as_list)
    ] = Field(
        default=[],
        description="Azure DevOps organizations whose hooks are accepted, separated by commas; empty for any that "
        "knows the secret.",
    )
    runs: Runs = Field(
        default=Runs.PROVED,
        description="The facts about a CI run that count: `proved`, those that Azure DevOps confirms when the app's "
        "identity asks; `claimed`, those that hooks and messages state, for an identity that cannot be "
        "given the right to ask. Then pages, cards and records say *not proved*, and it is unknown who "
        "is behind a change.",
    )
    azure_devops: Address = Field(
        default=AZURE_DEVOPS, description="Address of Azure DevOps; a different one only on a laptop."
    )
    azure_devops_people: Address = Field(
        default=AZURE_DEVOPS_PEOPLE,
        description="Address at which Azure DevOps is asked who people are; a different one only on a laptop.",
    )
    tenant_id: str = Field(
        pattern=GUID_PATTERN, description="Entra tenant of the people who sign in, and whose answers in Teams count."
    )
    issuer: AddressOrNone = Field(
        default="",
        description="Issuer of the tenant's tokens, as they name it. Empty: Entra's, "
        "`https://login.microsoftonline.com/<tenant>/v2.0`.",
    )
    sign_in_client_id: str = Field(
        pattern=GUID_PATTERN,
        description="Client id of the registration by which people sign in, and for which the API accepts access "
        "tokens.",
    )
    votes_client_id: str = Field(
        pattern=GUID_PATTERN,
        description="Client id of the registration by which votes are proved. Its tokens open nothing else.",
    )
    session_keys: Annotated[dict[str, SecretBytes], BeforeValidator(as_keys)] = Field(
        default={},
        validate_default=True,
        description="Keys that seal the sessions of the pages: `id:base64,id:base64` of 32 bytes; the first "
        "seals, all of them open. They open nothing else.",
    )
    api_access: Literal["host-keys", "roles"] = Field(
        default="host-keys",
        description="Who may use the API: `host-keys`, anybody with a key of the Functions host, which is enough to "
        "read, with an access token for everything else; `roles`, only people and applications with an "
        "access token, and the keys in `SLIPWAY_API_KEYS`.",
    )
    api_keys: Annotated[dict[Name, ApiKeySettings], BeforeValidator(as_json)] = Field(
        default={}, description="API keys as JSON, each with a name by which the log refers to it."
    )
    event_grid_function: bool = Field(
        default=False,
        description="Whether Event Grid may call this app too, besides sending to the queue `events` itself; the "
        "front then needs the right to send to that queue.",
    )
    service_bus: SecretStr = Field(default=SecretStr(""), description="Connection string of Service Bus.")
    service_bus_namespace: str = Field(
        default="",
        description="Instead of the connection string: the namespace, such as `contoso.servicebus.windows.net`, "
        "reached with the app's identity.",
    )
    copy_seconds: int = Field(
        default=240,
        ge=1,
        le=1200,
        description="Seconds after which the copying of an artifact is continued by another message.",
    )
    drift_minutes: int = Field(
        default=4,
        ge=0,
        le=60,
        description="Minutes between two comparisons of the clusters with the live releases, one request for each "
        "kind of object in a namespace with a live release; 0 for never.",
    )
    arm_endpoint: Address = Field(
        default="https://management.azure.com",
        description="Azure Resource Manager, used for imports by environments with `how: import`.",
    )
    arm_token: SecretStr = Field(
        default=SecretStr(""), description="A fixed token for Azure Resource Manager, instead of the app's identity."
    )
    client_id: str = Field(default="", description="Client id of the app's user-assigned identity, if it has one.")
    insights: SecretStr = Field(
        default=SecretStr(""),
        description="Connection string of Application Insights; if set, traces, metrics and logs are sent there.",
    )
    insights_authentication: str = Field(
        default="", description="`Authorization=AAD;…` if Application Insights only accepts the app's identity."
    )
    otlp_endpoint: AddressOrNone = Field(
        default="",
        description="OTLP receiver (HTTP) for traces, metrics and logs, such as `https://collector:4318`. "
        "OpenTelemetry's other OTEL_EXPORTER_OTLP_… variables apply too.",
    )
    trace_share: float = Field(
        default=1.0,
        ge=0,
        le=1,
        description="Share of traces that is kept, from 0 to 1, by trace id. Traces with errors are always kept.",
    )

    @field_validator("azure_devops", "azure_devops_people")
    @classmethod
    def _refuse_other_hosts(cls, url: str) -> str:
        """No other host may see the identity's token."""
        if url not in (AZURE_DEVOPS, AZURE_DEVOPS_PEOPLE) and urlsplit(url).hostname not in LOOPBACK:
            raise ValueError(f"expected {AZURE_DEVOPS} or {AZURE_DEVOPS_PEOPLE} (another one on 127.0.0.1 only)")
        return url

    @field_validator("signing_keys")
    @classmethod
    def _in_one_place(
        cls, keys: dict[str, SecretBytes] | KeysInFile, info: ValidationInfo
    ) -> dict[str, SecretBytes] | KeysInFile:
        in_vault = bool(info.data.get("key_vault"))
        if in_vault and keys:
            raise ValueError(f"expected none together with {variable('key_vault')}")
        if not in_vault and not keys and AppRole(info.data.get("role", AppRole.SINGLE)).works:
            raise ValueError(f"expected at least one key, or {variable('key_vault')} instead")
        return keys

    @field_validator("registries", "clusters", "hook_secrets", "session_keys")
    @classmethod
    def _what_the_role_needs_is_given[T: Sized](cls, given: T, info: ValidationInfo) -> T:
        role = AppRole(info.data.get("role", AppRole.SINGLE))
        needed = role.answers if info.field_name in FRONT_ONLY else role.works
        if needed and not given:
            raise ValueError(f"expected at least one: a {role} app needs it")
        return given

    @field_validator("public_keys")
    @classmethod
    def _checked_public_keys(cls, keys: dict[str, bytes] | KeysInFile) -> dict[str, bytes] | KeysInFile:
        return keys if isinstance(keys, KeysInFile) else checked_public(keys)

    @field_validator("session_keys")
    @classmethod
    def _keys_are_long_enough(cls, keys: dict[str, SecretBytes]) -> dict[str, SecretBytes]:
        if keys:
            checked_keys({key_id: key.get_secret_value() for key_id, key in keys.items()})
        return keys

    @field_validator("hook_secrets")
    @classmethod
    def _long_enough(cls, secrets: list[SecretStr]) -> list[SecretStr]:
        if any(len(secret.get_secret_value()) < SECRET_LENGTH for secret in secrets):
            raise ValueError(f"expected secrets of at least {SECRET_LENGTH} characters")
        return secrets

    @field_validator("registries")
    @classmethod
    def _one_name_each(cls, registries: dict[str, RegistrySettings]) -> dict[str, RegistrySettings]:
        """Events name their registry only by its login server, so no two names may share one."""
        servers = [registry.login_server.casefold() for registry in registries.values()]
        if len(set(servers)) < len(servers):
            raise ValueError("expected each login_server once, got one under two names")
        return registries

    @field_validator("clusters")
    @classmethod
    def _one_name_each_cluster(cls, clusters: dict[str, ClusterSettings]) -> dict[str, ClusterSettings]:
        """The guards of a place are found by its cluster's name, so a second name would bypass them."""
        if len({cluster.identity for cluster in clusters.values()}) < len(clusters):
            raise ValueError("expected each cluster once, got one under two names")
        return clusters

    @model_validator(mode="after")
    def _doubles_stay_on_laptops(self) -> Self:
        """Refuses a workflow on loopback, which is a double of Teams, unless the installation itself is on loopback."""
        if urlsplit(self.public_url).hostname not in LOOPBACK:
            for name, channel in self.channels.items():
                if isinstance(channel, WorkflowSettings) and channel.within_this_machine:
                    raise ValueError(f"{variable('channels')}.{name}.url: expected the address of a workflow")
        return self

    @field_validator("retention")
    @classmethod
    def _long_after_it_happened(cls, age: timedelta | None) -> timedelta | None:
        if age is not None and age < SHORTEST_RETENTION:
            raise ValueError(
                f"expected at least {SHORTEST_RETENTION.days}d, so that releases under way stay in the table"
            )
        return age

    @model_validator(mode="after")
    def _witnesses_are_channels(self) -> Self:
        unknown = [name for name in self.witnesses if name not in self.channels]
        if unknown:
            channels = ", ".join(sorted(self.channels)) or "none"
            raise ValueError(f"{variable('witnesses')}: expected names of channels ({channels}), got {unknown[0]!r}")
        return self

    @model_validator(mode="after")
    def _registrations_differ(self) -> Self:
        if self.sign_in_client_id.casefold() == self.votes_client_id.casefold():
            raise ValueError(
                f"{variable('votes_client_id')}: expected a registration other than {variable('sign_in_client_id')}, "
                "so that a sign-in can never pass for a vote"
            )
        return self

    @property
    def issuer_url(self) -> str:
        """The `iss` of the tenant's tokens."""
        return self.issuer.rstrip("/") or f"https://login.microsoftonline.com/{self.tenant_id.casefold()}/v2.0"

    @model_validator(mode="after")
    def _services_are_given(self) -> Self:
        if not self.storage_connection.get_secret_value() and not (self.table_endpoint and self.blob_endpoint):
            names = [variable(name) for name in ("table_endpoint", "blob_endpoint", "storage_connection")]
            raise ValueError("expected {} and {}, or {}".format(*names))
        if not self.service_bus.get_secret_value() and not self.service_bus_namespace:
            raise ValueError(f"expected {variable('service_bus')} or {variable('service_bus_namespace')}")
        return self

    @property
    def installation_name(self) -> str:
        return self.installation or (urlsplit(self.public_url).hostname or "")

    @classmethod
    def read(cls, environment: Mapping[str, str] | None = None) -> Self:
        """Read the settings from environment variables. Raises a `SettingsError` that names every invalid variable."""
        variables = os.environ if environment is None else environment
        values = {name: value for name in cls.model_fields if (value := variables.get(variable(name)))}
        problems = misspelt(cls, variables)
        problems += [
            f"{variable(name)}: a Key Vault reference in it could not be resolved"
            for name, value in values.items()
            if UNRESOLVED in value
        ]
        problems += foreign(values, variables) if not problems else []
        if problems:
            raise SettingsError("; ".join(problems))
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise SettingsError(explained(error)) from None

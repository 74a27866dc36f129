"""The registry double's settings, checked before anything listens."""

import json
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, StringConstraints, ValidationError, model_validator

from slipway.domain.model import Record

ACTIONS = frozenset({"pull", "push", "delete", "metadata_read", "metadata_write"})
IMPLIED = {"pull": "metadata_read", "push": "metadata_write"}
"""The actions that an action includes, as in the built-in roles Repository Reader and Repository Writer."""

DEFAULT_TOPIC = (
    "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/slipway-local"
    "/providers/Microsoft.ContainerRegistry/registries/local"
)
HttpUrl = Annotated[str, StringConstraints(pattern=r"^https?://[^\s/]+(/\S*)?$", max_length=2048)]


class Principal(Record):
    """Somebody who may sign in: by name and password, by an Entra access token, or by either."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._@-]{0,127}$")
    password: SecretStr | None = None
    entra_token: SecretStr | None = None
    allow: dict[str, str] = Field(
        default={},
        max_length=1000,
        description="Repository to actions, such as pull,push; the key * stands for the repositories not named.",
    )
    catalog: bool = Field(default=False, description="May list the repositories, as Repository Catalog Lister may.")

    @model_validator(mode="after")
    def _check_usable(self) -> Self:
        if self.password is None and self.entra_token is None:
            raise ValueError(f"principal {self.name!r}: expected a password, an entra_token or both, got neither")
        for repository, actions in self.allow.items():
            unknown = set(filter(None, actions.split(","))) - ACTIONS
            if unknown:
                raise ValueError(
                    f"principal {self.name!r}, repository {repository!r}: expected actions among "
                    f"{', '.join(sorted(ACTIONS))}, got {', '.join(sorted(unknown))}"
                )
        return self

    def actions_on(self, repository: str) -> frozenset[str]:
        listed = set(filter(None, self.allow.get(repository, self.allow.get("*", "")).split(",")))
        return frozenset(listed | {IMPLIED[action] for action in listed if action in IMPLIED})


class EventEndpoint(Record):
    """A webhook that receives push events, like an Event Grid subscription."""

    url: HttpUrl
    name: str = Field(default="SLIPWAY-LOCAL", pattern=r"^[A-Za-z0-9-]{3,64}$", description="Subscription name.")
    event_delivery_schema: Literal["EventGridSchema", "CloudEventSchemaV1_0"] = "EventGridSchema"
    handshake: bool = Field(default=True, description="Ask the endpoint to confirm before anything is delivered.")
    max_events_per_batch: int = Field(default=1, ge=1, le=5000)


class Events(Record):
    """How push events are created and delivered."""

    topic: str = Field(default=DEFAULT_TOPIC, pattern=r"^/subscriptions/\S+$", max_length=1024)
    endpoints: tuple[EventEndpoint, ...] = Field(default=(), max_length=20)
    max_attempts: int = Field(default=30, ge=1, le=30)
    time_to_live_minutes: int = Field(default=1440, ge=1, le=1440)
    time_scale: float = Field(default=1.0, gt=0, le=1, description="0.01 turns the wait of 10 s into 0.1 s.")
    repeat: int = Field(default=1, ge=1, le=20, description="Deliver every event this many times.")
    shuffle: bool = Field(default=False, description="Deliver in random order.")
    shuffle_window_seconds: float = Field(default=0.5, gt=0, le=60)
    seed: int | None = Field(default=None, description="Makes the shuffling repeatable.")
    dead_letter_file: Path | None = Field(default=None, description="JSON lines, one per event that was given up.")


class Settings(Record):
    """All settings of the double."""

    host: str = "127.0.0.1"
    port: int = Field(default=0, ge=0, le=65535, description="0 takes a free port.")
    directory: Path | None = Field(default=None, description="Where the content is kept; by default a temporary one.")
    backend: HttpUrl | None = Field(default=None, description="A docker-registry that keeps the content instead.")
    principals: tuple[Principal, ...] = Field(default=(), max_length=100)
    anonymous_pull: bool = False
    redirect_blobs: bool = Field(
        default=True, description="Respond to a blob GET with 307 to a signed URL, as ACR does."
    )
    data_host: str = Field(
        default="localhost",
        description="Host of the signed URLs; differs from `host`, so that clients see another domain.",
    )
    refresh_token_minutes: int = Field(default=180, ge=1, le=1440)
    access_token_minutes: int = Field(default=75, ge=1, le=1440)
    max_blob_bytes: int = Field(default=20 * 2**30, ge=1)
    events: Events = Events()

    @model_validator(mode="after")
    def _check_principals(self) -> Self:
        if not self.principals and not self.anonymous_pull:
            raise ValueError("principals: expected at least one, or anonymous_pull; nobody could use this registry")
        names = [principal.name for principal in self.principals]
        duplicates = sorted({name for name in names if names.count(name) > 1})
        if duplicates:
            raise ValueError(f"principals: the name {duplicates[0]!r} is used twice")
        if self.backend and self.directory:
            raise ValueError("directory: not allowed with backend, which keeps the content itself")
        return self


class SettingsError(ValueError):
    """The configuration file is invalid."""


def load(path: Path) -> Settings:
    """Read settings from a JSON file; errors name the file, the field, and what was expected."""
    try:
        return Settings.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror}") from error
    except json.JSONDecodeError as error:
        raise SettingsError(f"{path}, line {error.lineno}: expected JSON: {error.msg}") from error
    except ValidationError as error:
        raise SettingsError("\n".join(f"{path}: {line}" for line in explain(error))) from None


def explain(error: ValidationError) -> list[str]:
    """One line per problem, without the input, which may hold a secret."""
    return [
        f"{'.'.join(map(str, problem['loc'])) or 'settings'}: {problem['msg']}"
        for problem in error.errors(include_input=False, include_url=False)
    ]

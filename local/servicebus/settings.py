"""The settings of a bus: its queues and its key. The file given to `--config` has this shape."""

import json
import secrets
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator

_MAX_CONFIG_BYTES = 1 << 20
_KEY_NAME = r"^[A-Za-z0-9._-]{1,256}$"
_QUEUE_NAME = r"^[A-Za-z0-9](?:[A-Za-z0-9._/-]{0,258}[A-Za-z0-9])?$"


class SettingsError(ValueError):
    """The settings are invalid; the text names each field, what was expected and what it is."""


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Claim(StrEnum):
    """The rights that a rule gives to its key."""

    SEND = "send"
    LISTEN = "listen"


class AccessRule(_Settings):
    """A shared access policy of one queue: its key grants access to that queue only, with its claims.

    Several queues may have rules with the same name and key, so that one connection string works for them all, each
    with its own claims.
    """

    name: Annotated[str, Field(pattern=_KEY_NAME)]
    key: Annotated[SecretStr, Field(min_length=8, max_length=256)]
    claims: Annotated[frozenset[Claim], Field(min_length=1)]


class QueueSettings(_Settings):
    """One queue. The limits are those of the service, except that shorter lock times and windows are allowed, so that
    tests can see a lock expire."""

    name: Annotated[str, Field(pattern=_QUEUE_NAME)]
    lock_seconds: Annotated[float, Field(gt=0, le=300)] = 60
    max_delivery_count: Annotated[int, Field(ge=1, le=2000)] = 10
    requires_session: bool = False
    duplicate_detection_seconds: Annotated[float, Field(gt=0, le=7 * 86400)] | None = None
    default_ttl_seconds: Annotated[float, Field(gt=0)] | None = None
    dead_letter_on_expiration: bool = False
    max_size_megabytes: Annotated[int, Field(ge=1, le=5120)] = 1024
    rules: Annotated[tuple[AccessRule, ...], Field(max_length=12)] = ()

    @model_validator(mode="after")
    def _check_rule_names(self) -> Self:
        names = [rule.name for rule in self.rules]
        if len(set(names)) < len(names):
            raise ValueError("rules: expected each name once")
        return self


def _new_key() -> SecretStr:
    return SecretStr(secrets.token_urlsafe(32))


class BusSettings(_Settings):
    queues: Annotated[tuple[QueueSettings, ...], Field(min_length=1, max_length=1000)]
    key_name: Annotated[str, Field(pattern=_KEY_NAME)] = "RootManageSharedAccessKey"
    key: Annotated[SecretStr, Field(min_length=8, max_length=256)] = Field(default_factory=_new_key)
    bearer_token: Annotated[SecretStr, Field(min_length=8, max_length=16384)] | None = None
    idle_seconds: Annotated[float, Field(gt=0, le=3600)] = 240
    """A peer that is silent for longer is cut off. The Python SDK checks every 30 seconds whether a sign of life is
    due, so values below two minutes cut off its idle connections."""

    @model_validator(mode="after")
    def _check_queue_names(self) -> Self:
        names = [queue.name.casefold() for queue in self.queues]
        duplicates = sorted({name for name in names if names.count(name) > 1})
        if duplicates:
            raise ValueError(f"queues: the name {duplicates[0]!r} is used twice (case does not count)")
        return self

    @model_validator(mode="after")
    def _check_keys(self) -> Self:
        keys = [self.key, *(rule.key for queue in self.queues for rule in queue.rules)]
        if any(";" in key.get_secret_value() for key in keys):
            raise ValueError("key: expected text without ';', which separates the parts of a connection string")
        return self


def read_settings(path: Path) -> BusSettings:
    """The settings in a JSON file."""
    try:
        size = path.stat().st_size
        if size > _MAX_CONFIG_BYTES:
            raise SettingsError(f"{path}: expected at most {_MAX_CONFIG_BYTES} bytes, got {size}")
        content = json.loads(path.read_bytes())
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise SettingsError(f"{path}: expected JSON: {error}") from error
    try:
        return BusSettings.model_validate(content)
    except ValidationError as error:
        raise SettingsError(_explain(path, error)) from error


def _explain(path: Path, error: ValidationError) -> str:
    secret = {"key", "bearer_token"}
    lines = []
    for problem in error.errors(include_url=False):
        path_text = ".".join(str(part) for part in problem["loc"])
        input_text = "" if not path_text or secret & set(problem["loc"]) else f", got {problem['input']!r:.80}"
        lines.append(f"{path}: {path_text or 'settings'}: {problem['msg']}{input_text}")
    return "\n".join(lines)

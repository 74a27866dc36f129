"""Repositories, tags and manifests as the registry knows them, as frozen values."""

from dataclasses import dataclass
from datetime import UTC, datetime

from pydantic import Field

from slipway.domain.model import Record


class Attributes(Record):
    """The locks, by their names in ACR's metadata API."""

    delete_enabled: bool = Field(default=True, alias="deleteEnabled")
    write_enabled: bool = Field(default=True, alias="writeEnabled")
    read_enabled: bool = Field(default=True, alias="readEnabled")
    list_enabled: bool = Field(default=True, alias="listEnabled")

    def with_changes(self, changes: dict[str, bool]) -> "Attributes":
        return Attributes.model_validate({**self.model_dump(by_alias=True), **changes})


OPEN = Attributes()
LOCK_NAMES = frozenset(OPEN.model_dump(by_alias=True))


@dataclass(frozen=True, kw_only=True)
class Repository:
    """A repository with its counts."""

    name: str
    created: str
    updated: str
    manifests: int
    tags: int
    attributes: Attributes


@dataclass(frozen=True, kw_only=True)
class Tag:
    """A tag and the digest to which it points."""

    name: str
    digest: str
    created: str
    updated: str
    attributes: Attributes


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """A manifest's metadata; its bytes are in the content store."""

    digest: str
    media_type: str
    size: int
    image_size: int
    artifact_type: str | None
    config_media_type: str | None
    architecture: str | None
    os: str | None
    annotations: dict[str, str]
    children: tuple[tuple[str, str | None, str | None], ...]
    subject: str | None
    created: str
    updated: str
    attributes: Attributes


def moment(now: datetime) -> str:
    """ACR's time format: UTC with seven digits."""
    return now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f0Z")

"""The double's settings when it runs as a process. The file given to `--config` has this shape."""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from .organization import TENANT
from .seeding import Somebody


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ReaderSettings(_Settings):
    """A service principal, or a managed identity, that is a member of the organization."""

    name: str = "slipway-worker"
    oid: str
    projects: frozenset[str] | None = None
    basic: bool = True
    people: bool = True


class Settings(_Settings):
    organization: str = "contoso"
    projects: dict[str, str] = Field(default_factory=dict)
    """Name → id."""
    tenant: str = TENANT
    keys_url: Annotated[str, Field(pattern=r"^http://(127\.0\.0\.1|localhost):\d+/")] | None = None
    """The address of the public keys of the tenant's tokens; without it no token is accepted."""
    people: tuple[Somebody, ...] = ()
    readers: tuple[ReaderSettings, ...] = ()
    journal: Path | None = None
    """A file that keeps the double's content across restarts; without it every start begins empty."""


def load(file: Path) -> Settings:
    """Raises `pydantic.ValidationError`, `OSError`."""
    return Settings.model_validate_json(file.read_bytes())

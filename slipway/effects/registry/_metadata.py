"""Features of Azure Container Registry only: tags by time, and locks. Uses Azure's own client.

That client would sign in for every request, so it gets the `Authorization` header of our session instead. It is
imported inside the functions because the import takes a large part of a second, and most invocations do not need it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from ._answers import error_type, in_brackets, reason_in
from ._errors import ErrorSubject, RegistryError, TagTaken, Throttled, Unreachable
from ._session import RegistrySession

if TYPE_CHECKING:
    from azure.containerregistry import ArtifactManifestProperties, ArtifactTagProperties, ContainerRegistryClient

_TOO_MANY_REQUESTS: Final = 429
_FIRST_SERVER_ERROR: Final = 500
_LARGEST_PAGE: Final = 100


@dataclass(frozen=True, kw_only=True)
class TagInfo:
    """A tag and its present digest."""

    tag: str
    digest: str
    updated_at: datetime | None
    """None if the registry keeps no times."""


class Lock(StrEnum):
    """The result of locking a tag."""

    LOCKED = "locked"
    """Neither the tag nor its manifest can be changed or deleted."""
    NOT_SUPPORTED = "not supported"
    """This registry has no locks: it is not an Azure Container Registry."""


def recent_tags(session: RegistrySession, repository: str, limit: int) -> list[TagInfo]:
    """Newest first. Raises `NotInRegistry` if the registry does not have the repository or the API."""
    where = session.where(repository)
    with _client(session, where, f"repository:{repository}:metadata_read") as (client, options):
        pages = client.list_tag_properties(
            repository, order_by="timedesc", results_per_page=min(limit, _LARGEST_PAGE), **options
        )
        return [
            TagInfo(tag=properties.name, digest=properties.digest, updated_at=properties.last_updated_on)
            for properties in islice(pages, limit)
        ]


def lock(session: RegistrySession, repository: str, tag: str, digest: str) -> None:
    """Make the manifest and then the tag read-only, unless they are already.

    Raises `NotInRegistry` if the registry does not have the API.
    """
    where = session.where(repository, tag)
    with _client(session, where, f"repository:{repository}:metadata_read,metadata_write") as (client, options):
        if not _is_locked(client.get_manifest_properties(repository, digest, **options)):
            client.update_manifest_properties(repository, digest, can_write=False, can_delete=False, **options)
        properties = client.get_tag_properties(repository, tag, **options)
        if not _is_locked(properties):
            properties = client.update_tag_properties(repository, tag, can_write=False, can_delete=False, **options)
        if properties.digest != digest:
            raise TagTaken(where, f"it was moved from {digest} to {properties.digest} while it was being locked")


def unlock_tag(session: RegistrySession, repository: str, tag: str) -> None:
    """Allow the tag to be moved; its manifest stays locked. Raises `NotInRegistry` if the registry lacks this API."""
    where = session.where(repository, tag)
    with _client(session, where, f"repository:{repository}:metadata_read,metadata_write") as (client, options):
        if client.get_tag_properties(repository, tag, **options).can_write is False:
            client.update_tag_properties(repository, tag, can_write=True, can_delete=True, **options)


def _is_locked(properties: "ArtifactTagProperties | ArtifactManifestProperties") -> bool:
    return properties.can_write is False and properties.can_delete is False


@contextmanager
def _client(
    session: RegistrySession, where: ErrorSubject, scope: str
) -> Iterator[tuple["ContainerRegistryClient", dict[str, Any]]]:
    """Azure's client with our token, and its errors turned into ours."""
    from azure.containerregistry import ContainerRegistryClient  # noqa: PLC0415 - slow
    from azure.core.exceptions import AzureError  # noqa: PLC0415 - slow

    limits = session.around.limits
    client = ContainerRegistryClient(
        session.endpoint.url,
        None,
        headers=session.authorization((scope,)),
        retry_total=limits.attempts - 1,
        retry_backoff_factor=limits.first_pause,
        retry_backoff_max=limits.longest_pause,
        connection_timeout=limits.connect_seconds,
        read_timeout=limits.read_seconds,
    )
    # The client refuses plain http, which is used only on loopback.
    options: dict[str, Any] = {"enforce_https": False} if session.endpoint.is_loopback else {}
    with client:
        try:
            yield client, options
        except AzureError as error:
            raise _translated(error, where) from None


def _translated(error: Exception, where: ErrorSubject) -> RegistryError:
    status = getattr(error, "status_code", None)
    doing = "the registry's metadata API"
    if not isinstance(status, int):
        return Unreachable(where, f"{doing} failed: {type(error).__name__}")
    if status >= _FIRST_SERVER_ERROR:
        return Unreachable(where, f"{doing} answers {status}")
    code, reason = reason_in(getattr(getattr(error, "response", None), "content", b""))
    kind = Throttled if status == _TOO_MANY_REQUESTS else error_type(status, code, reason)
    return kind(where, f"{doing} answers {status}{in_brackets(code, reason)}")

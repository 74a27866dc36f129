"""Container registry events, in Event Grid's schema or as CloudEvents: which image was pushed where."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import BaseModel

from ...domain.causes import ImagePushed
from ...domain.model import DIGEST_PATTERN, REPOSITORY_PATTERN, TAG_PATTERN
from .reading import BadInput, Ignored, Incoming, read_as

PUSHED = "Microsoft.ContainerRegistry.ImagePushed"


@dataclass(frozen=True, kw_only=True)
class EventSource:
    """A registry whose events count."""

    name: str
    login_server: str
    resource_id: str = ""
    """ARM id; where it is set, only events of exactly this registry count."""


class _Target(Incoming):
    mediaType: str = ""  # noqa: N815 - names of the event
    digest: str
    repository: str
    tag: str | None = None


class _Request(Incoming):
    host: str = ""


class _Actor(Incoming):
    name: str = ""


class _Data(Incoming):
    timestamp: datetime | None = None
    action: str = "push"
    target: _Target
    request: _Request = _Request()
    actor: _Actor = _Actor()


class RegistryEvent(BaseModel):
    """The envelope, whichever schema it came in."""

    type: str
    source: str
    """ARM id of the registry: `topic` in Event Grid's schema, `source` in CloudEvents."""
    time: datetime | None = None
    data: Any = None


def parse_image_event(event: RegistryEvent, sources: Mapping[str, EventSource], *, now: datetime) -> ImagePushed:
    """The push as a cause. `sources` are by login server. Raises `Ignored` or `BadInput`."""
    if event.type != PUSHED:
        raise Ignored(f"events of type {event.type[:100]!r} start nothing")
    data = read_as(_Data, event.data)
    target = data.target
    if not target.tag:
        raise Ignored(f"{target.repository[:100]} was pushed without a tag: a platform or a referrer of an image")
    if target.tag.startswith("sha256-"):
        raise Ignored(f"the tag {target.tag[:100]} carries a signature or an SBOM")
    _check("target.digest", target.digest, DIGEST_PATTERN, "sha256: and 64 hexadecimal digits")
    _check("target.repository", target.repository, REPOSITORY_PATTERN, "a repository such as team/shop")
    _check("target.tag", target.tag, TAG_PATTERN, "a tag of at most 128 letters, digits, dots, dashes, underscores")
    source = _source(data.request.host, event.source, sources)
    pushed_at = data.timestamp or event.time or now
    return ImagePushed(
        received_at=now,
        registry=source.name,
        repository=target.repository,
        digest=target.digest,
        tag=target.tag,
        media_type=target.mediaType[:256],
        pushed_at=pushed_at if pushed_at.tzinfo else pushed_at.replace(tzinfo=now.tzinfo),
        actor=data.actor.name[:256],
    )


def _source(host: str, resource_id: str, sources: Mapping[str, EventSource]) -> EventSource:
    source = sources.get(host.casefold())
    if source is None:
        known = ", ".join(sorted(sources)) or "none"
        raise BadInput("request.host", f"a registry of this installation ({known})", repr(host[:100]))
    if source.resource_id and source.resource_id.casefold() != resource_id.casefold():
        raise BadInput("topic", f"the registry {source.name} of this installation", repr(resource_id[:200]))
    return source


def _check(field: str, value: str, pattern: str, expected: str) -> None:
    if re.fullmatch(pattern, value) is None or len(value) > 255:  # noqa: PLR2004 - the longest repository name
        raise BadInput(field, expected, repr(value[:100]))

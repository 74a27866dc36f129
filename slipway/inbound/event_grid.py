"""Image pushes reported by container registries, in Event Grid's schema or as CloudEvents."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..domain.events import ImagePushed
from ..domain.incoming import ForeignModel, Time
from ..domain.model import DIGEST_PATTERN, REPOSITORY_PATTERN, TAG_PATTERN
from .reading import BadInput, Ignored, plausible_time, read_as, read_json

PUSHED = "Microsoft.ContainerRegistry.ImagePushed"
_PUSH = "push"
LONGEST = 255
"""The most characters of a repository's name; digests and tags are shorter."""


@dataclass(frozen=True, kw_only=True)
class EventSource:
    """A registry whose events are accepted."""

    name: str
    login_server: str
    resource_id: str = ""
    """Azure resource id; if set, only events of exactly this registry are accepted."""


class _Target(ForeignModel):
    mediaType: str = ""  # noqa: N815 - names of the event
    digest: str
    repository: str
    tag: str | None = None


class _Request(ForeignModel):
    host: str = ""


class _Actor(ForeignModel):
    name: str = ""


class _Data(ForeignModel):
    timestamp: Time | None = None
    action: str = "push"
    target: _Target
    request: _Request = _Request()
    actor: _Actor = _Actor()


class _Envelope(ForeignModel):
    type: str
    source: str = ""
    time: Time | None = None
    data: Any = None


def registry_event(*, type: Any, source: Any, time: datetime | None, data: Any) -> bytes:
    """The JSON form in which an event of either schema is parsed and, if necessary, parked.

    `source` is the ARM id of the registry: `topic` in Event Grid's schema, `source` in CloudEvents.
    """
    event = {"type": type, "source": source, "time": time.isoformat() if time else None, "data": data}
    try:
        return json.dumps(event).encode()
    except RecursionError:
        return json.dumps(event | {"data": "(nested too deeply to be kept)"}).encode()


def _one_form(value: Any) -> Any:
    """An event as Event Grid delivers it to a queue, in its own schema, in the form that `registry_event` writes. A
    CloudEvent already has that form, and more fields."""
    if not isinstance(value, dict) or "eventType" not in value:
        return value
    event = {name: value.get(field) for name, field in (("type", "eventType"), ("time", "eventTime"), ("data", "data"))}
    return {**event, "source": value.get("topic", "")}


def parse_image_event(body: bytes, sources: Mapping[str, EventSource], *, now: datetime) -> ImagePushed:
    """Parse a push: as Event Grid delivers it in either schema, or as `registry_event` writes it. `sources` are by
    login server.

    Raises `Ignored` or `BadInput`.
    """
    event = read_as(_Envelope, _one_form(read_json(body)))
    if event.type != PUSHED:
        raise Ignored(f"events of type {event.type[:100]!r} start nothing")
    data = read_as(_Data, event.data, at="data")
    target = data.target
    if data.action.casefold() != _PUSH:
        raise Ignored(f"the action {data.action[:100]!r} is not a push")
    if not target.tag:
        raise Ignored(f"{target.repository[:100]} was pushed without a tag: a platform or a referrer of an image")
    if is_attached_to_image(target.tag):
        raise Ignored(f"the tag {target.tag[:100]} carries a signature or an SBOM")
    _check("data.target.digest", target.digest, DIGEST_PATTERN, "sha256: and 64 hexadecimal digits")
    _check("data.target.repository", target.repository, REPOSITORY_PATTERN, "a repository such as team/shop")
    _check(
        "data.target.tag", target.tag, TAG_PATTERN, "a tag of at most 128 letters, digits, dots, dashes, underscores"
    )
    source = _source(data.request.host, event.source, sources)
    return ImagePushed(
        received_at=now,
        registry=source.name,
        repository=target.repository,
        digest=target.digest,
        tag=target.tag,
        media_type=target.mediaType[:256],
        pushed_at=plausible_time(data.timestamp or event.time, now),
        actor=data.actor.name[:256],
    )


def is_attached_to_image(tag: str) -> bool:
    """Whether the tag names a signature or SBOM instead of an image; clients without the referrers API set such
    tags."""
    return tag.startswith("sha256-")


def _source(host: str, resource_id: str, sources: Mapping[str, EventSource]) -> EventSource:
    """The registry of the topic, which only that registry can send from. If the settings have no topic, the registry
    that the event itself names. If both are known, they have to agree."""
    login_server = host.casefold().removesuffix(":443").removesuffix(".")
    topic = resource_id.casefold()
    by_topic = next((s for s in sources.values() if s.resource_id and s.resource_id.casefold() == topic), None)
    if by_topic is not None:
        if login_server not in ("", by_topic.login_server.casefold()):
            expected = f"{by_topic.login_server}, the registry of the topic"
            raise BadInput("data.request.host", expected, repr(host[:100]))
        return by_topic
    source = sources.get(login_server)
    if source is None:
        names = ", ".join(sorted(sources)) or "none"
        raise BadInput("data.request.host", f"a registry of this installation ({names})", repr(host[:100]))
    if source.resource_id:
        raise BadInput("topic", f"the registry {source.name} of this installation", repr(resource_id[:200]))
    return source


def _check(field: str, value: str, pattern: str, expected: str) -> None:
    if len(value) > LONGEST or re.fullmatch(pattern, value) is None:
        raise BadInput(field, expected, repr(value[:100]))

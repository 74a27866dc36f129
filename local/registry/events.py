"""The event of a push or a delete, in the Event Grid schema or as CloudEvents 1.0.

The fields are those of "Azure Container Registry as an Event Grid source". A push by digest has no tag, and the
optional fields (actor, source, addr, url) are left out, as in the samples there.
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from .documents import Document
from .records import Manifest, moment
from .tokens import Now

PUSHED, DELETED = "Microsoft.ContainerRegistry.ImagePushed", "Microsoft.ContainerRegistry.ImageDeleted"


@dataclass(frozen=True, kw_only=True)
class Event:
    """One event, independent of the schema in which it is sent."""

    id: str
    topic: str
    subject: str
    type: str
    time: datetime
    data: dict[str, Any]

    def in_event_grid_schema(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "topic": self.topic,
            "subject": self.subject,
            "eventType": self.type,
            "eventTime": moment(self.time),
            "data": self.data,
            "dataVersion": "1.0",
            "metadataVersion": "1",
        }

    def in_cloud_event_schema(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "source": self.topic,
            "subject": self.subject,
            "type": self.type,
            "time": moment(self.time),
            "data": self.data,
            "specversion": "1.0",
        }


class Announcer:
    """Creates an event for each accepted push and delete, and passes it to the delivery."""

    def __init__(self, *, topic: str, now: Now, send: Callable[[Event], None]) -> None:
        self._topic = topic
        self._now = now
        self._send = send

    def announce_push(self, request: web.Request, repository: str, document: Document, tag: str | None) -> None:
        target: dict[str, Any] = {
            "mediaType": document.media_type,
            "size": document.size,
            "digest": document.digest,
            "length": document.size,
            "repository": repository,
        }
        if tag is not None:
            target["tag"] = tag
        subject = repository if tag is None else f"{repository}:{tag}"
        self._announce(PUSHED, "push", subject, target, request)

    def announce_deletion(self, request: web.Request, repository: str, manifest: Manifest) -> None:
        target = {"mediaType": manifest.media_type, "digest": manifest.digest, "repository": repository}
        self._announce(DELETED, "delete", repository, target, request)

    def _announce(self, kind: str, action: str, subject: str, target: dict[str, Any], request: web.Request) -> None:
        now = self._now()
        data = {
            "id": str(uuid.uuid4()),
            "timestamp": now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f") + "000Z",
            "action": action,
            "target": target,
            "request": {
                "id": str(uuid.uuid4()),
                "host": request.host,
                "method": request.method,
                "useragent": request.headers.get("User-Agent", ""),
            },
        }
        self._send(Event(id=str(uuid.uuid4()), topic=self._topic, subject=subject, type=kind, time=now, data=data))

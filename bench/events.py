"""The events that the benchmarks send: pushes as Event Grid delivers them, and runs as Azure DevOps does."""

import base64
import hashlib
import json
import time
import uuid
from datetime import UTC, datetime
from typing import Any, Final

import urllib3

from local.ci.pipeline import build_complete, run_of
from local.stack import Stack
from local.stack.configuration import TOPIC
from local.stack.stack import EVENT_PATH

ACCEPTED: Final = (200, 202)


def digest_of(text: str) -> str:
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def push_event(stack: Stack, *, repository: str, tag: str, digest: str) -> dict[str, Any]:
    now = datetime.now(UTC).isoformat()
    return {
        "id": str(uuid.uuid4()),
        "topic": TOPIC + "nonprod",
        "subject": f"{repository}:{tag}",
        "eventType": "Microsoft.ContainerRegistry.ImagePushed",
        "eventTime": now,
        "dataVersion": "1.0",
        "metadataVersion": "1",
        "data": {
            "id": str(uuid.uuid4()),
            "timestamp": now,
            "action": "push",
            "target": {
                "mediaType": "application/vnd.oci.image.index.v1+json",
                "size": 700,
                "digest": digest,
                "length": 700,
                "repository": repository,
                "tag": tag,
            },
            "request": {"id": str(uuid.uuid4()), "host": stack.registries["nonprod"], "method": "PUT"},
        },
    }


def send_push(stack: Stack, *, repository: str, tag: str, digest: str) -> float:
    """Deliver the event as Event Grid would; returns the time at which it was sent, by `time.monotonic()`."""
    event = push_event(stack, repository=repository, tag=tag, digest=digest)
    address = stack.url + EVENT_PATH + stack.secrets.event_grid_key
    begin = time.monotonic()
    response = stack.http.request("POST", address, body=json.dumps([event]), headers={"aeg-event-type": "Notification"})
    if response.status not in ACCEPTED:
        raise RuntimeError(f"the push event got the response {response.status}: {response.data[:300]!r}")
    return begin


def hook_body(number: int) -> bytes:
    """The service hook for one CI run."""
    return json.dumps(build_complete(run_of(f"9.0.{number}"), "succeeded")).encode()


def hook_headers(secret: str) -> dict[str, str]:
    password = base64.b64encode(f"slipway:{secret}".encode()).decode()
    return {"Authorization": f"Basic {password}", "Content-Type": "application/json"}


def pool(connections: int = 1) -> urllib3.PoolManager:
    return urllib3.PoolManager(retries=False, timeout=60, maxsize=connections)

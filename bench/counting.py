"""Counts what Table Storage charges for, by a hook of the SDK: requests, and the entities in their responses."""

import json
import threading
from dataclasses import dataclass
from typing import Any

from azure.core.pipeline import PipelineResponse


@dataclass(frozen=True, kw_only=True)
class Counted:
    """Requests, and the entities that they returned."""

    requests: int = 0
    entities: int = 0

    def __sub__(self, earlier: "Counted") -> "Counted":
        return Counted(requests=self.requests - earlier.requests, entities=self.entities - earlier.entities)


class TableCounter:
    """Pass it to a client: `TableServiceClient(…, raw_response_hook=counter)`. The clients of its tables get it too (as
    they would not get a policy), and retries are counted, since they are charged."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counted = Counted()

    def counts(self) -> Counted:
        """The counts so far; subtract two of them to get what happened in between."""
        with self._lock:
            return self._counted

    def __call__(self, response: PipelineResponse[Any, Any]) -> None:
        entities = _entities(response.http_response) if response.http_request.method == "GET" else 0
        with self._lock:
            self._counted = Counted(requests=self._counted.requests + 1, entities=self._counted.entities + entities)


def _entities(response: Any) -> int:
    """Entities in a response: a list of them, or a single one."""
    try:
        content = json.loads(response.body())
    except ValueError:
        return 0
    entities = content.get("value") if isinstance(content, dict) else None
    if isinstance(entities, list):
        return len(entities)
    return int(isinstance(content, dict) and "RowKey" in content)

"""Counts what Table Storage charges for: requests, and the entities in their answers. A hook of the SDK."""

import json
import threading
from dataclasses import dataclass
from typing import Any

from azure.core.pipeline import PipelineResponse


@dataclass(frozen=True, kw_only=True)
class Counted:
    """The requests that passed."""

    requests: int = 0
    entities: int = 0

    def __sub__(self, other: "Counted") -> "Counted":
        return Counted(requests=self.requests - other.requests, entities=self.entities - other.entities)


class TableCounter:
    """Give it to a client: `TableServiceClient(…, raw_response_hook=counter)`; its tables have it too, and retries are
    counted as they are charged. (Policies that a service client is given do not reach its tables' clients.)"""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counted = Counted()

    def now(self) -> Counted:
        """The requests so far; the difference of two counts is that in between."""
        with self._lock:
            return self._counted

    def __call__(self, response: PipelineResponse[Any, Any]) -> None:
        found = _entities(response.http_response) if response.http_request.method == "GET" else 0
        with self._lock:
            self._counted = Counted(requests=self._counted.requests + 1, entities=self._counted.entities + found)


def _entities(response: Any) -> int:
    """Entities in an answer: a list of them, or a single one."""
    try:
        content = json.loads(response.body())
    except ValueError:
        return 0
    listed = content.get("value") if isinstance(content, dict) else None
    if isinstance(listed, list):
        return len(listed)
    return int(isinstance(content, dict) and "RowKey" in content)

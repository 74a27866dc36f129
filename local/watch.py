"""Follows releases from outside, through the JSON API, as any script could."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import urllib3

PAUSE = 0.05
OK = 200


class TooSlow(Exception):  # noqa: N818
    """The awaited event did not happen in time."""


class Watcher:
    """Reads one application's audit trail and releases."""

    def __init__(self, url: str, key: str, application: str) -> None:
        self._url, self._key, self.application = url, key, application
        self._http = urllib3.PoolManager(retries=False, timeout=30)
        self.sequence = 0

    def get(self, path: str) -> Any:
        response = self._http.request("GET", self._url + path, headers={"x-functions-key": self._key})
        if response.status != OK:
            raise RuntimeError(
                f"GET {path.partition('?')[0]} got the status {response.status}: {response.data[:300]!r}"
            )
        return response.json()

    def new_records(self) -> list[dict[str, Any]]:
        """Audit records after the last one that was read."""
        page = self.get(f"/api/v1/audit/{self.application}?after={self.sequence}&limit=500")
        records: list[dict[str, Any]] = page["records"]
        return records

    def follow(
        self,
        until: Callable[[dict[str, Any]], bool],
        *,
        within: float,
        meanwhile: Callable[[], None] = lambda: None,
    ) -> Iterator[dict[str, Any]]:
        """Yield records as they are written, up to and including the first for which `until` is true. Raises `TooSlow`.

        `meanwhile` is called whenever there is nothing new.
        """
        end = time.monotonic() + within
        while time.monotonic() < end:
            for record in self.new_records():
                self.sequence = record["sequence"]
                yield record
                if until(record):
                    return
            meanwhile()
            time.sleep(PAUSE)
        raise TooSlow(f"the awaited record was not written within {within:.0f} s")

    def release(self, release: str) -> dict[str, Any]:
        release_document: dict[str, Any] = self.get(f"/api/v1/releases/{release}")
        return release_document

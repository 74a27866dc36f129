"""Keeps the double's content in a file, so that it still knows its runs after a restart.

Each line is one request that `seeding` accepts, with its time. Replayed in their order and at their times, the requests
give the same commits, runs and records as before.
"""

import json
import os
import threading
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import IO, Any

from pydantic import BaseModel, ValidationError

from .answers import Response
from .organization import Organization
from .seeding import deliver_over_http


class _JournalLine(BaseModel):
    """A line of the file."""

    at: datetime
    path: str
    body: dict[str, Any]


class Journal:
    """Carries out the requests for an organization, those in the file first.

    Raises `OSError`, `ValueError`.
    """

    def __init__(self, organization: Organization, file: Path) -> None:
        self._organization = organization
        self._lock = threading.Lock()
        if file.exists():
            self._play(file)
        self._file: IO[str] = os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "a")

    def take(self, path: str, body: bytes) -> Response:
        """Carry out a request under `/local`, and write it down if it succeeds; returns the response."""
        with self._lock:
            at, clock = self._organization.now(), self._organization.clock
            # One time for all that the request makes, now and in each replay.
            self._organization.clock = partial(_fixed_time, at)
            try:
                response = deliver_over_http(self._organization, path, body)
            finally:
                self._organization.clock = clock
            if response.status == 200:
                line = _JournalLine(at=at, path=path, body=json.loads(body))
                self._file.write(line.model_dump_json() + "\n")
                self._file.flush()
            return response

    def _play(self, file: Path) -> None:
        clock = self._organization.clock
        try:
            for number, line in enumerate(file.read_text().splitlines(), start=1):
                try:
                    entry = _JournalLine.model_validate_json(line)
                except ValidationError as error:
                    raise ValueError(f"{file}, line {number}: {error}") from error
                self._organization.clock = partial(_fixed_time, entry.at.astimezone(UTC))
                response = deliver_over_http(self._organization, entry.path, json.dumps(entry.body).encode())
                if response.status != 200:
                    raise ValueError(f"{file}, line {number}: it cannot be replayed: {response.content}")
        finally:
            self._organization.clock = clock


def _fixed_time(moment: datetime) -> datetime:
    return moment

"""Keeps the double's content in a file, so that a restarted organization knows its runs.

Each line is one story as `seeding` takes it, with its time. Played again in their order and at their times, the stories
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

from .answers import Answer
from .organization import Organization
from .seeding import deliver_over_http


class _JournalLine(BaseModel):
    """A line of the file."""

    at: datetime
    path: str
    body: dict[str, Any]


class Journal:
    """Takes the stories of an organization. Those of the file happen when it is made.

    Raises `OSError`, `ValueError`.
    """

    def __init__(self, organization: Organization, file: Path) -> None:
        self._organization = organization
        self._lock = threading.Lock()
        if file.exists():
            self._play(file)
        self._file: IO[str] = os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "a")

    def take(self, path: str, body: bytes) -> Answer:
        """The answer to a request under `/local`; what happened is written down."""
        with self._lock:
            at, clock = self._organization.now(), self._organization.clock
            self._organization.clock = partial(
                _at, at
            )  # so that it happens at one time, today and when it is played again
            try:
                answer = deliver_over_http(self._organization, path, body)
            finally:
                self._organization.clock = clock
            if answer.status == 200:
                told = _JournalLine(at=at, path=path, body=json.loads(body))
                self._file.write(told.model_dump_json() + "\n")
                self._file.flush()
            return answer

    def _play(self, file: Path) -> None:
        clock = self._organization.clock
        try:
            for number, line in enumerate(file.read_text().splitlines(), start=1):
                try:
                    told = _JournalLine.model_validate_json(line)
                except ValidationError as error:
                    raise ValueError(f"{file}, line {number}: {error}") from error
                self._organization.clock = partial(_at, told.at.astimezone(UTC))
                answer = deliver_over_http(self._organization, told.path, json.dumps(told.body).encode())
                if answer.status != 200:
                    raise ValueError(f"{file}, line {number}: it cannot happen again: {answer.content}")
        finally:
            self._organization.clock = clock


def _at(moment: datetime) -> datetime:
    return moment

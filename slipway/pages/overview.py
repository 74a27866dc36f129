"""The first page: every application with its environments, and the newest releases."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..domain.release import Release
from ..flow.reading import Reader
from . import times, words
from .answer import Answer, html
from .signin import Visitor
from .templating import render
from .words import Sign

NEWEST = 20


@dataclass(frozen=True, kw_only=True)
class ReleaseRow:
    """One release in the list."""

    id: str
    tag: str
    sign: Sign
    environment: str
    reason: str
    created_at: datetime
    age: str


def row(release: Release, now: datetime) -> ReleaseRow:
    return ReleaseRow(
        id=release.id,
        tag=release.tag,
        sign=words.phase(release.phase),
        environment=release.environment or "",
        reason=release.reason,
        created_at=release.created_at,
        age=times.relative(release.created_at, now),
    )


def overview(
    applications: list[dict[str, Any]], releases: list[Release], *, now: datetime, visitor: Visitor | None = None
) -> str:
    """`applications` as `Reader.applications` gives them."""
    rows = tuple(row(release, now) for release in releases)
    return render("overview.html", applications=applications, releases=rows, now=now, reader=visitor, ago=_ago(now))


def _ago(now: datetime) -> Any:
    return lambda text: times.relative(datetime.fromisoformat(text), now)


def show(reader: Reader, visitor: Visitor | None = None) -> Answer:
    releases = reader.releases(None, limit=NEWEST)
    return html(overview(reader.applications(), releases, now=reader.clock(), visitor=visitor))

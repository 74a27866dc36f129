"""Parked input: what it was, why it could not be handled, and how to replay it. The page is read-only."""

from dataclasses import dataclass
from datetime import datetime

from ..domain.reports import Parked
from ..engine.parking import Parking
from . import times
from .answer import Answer, kept
from .signin import Visitor
from .templating import render
from .text import visible, without_tokens

BODY_SHOWN = 1500
ITEMS_SHOWN = 25


@dataclass(frozen=True, kw_only=True)
class ParkedView:
    """One input."""

    id: str
    source: str
    reason: str
    body: str
    """Its beginning. The token of a vote is masked: whoever holds it can vote."""
    shortened: bool
    parked_at: datetime
    age: str
    replayed_at: datetime | None


def show(parking: Parking, visitor: Visitor) -> Answer:
    """Raises `LedgerUnavailable`."""
    now = parking.clock()
    listed, further = parking.listed()
    items = sorted(listed, key=lambda item: (item.replayed_at is not None, -item.parked_at.timestamp()))
    waiting = sum(item.replayed_at is None for item in items)
    return kept(
        render(
            "parked.html",
            items=tuple(_view(item, now) for item in items[:ITEMS_SHOWN]),
            waiting=waiting,
            more=max(len(items) - ITEMS_SHOWN, 0),
            further=further,
            now=now,
            reader=visitor,
            here="parked",
        )
    )


def _view(item: Parked, now: datetime) -> ParkedView:
    body = visible(without_tokens(item.body[: 4 * BODY_SHOWN]))
    return ParkedView(
        id=item.id,
        source=item.source,
        reason=visible(item.reason),
        body=body[:BODY_SHOWN],
        shortened=item.truncated or len(body) > BODY_SHOWN or len(item.body) > 4 * BODY_SHOWN,
        parked_at=item.parked_at,
        age=times.relative(item.parked_at, now),
        replayed_at=item.replayed_at,
    )

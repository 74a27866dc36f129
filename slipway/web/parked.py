"""Parked input: what it was, why it could not be handled, and how to replay it. The page is read-only."""

from ..domain.reports import Parked
from ..engine.parking import Parking
from ..text import visible, without_tokens
from .answer import Answer, cacheable
from .signin import Visitor
from .templating import render

BODY_SHOWN = 1500
ITEMS_SHOWN = 25


def show_parked(parking: Parking, visitor: Visitor) -> Answer:
    """Raises `LedgerUnavailable`."""
    now = parking.clock()
    listed, further = parking.listed()
    items = sorted(listed, key=lambda item: (item.replayed_at is not None, -item.parked_at.timestamp()))
    waiting = sum(item.replayed_at is None for item in items)
    return cacheable(
        render(
            "parked.html",
            items=[(item, *_beginning(item)) for item in items[:ITEMS_SHOWN]],
            waiting=waiting,
            more=max(len(items) - ITEMS_SHOWN, 0),
            further=further,
            now=now,
            reader=visitor,
            here="parked",
        )
    )


def _beginning(item: Parked) -> tuple[str, bool]:
    """The beginning of its body, and whether there is more. A vote's token is masked: its holder can vote."""
    body = visible(without_tokens(item.body[: 4 * BODY_SHOWN]))
    return body[:BODY_SHOWN], item.truncated or len(body) > BODY_SHOWN or len(item.body) > 4 * BODY_SHOWN

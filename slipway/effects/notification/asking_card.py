"""The card that one approver answers without leaving Teams: what the other card says, a field for a reason, and buttons
that send the answer. Pure.

A flow posts it to one person and waits (`teams_flow.py`); only there does `Action.Submit` have a listener. The token of
the answer is not on it: the flow keeps that, and adds whom Teams knows to have answered.
"""

import json
from typing import Final

from .card import LINK, SIZE_LIMIT, Element, card
from .channel import Message

REASON_LIMIT: Final = 2000
"""Characters that the app takes as a reason (`slipway/inbound/approval.py`)."""


def asking_card(message: Message, *, room: int = SIZE_LIMIT) -> Element:
    """Where it would be longer than `room` bytes, lists are left to the page. ValueError where that is not enough."""
    for kept in (None, 4, 0):
        found = _asking(message, kept)
        if len(json.dumps(found)) <= room:
            return found
    raise ValueError(f"a card of at most {room} bytes could not be made, even without lists")


def _asking(message: Message, kept: int | None) -> Element:
    page = message.locate_url or message.approval_url
    told = card(message.evolve(locate_url=page), kept=kept)
    read = {"type": "Action.OpenUrl", "title": "Read all of it", "url": page}
    answers = [_answer("Approve", "approve", "positive"), _rejection()]
    return told | {
        "body": [*told["body"], _reason("reason", "Why? (may stay empty)")],
        "actions": [*answers, read] if 0 < len(page) <= LINK else answers,
    }


def _answer(title: str, decision: str, style: str) -> Element:
    return {"type": "Action.Submit", "title": title, "style": style, "data": {"decision": decision}}


def _rejection() -> Element:
    """Behind a button of its own, with a field of its own: a rejection says why. Cards that phones render cannot insist
    on it, so the app does."""
    why = _reason("why", "Why? Without a reason a rejection does not count")
    inner = {"type": "AdaptiveCard", "body": [why], "actions": [_answer("Reject", "reject", "destructive")]}
    return {"type": "Action.ShowCard", "title": "Reject …", "card": inner}


def _reason(name: str, asks: str) -> Element:
    return {"type": "Input.Text", "id": name, "placeholder": asks, "isMultiline": True, "maxLength": REASON_LIMIT}

"""The card that an approver answers within Teams: the content of the other card, a field for a reason, and buttons that
send the answer. Pure.

A flow posts it to one person and waits for `Action.Submit` (`teams_flow.py`). The flow keeps the subject of the vote,
and adds from Teams who answered. That is the level `queue`. If a gate asks for more, the card offers only a rejection,
which counts at any level, and a link to the page for everything else.
"""

import json

from ...domain.blocks import REASON_LIMIT
from .card import LINK, SIZE_LIMIT, Element, card
from .channel import Message


def asking_card(message: Message, *, room: int = SIZE_LIMIT) -> Element:
    """The card. Lists are shortened if it would exceed `room` bytes; raises ValueError if it still does."""
    for lines_kept in (None, 4, 0):
        element = _asking_element(message, lines_kept)
        if len(json.dumps(element)) <= room:
            return element
    raise ValueError(f"the card exceeds {room} bytes even without lists")


def _asking_element(message: Message, kept: int | None) -> Element:
    page = message.locate_url or message.approval_url
    notice_card = card(message.evolve(locate_url=page), kept=kept)
    approves = message.vote is not None and message.vote.approves
    title = "Read the whole plan" if approves else "Read the whole plan and approve there"
    open_page = [{"type": "Action.OpenUrl", "title": title, "url": page}] if 0 < len(page) <= LINK else []
    if not approves:
        return notice_card | {"actions": [*open_page, _rejection()]}
    return notice_card | {
        "body": [*notice_card["body"], _reason("reason", "Why? (optional)")],
        "actions": [_answer("Approve", "approve", "positive"), _rejection(), *open_page],
    }


def _answer(title: str, decision: str, style: str) -> Element:
    return {"type": "Action.Submit", "title": title, "style": style, "data": {"decision": decision}}


def _rejection() -> Element:
    """The button that opens the form for a rejection, which needs a reason.

    Cards of version 1.2 cannot make a field required, so the app checks that there is a reason.
    """
    why = _reason("why", "Why? Without a reason a rejection does not count")
    inner = {"type": "AdaptiveCard", "body": [why], "actions": [_answer("Reject", "reject", "destructive")]}
    return {"type": "Action.ShowCard", "title": "Reject …", "card": inner}


def _reason(name: str, asks: str) -> Element:
    return {"type": "Input.Text", "id": name, "placeholder": asks, "isMultiline": True, "maxLength": REASON_LIMIT}

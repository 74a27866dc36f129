"""A notice as an Adaptive Card: declared as 1.4 but using only features of 1.2, which phones can render. Pure.

Text from outside is put into text runs, which do not interpret Markdown; text blocks contain only our own text. Buttons
only open links: behind a webhook nothing handles `Action.Submit`.
"""

import json
from collections.abc import Iterator
from datetime import UTC
from typing import Any, Final

from ...text import one_line
from .channel import Message
from .facts import MessageFact, facts, heading, planned_changes, shown_results, shown_rules

SIZE_LIMIT: Final = 20 * 1024
"""Maximum bytes of the request. Teams documents about 28 KB, but has rejected smaller cards."""
HEADLINE: Final = 300
LINK: Final = 2048
CONTENT_TYPE: Final = "application/vnd.microsoft.card.adaptive"
SCHEMA: Final = "http://adaptivecards.io/schemas/adaptive-card.json"
type Element = dict[str, Any]


def envelope(message: Message) -> bytes:
    """The request's body. Lists are shortened if it would exceed `SIZE_LIMIT`; raises ValueError if it still does."""
    for lines_kept in (None, 4, 0):
        body = json.dumps(
            {
                "type": "message",
                "attachments": [
                    {"contentType": CONTENT_TYPE, "contentUrl": None, "content": card(message, kept=lines_kept)}
                ],
            }
        ).encode()
        if len(body) <= SIZE_LIMIT:
            return body
    raise ValueError(f"the card exceeds {SIZE_LIMIT} bytes even without lists")


def card(message: Message, *, kept: int | None = None) -> Element:
    """The card, with at most `kept` lines of each list; None for all."""
    return {
        "$schema": SCHEMA,
        "type": "AdaptiveCard",
        "version": "1.4",
        "fallbackText": one_line(message.headline, HEADLINE),
        "msteams": {"width": "Full"},
        "body": [
            _literal_block(_literal_run(one_line(message.headline, HEADLINE), size="Large", weight="Bolder")),
            *_how_to_decide(message),
            {"type": "Container", "spacing": "Medium", "items": [_row(fact) for fact in facts(message)]},
            *_list(heading(message), planned_changes(message), kept),
            *_list("Evidence", shown_results(message), kept),
            *_list("Rules of the gate", shown_rules(message), kept),
        ],
        "actions": list(_actions(message)),
    }


def _how_to_decide(message: Message) -> Iterator[Element]:
    """The deadline, and how approvers get their link."""
    if message.deadline is not None:
        deadline = f"{message.deadline.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
        yield _text_block(
            f"Decide by {{{{DATE({deadline}, SHORT)}}}} {{{{TIME({deadline})}}}}", weight="Bolder", spacing="Small"
        )
    if message.approval is None or message.locate_url:
        return
    if message.asked_by:
        ways = ", ".join(message.asked_by)
        yield _text_block(
            f"Each approver was sent a personal link by {ways}. This card has none, because many people read it."
        )
    else:
        yield _text_block(
            "Nobody was sent a link: this application has no channel that reaches each person.", color="Warning"
        )


def _list(heading: str, lines: tuple[str, ...], kept: int | None) -> Iterator[Element]:
    if not lines:
        return
    shown = lines if kept is None else lines[:kept]
    if left := len(lines) - len(shown):
        shown = (*shown, f"and {left} more, on the page")
    yield _text_block(heading, weight="Bolder", spacing="Medium")
    for line in shown:
        yield _literal_block(_literal_run(line, size="Small"), spacing="None")


def _row(fact: MessageFact) -> Element:
    link = {"selectAction": {"type": "Action.OpenUrl", "url": fact.link}} if _is_linkable(fact.link) else {}
    return {
        "type": "ColumnSet",
        "spacing": "Small",
        "columns": [
            {"type": "Column", "width": "120px", "items": [_text_block(fact.name, isSubtle=True)]},
            {"type": "Column", "width": "stretch", "items": [_literal_block(_literal_run(fact.value, **link))]},
        ],
    }


def _actions(message: Message) -> Iterator[Element]:
    if _is_linkable(message.locate_url):
        title = "Review and decide" if message.approval is not None or message.change else "Review"
        yield {"type": "Action.OpenUrl", "title": title, "url": message.locate_url, "style": "positive"}
    if _is_linkable(message.release_url):
        yield {
            "type": "Action.OpenUrl",
            "title": f"Release {message.release}" if message.release else "Open Slipway",
            "url": message.release_url,
        }


def _is_linkable(link: str | None) -> bool:
    return bool(link) and len(link or "") <= LINK


def _text_block(text: str, **more: Any) -> Element:
    """Our own text, which may contain Markdown."""
    return {"type": "TextBlock", "text": text, "wrap": True, **more}


def _literal_block(*runs: Element, **more: Any) -> Element:
    return {"type": "RichTextBlock", "inlines": list(runs), **more}


def _literal_run(text: str, **more: Any) -> Element:
    """Text shown literally. It splits `{{`, which begins a function in a card."""
    while "{{" in text:
        text = text.replace("{{", "{ {")
    return {"type": "TextRun", "text": text, **more}

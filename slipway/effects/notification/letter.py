"""A notice as a mail: subject, plain text and HTML, both from one set of templates and one set of facts.

Nothing is loaded from anywhere, no link is anybody's but ours (and the CI run's), and none of them is tracked.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from ...text import local_time, one_line
from .channel import Message
from .facts import changes, facts, heading, results, rules

if TYPE_CHECKING:
    from jinja2 import Environment

SUBJECT = 180
HEADLINE = 1000


@dataclass(frozen=True, kw_only=True)
class Letter:
    """What is sent."""

    subject: str
    """One line, with nothing hidden in it: it can hold no header of its own."""
    text: str
    html: str


def compose(message: Message) -> Letter:
    values = {
        "message": message,
        "headline": one_line(message.headline, HEADLINE),
        "facts": facts(message),
        "changes": changes(message),
        "heading": heading(message),
        "results": results(message),
        "rules": rules(message),
        # Where people sign in, an address without a secret leads to the same page.
        "link": (message.locate_url if message.matter else "") or message.approval_url,
        "personal": bool(message.approval_url and not message.locate_url),
        "deadline": _said(message.deadline, message.matter.timezone if message.matter else "UTC"),
    }
    return Letter(
        subject=one_line(f"[{message.application}] {message.headline}", SUBJECT),
        text=_templates().get_template("mail.txt").render(**values),
        html=_templates().get_template("mail.html").render(**values),
    )


def _said(deadline: datetime | None, zone: str) -> str:
    """In the approvers' own time too, where the policy names their zone."""
    if deadline is None:
        return ""
    said, local = f"{deadline:%A, %d %B %Y, %H:%M} UTC", local_time(deadline, zone)
    return f"{said}: {local}" if local else said


@cache
def _templates() -> "Environment":
    from jinja2 import (  # noqa: PLC0415 - most starts send no mail
        Environment,
        FileSystemLoader,
        StrictUndefined,
        select_autoescape,
    )

    return Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=select_autoescape(enabled_extensions=("html",), default=False),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )

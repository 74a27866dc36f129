"""A notice as a mail: subject, plain text and HTML, from the same facts.

The HTML loads nothing remote. Its links lead only to Slipway, the CI run and newer releases, and are not tracked.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from ...text import local_time, one_line
from .channel import Message
from .facts import facts, heading, planned_changes, shown_results, shown_rules

if TYPE_CHECKING:
    from jinja2 import Environment

SUBJECT = 180
HEADLINE = 1000


@dataclass(frozen=True, kw_only=True)
class Letter:
    """The content of a mail."""

    subject: str
    """One line without control characters, so that it cannot inject a header."""
    text: str
    html: str


def write_letter(message: Message) -> Letter:
    values = {
        "message": message,
        "headline": one_line(message.headline, HEADLINE),
        "facts": facts(message),
        "changes": planned_changes(message),
        "heading": heading(message),
        "results": shown_results(message),
        "rules": shown_rules(message),
        # If people sign in to vote, the address without a secret leads to the same page.
        "link": message.locate_url or message.approval_url,
        "personal": bool(message.approval_url and not message.locate_url),
        "deadline": _deadline_text(message.deadline, message.approval.timezone if message.approval else "UTC"),
    }
    return Letter(
        subject=one_line(f"[{message.application}] {message.headline}", SUBJECT),
        text=_templates().get_template("mail.txt").render(**values),
        html=_templates().get_template("mail.html").render(**values),
    )


def _deadline_text(deadline: datetime | None, zone: str) -> str:
    """The deadline in UTC, and in the approvers' time zone if the policy names one; empty without a deadline."""
    if deadline is None:
        return ""
    utc_time, local = f"{deadline:%A, %d %B %Y, %H:%M} UTC", local_time(deadline, zone)
    return f"{utc_time}: {local}" if local else utc_time


@cache
def _templates() -> "Environment":
    from jinja2 import (  # noqa: PLC0415 - most processes send no mail
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

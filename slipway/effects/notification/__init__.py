"""Telling people: channels that carry a notice.

`channel.py` says what a notice holds; `webhook.py`, `smtp.py`, `acs_email.py` and `teams.py` carry it; the last three
are imported when one is opened. Mails and cards are made from the same facts (`facts.py`).
"""

from .channel import Channel, LiveNow, Matter, Message, NewerRelease, NotificationError, Result
from .webhook import Webhook

__all__ = ["Channel", "LiveNow", "Matter", "Message", "NewerRelease", "NotificationError", "Result", "Webhook"]

"""Notifications: channels that deliver notices to people.

`channel.py` defines the content of a notice; `webhook.py`, `smtp.py`, `acs_email.py`, `teams.py` and `teams_flow.py`
deliver it, and all but the first are imported only when such a channel is opened. Mails and cards are made from the
same facts (`facts.py`).
"""

from .channel import (
    ApprovalDetails,
    Channel,
    LiveNow,
    Message,
    NewerRelease,
    NotificationError,
    Result,
    VoteTarget,
)
from .webhook import Webhook

__all__ = [
    "ApprovalDetails",
    "Channel",
    "LiveNow",
    "Message",
    "NewerRelease",
    "NotificationError",
    "Result",
    "VoteTarget",
    "Webhook",
]

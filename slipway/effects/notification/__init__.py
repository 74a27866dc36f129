"""Telling people: channels that carry a notice. Here the signed webhook; cards and mail are channels like it."""

from .channel import Channel, Message, NotificationError
from .webhook import Webhook

__all__ = ["Channel", "Message", "NotificationError", "Webhook"]

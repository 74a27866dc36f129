"""The product's words for safe text (`slipway/text.py`), where the pages look for them."""

from ..text import short, visible, web_address

__all__ = ["short", "visible", "web_address"]

"""The product's words for safe text (`slipway/text.py`), where the pages look for them."""

from ..text import one_line, short, visible, web_address, without_tokens

__all__ = ["one_line", "short", "visible", "web_address", "without_tokens"]

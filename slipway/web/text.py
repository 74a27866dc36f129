"""The pages' import of the shared helpers for safe text (`slipway/text.py`)."""

from ..text import one_line, short, visible, web_address, without_tokens

__all__ = ["one_line", "short", "visible", "web_address", "without_tokens"]

"""Parses raw input into events. Input is untrusted until parsed here; errors name the field."""

from .azure_devops import parse_hook
from .event_grid import EventSource, parse_image_event, registry_event
from .pipeline import parse_run_message
from .reading import SIZE_LIMIT, BadInput, Ignored, NoSuch, read_json

__all__ = [
    "SIZE_LIMIT",
    "BadInput",
    "EventSource",
    "Ignored",
    "NoSuch",
    "parse_hook",
    "parse_image_event",
    "parse_run_message",
    "read_json",
    "registry_event",
]

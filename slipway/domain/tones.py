"""The tone of a piece of news. Pages and terminal each map a tone to their own look, in one place each."""

from enum import StrEnum


class Tone(StrEnum):
    """The tone in which to present something, for example as good or as needing attention, wherever it is shown."""

    GOOD = "good"
    """It went as people hoped."""
    BAD = "bad"
    """Something failed, was stopped or was tampered with."""
    ASKS = "asks"
    """It asks for attention: it waits for a person, or a person should look."""
    BUSY = "busy"
    """Work is going on."""
    QUIET = "quiet"
    """Routine."""

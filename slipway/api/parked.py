"""Input that could not be handled."""

from ..domain.reports import Parked
from .base import ApiAnswer

__all__ = ["Parked", "ParkedItems"]


class ParkedItems(ApiAnswer):
    parked: list[Parked]
    more: bool
    """Whether there is more parked input than the list has."""

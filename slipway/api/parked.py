"""Input that could not be handled."""

from ..domain.reports import Parked
from .base import Answer

__all__ = ["Parked", "ParkedItems"]


class ParkedItems(Answer):
    parked: list[Parked]

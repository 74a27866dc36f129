"""Input that could not be handled."""

from ..domain.reports import Parked
from .base import Answer

__all__ = ["Parked", "ParkedItems", "Replayed"]


class ParkedItems(Answer):
    parked: list[Parked]


class Replayed(Answer):
    replayed: str
    source: str

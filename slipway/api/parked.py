"""Input that could not be handled."""

from ..domain.reports import Parked
from .base import ApiModel

__all__ = ["Parked", "ParkedItems"]


class ParkedItems(ApiModel):
    parked: list[Parked]

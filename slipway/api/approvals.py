"""Open gates, and votes on them."""

from ..domain.ballot import Ballot
from ..domain.reports import OpenGate
from .base import ApiAnswer

__all__ = ["Ballot", "OpenGate", "OpenGates"]


class OpenGates(ApiAnswer):
    approvals: list[OpenGate]

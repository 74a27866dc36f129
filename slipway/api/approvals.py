"""Open gates, and votes on them."""

from ..domain.ballot import Ballot
from ..domain.reports import OpenGate
from .base import Answer

__all__ = ["Ballot", "OpenGate", "OpenGates"]


class OpenGates(Answer):
    approvals: list[OpenGate]

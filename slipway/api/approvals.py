"""Open gates, and votes on them."""

from ..domain.ballot import Ballot
from ..domain.reports import OpenGate
from .base import ApiList

__all__ = ["Ballot", "OpenGate", "OpenGates"]


class OpenGates(ApiList):
    approvals: list[OpenGate]

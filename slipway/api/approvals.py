"""Open gates, and votes on them."""

from ..domain.ballot import Ballot
from ..domain.reports import OpenGate
from .base import ApiModel

__all__ = ["Ballot", "OpenGate", "OpenGates"]


class OpenGates(ApiModel):
    approvals: list[OpenGate]

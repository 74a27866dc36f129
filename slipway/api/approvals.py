"""Open gates, and votes on them."""

from ..domain.reports import OpenGate
from ..domain.vote_request import VoteRequest
from .base import ApiList

__all__ = ["OpenGate", "OpenGates", "VoteRequest"]


class OpenGates(ApiList):
    approvals: list[OpenGate]

"""Open gates, and votes on them."""

from ..domain.ballot import Ballot
from ..domain.reports import OpenGate
from .base import Answer

__all__ = ["Ballot", "Counted", "OpenGate", "OpenGates"]


class OpenGates(Answer):
    approvals: list[OpenGate]


class Counted(Answer):
    release: str
    environment: str
    plan_hash: str
    voter: str
    decision: str
    phase: str
    approvals: int | None
    required: int | None

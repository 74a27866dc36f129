"""Telemetry of events and steps: the trace that each message belongs to, and the metrics of each decision.

It works on decisions after they were made, so that `decide` stays free of telemetry.
"""

from . import reconciling
from .bus import ObservedBus
from .decisions import measured, stamped

__all__ = ["ObservedBus", "measured", "reconciling", "stamped"]

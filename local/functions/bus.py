"""The part of a host that feeds Service Bus functions; importing it takes a quarter of a second, for the SDK."""

from .bus_pump import BusPump
from .bus_runs import BusRuns
from .bus_sessions import SessionPump

__all__ = ["BusPump", "BusRuns", "SessionPump"]

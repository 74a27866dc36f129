"""The part of a host that feeds Service Bus functions; importing it takes the SDK's quarter of a second."""

from .bus_pump import BusPump
from .bus_runs import BusRuns
from .bus_sessions import SessionPump

__all__ = ["BusPump", "BusRuns", "SessionPump"]

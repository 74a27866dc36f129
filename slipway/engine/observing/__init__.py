"""What operators see of the flow: which trace a message belongs to, and what a decision measures.

Decisions are made elsewhere and do not know of this; here they are looked at afterwards.
"""

from . import sweeping
from .bus import ObservedBus
from .decisions import measured, stamped

__all__ = ["ObservedBus", "measured", "stamped", "sweeping"]

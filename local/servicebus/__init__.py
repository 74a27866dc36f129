"""Service Bus on a laptop: queues over AMQP 1.0 for the unmodified Azure SDKs. README.md says what it does not do.

`wire/` turns bytes into AMQP and back, `queues/` holds what the service promises about messages, `links/` joins the
two; `server` is all of it on a port, `bus` that server on a thread, and `python -m local.servicebus` a process.
"""

from .bus import ServiceBus
from .queues.entry import Counts
from .settings import BusSettings, QueueSettings, SettingsError

__all__ = ["BusSettings", "Counts", "QueueSettings", "ServiceBus", "SettingsError"]

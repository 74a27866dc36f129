"""A local Service Bus: queues over AMQP 1.0 for the unmodified Azure SDKs. README.md says what it does not do.

`wire/` converts between bytes and AMQP, `queues/` implements what the service promises about messages, `links/`
connects the two. `server` runs all of it on a port, `bus` runs that server on a thread, and `python -m
local.servicebus` runs it as a process.
"""

from .bus import ServiceBus
from .queues.entry import Counts
from .settings import BusSettings, QueueSettings, SettingsError

__all__ = ["BusSettings", "Counts", "QueueSettings", "ServiceBus", "SettingsError"]

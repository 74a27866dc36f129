"""The whole system on this machine: storage, Service Bus, two registries, two clusters, an inbox, an identity provider
and the app's host.

`Stack` starts everything on free ports of 127.0.0.1 and stops it by process id.
"""

from .options import StackOptions
from .stack import Stack

__all__ = ["Stack", "StackOptions"]

"""Systems that tell Slipway of pushes and of runs by HTTP, each with what has to be said of it where people set it up.

`engine/gateway.py` reads what they send, and takes it in once more where it was parked.
"""

from enum import StrEnum
from typing import Self


class Source(StrEnum):
    """Where an event came from that did not come by a queue."""

    project: str
    """What a pipeline's `project` is there; empty where it tells of no runs."""
    secret: str
    """How it shows the secret that it shares with Slipway; empty where the platform lets nobody else in."""

    def __new__(cls, name: str, project: str = "", secret: str = "") -> Self:
        member = str.__new__(cls, name)
        member._value_ = name
        member.project, member.secret = project, secret
        return member

    EVENT_GRID = "event-grid"
    """Azure Event Grid, which tells of pushes to a registry."""
    AZURE_DEVOPS = (
        "azure-devops",
        "Azure DevOps project, by name",
        "Azure DevOps as the password of basic authentication",
    )
    """Azure DevOps, whose service hooks tell of finished runs."""

    @staticmethod
    def named(name: str) -> "Source | None":
        return next((source for source in Source if source == name), None)


PROJECTS = ", or ".join(source.project for source in Source if source.project)
"""What `pipeline.project` may be, for the reference."""
SECRETS = "; ".join(source.secret for source in Source if source.secret)
"""How hooks show their secret, for the reference."""

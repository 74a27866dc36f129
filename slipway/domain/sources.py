"""Systems that report pushes and runs to Slipway by HTTP, each with the words for those who set it up.

`engine/gateway.py` reads their messages, and takes in parked ones again.
"""

from enum import StrEnum
from typing import Self


class Source(StrEnum):
    """The origin of an event that did not come by a queue."""

    project: str
    """The meaning of a pipeline's `project` there; empty if it reports no runs."""
    secret: str
    """The way in which it shows the secret that it shares with Slipway; empty if the platform lets nobody else in."""

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
"""The possible meanings of `pipeline.project`, for the reference."""
SECRETS = "; ".join(source.secret for source in Source if source.secret)
"""The ways in which hooks show their secret, for the reference."""

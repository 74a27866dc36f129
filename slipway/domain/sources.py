"""Systems that report pushes and runs to Slipway by HTTP, each with words for the people who set it up.

`engine/webhook_receiver.py` reads their messages, and handles parked ones again.
"""

from enum import StrEnum
from typing import Self


class Source(StrEnum):
    """The origin of an event that did not come by a queue."""

    project: str
    """What a pipeline's `project` means there; empty if the source reports no runs."""
    secret: str
    """How it presents the secret that it shares with Slipway; empty if the platform admits only this source."""

    def __new__(cls, name: str, project: str = "", secret: str = "") -> Self:
        member = str.__new__(cls, name)
        member._value_ = name
        member.project, member.secret = project, secret
        return member

    EVENT_GRID = "event-grid"
    """Azure Event Grid, which reports pushes to a registry."""
    AZURE_DEVOPS = (
        "azure-devops",
        "Azure DevOps project, by name",
        "Azure DevOps as the password of basic authentication",
    )
    """Azure DevOps, whose service hooks report finished runs."""

    @staticmethod
    def of_text(name: str) -> "Source | None":
        return next((source for source in Source if source == name), None)


PROJECTS = ", or ".join(source.project for source in Source if source.project)
"""The possible meanings of `pipeline.project`, for the reference."""
SECRETS = "; ".join(source.secret for source in Source if source.secret)
"""How each hook presents its secret, for the reference."""

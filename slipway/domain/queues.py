"""The queues between the parts of an installation. `infra/queues.json` makes them in Azure."""

from enum import StrEnum


class Queue(StrEnum):
    """A Service Bus queue."""

    EVENTS = "events"
    """Events that were parsed: pushes, deadlines, outcomes of steps that could not be committed at once."""
    STEPS = "steps"
    """Steps, each with one effect."""
    RUNS = "runs"
    """What pipelines tell of their runs."""
    APPROVALS = "approvals"
    """Votes that come as messages."""

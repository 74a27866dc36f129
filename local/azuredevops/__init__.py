"""A double of the parts of Azure DevOps that Slipway uses: service hooks, runs, code and people. See README.md."""

from .organization import Faults, Organization, Project, Reader
from .people import Kind, Person, Signature
from .repository import Strategy
from .routes import Host
from .runs import PUBLISHING_TASK
from .seeding import Delivered, Delivery, Ending, Seeding, Somebody, deliver, finish
from .server import AzureDevOps, serve

__all__ = [
    "PUBLISHING_TASK",
    "AzureDevOps",
    "Delivered",
    "Delivery",
    "Ending",
    "Faults",
    "Host",
    "Kind",
    "Organization",
    "Person",
    "Project",
    "Reader",
    "Seeding",
    "Signature",
    "Somebody",
    "Strategy",
    "deliver",
    "finish",
    "serve",
]

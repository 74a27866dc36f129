"""`slipway audit`: ask the trail, verify it on this machine, take it away."""

import click

from .audit_export import export_trail
from .audit_list import list_, live, show
from .audit_reindex import reindex
from .audit_verify import verify_trail


@click.group()
def audit() -> None:
    """Ask the audit trail, verify it, and take it away.

    Every application has a trail of its own: a chain in which each record holds the hash of the one before it.
    What concerns no single application (parked input, anchors, archives) is in the trail `_installation`.
    """


for command in (list_, show, live, export_trail, verify_trail, reindex):
    audit.add_command(command)

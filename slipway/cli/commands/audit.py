"""`slipway audit`: query, verify and export the audit trail."""

import click

from ..lazy import Group
from .audit_export import export_trail
from .audit_list import print_live, print_record, print_records
from .audit_reindex import reindex
from .audit_verify import verify_trail


@click.group(cls=Group)
def audit() -> None:
    """Query, verify and export the audit trail.

    Every application has its own trail: a chain in which each record contains the hash of the previous one.
    Records that concern no single application (parked input, anchors, archives) are in the trail `_installation`.
    """


for command in (print_records, print_record, print_live, export_trail, verify_trail, reindex):
    audit.add_command(command)

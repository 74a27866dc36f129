"""An approver, played on this machine: opens the link from the inbox, reads the page, sends its form."""

from .approver import Approver, PageRefused

__all__ = ["Approver", "PageRefused"]

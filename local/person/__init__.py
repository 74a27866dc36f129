"""Approvers, played on this machine: by the link from the inbox alone, or signed in and with a proof."""

from .approver import Approver, PageRefused
from .signer import Signer

__all__ = ["Approver", "PageRefused", "Signer"]

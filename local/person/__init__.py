"""People, played on this machine: at a browser by the link from the inbox alone, or signed in and with a proof."""

from .approver import Approver, PageRefused
from .signer import Signer
from .typed import confirmed

__all__ = ["Approver", "PageRefused", "Signer", "confirmed"]

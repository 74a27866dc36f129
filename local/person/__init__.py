"""People, played by programs: at a browser with only the link from the inbox, or signed in and with a proof."""

from .approver import Approver, PageRefused
from .signer import Signer
from .typed import run_confirmed

__all__ = ["Approver", "PageRefused", "Signer", "run_confirmed"]

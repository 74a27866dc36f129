"""Records the first time that a set of the identity provider's keys verifies a proof.

The record is anchored at once, and its anchor names the key set. So the archived set counts as soon as the provider
drops one of its keys, without waiting for another anchor to be written.
"""

from dataclasses import dataclass, field

from ..clock import Clock
from ..domain.actions import Action
from ..domain.audit import AuditDraft
from ..ledger import keys
from ..ledger.installation import InstallationLedger


@dataclass(kw_only=True)
class IssuerKeyRecorder:
    """Remembers only the set that it saw last: a provider has few, one at a time."""

    installation: InstallationLedger
    clock: Clock
    _last: str = field(default="", init=False)

    def note(self, name: str) -> None:
        """Record, once, that the kept set of this name verified a proof.

        Raises `LedgerUnavailable`, `KeysUnavailable`.
        """
        if name == self._last:
            return
        draft = AuditDraft(action=Action.ISSUER_KEYS_SEEN, actor="slipway", details={"keys": name})
        self.installation.note(draft, key=keys.issuer_keys(name), values={}, now=self.clock())
        self._last = name

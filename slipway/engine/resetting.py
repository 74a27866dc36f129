"""`fence reset`: a person of the platform begins a new epoch after a ledger was restored, or put back.

The anchor comes first: from then on the ledger's own epoch is too old, so a crash in between leaves everything stopped
rather than half open. The command is then given again, with the next epoch. It applies to a whole application, or to
the installation's own chain.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..clock import Clock
from ..domain.actions import Action
from ..domain.answers import RowOutcome
from ..domain.commands import Verb
from ..domain.decide.opening import opening_rules
from ..domain.errors import UnknownName
from ..domain.events import CommandGiven
from ..domain.fence import lease_name, read_fence
from ..domain.inbox import InboxKind
from ..domain.rules import Rule, not_passed
from ..ledger.chain_anchors import ChainAnchors
from ..ledger.installation import InstallationLedger
from ..ledger.keys import INSTALLATION
from ..ledger.rows import answer_writes
from .freezing import FreezeOrder
from .handle import Handler, Receipt

if TYPE_CHECKING:
    from ..effects.cluster import Cluster

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Resetting:
    """Begins new epochs."""

    handler: Handler
    installation: InstallationLedger
    anchors: ChainAnchors
    clock: Clock
    cluster: "Callable[[str], Cluster]"

    def application(self, event: CommandGiven) -> Receipt:
        """Raises as `Handler.handle` does."""
        name = event.application
        refused = not_passed(opening_rules(event)) or not event.reason.strip()
        if not refused and not self.handler.ledger.was_handled(name, event):
            restored = self.anchors.restored(name, epoch=self._fenced(name))
            self.anchors.anchor_reset(name, restored, now=self.clock())
            event = event.evolve(restored=restored)
        (receipt,) = self.handler.handle(event)
        return receipt

    def _fenced(self, application: str) -> int:
        """The highest epoch in the application's Leases. A Lease that we did not sign does not count, and neither does
        a cluster that is away, or gone with its region: anchors come before Leases."""
        from ..effects.cluster import ClusterError  # noqa: PLC0415 - slow to import, and nothing that a front needs

        entry, highest = self.handler.catalogue.get(application), 0
        for environment in entry.application.environments if entry is not None else ():
            try:
                name = lease_name(application, environment.name)
                lease = self.cluster(environment.cluster).lease(environment.namespace, name)
            except (ClusterError, UnknownName) as away:
                log.warning("%s: the Lease in %s could not be read: %s", application, environment.name, away)
                continue
            fence, _ = read_fence(lease.text if lease is not None else None, self.handler.ledger.public_keys)
            highest = max(highest, fence.epoch if fence is not None else 0)
        return highest

    def of_installation(self, order: FreezeOrder) -> None:
        """Begin a new epoch of the installation's chain. Raises `LedgerUnavailable`, `KeysUnavailable`, `Conflict`."""
        if self.installation.was_refused(order.id) is not None:
            return
        rules = (*opening_rules(order), Rule.REASON_IS_GIVEN.judged(bool(order.reason.strip()), "it needs a reason"))
        now, broken = self.clock(), not_passed(rules)
        answer = answer_writes(
            order.inbox,
            RowOutcome(kind=InboxKind.COMMAND, verb=Verb.FENCE_RESET, refused=bool(broken), rules=broken),
        )
        if broken:
            reason = "; ".join(rule.reason for rule in broken)
            draft = order.drafted(Action.COMMAND_REFUSED, rules, verb=str(order.verb), reason=reason)
            self.installation.record_refused_order(order.id, draft, now=now, answer=answer)
            return
        restored = self.anchors.restored(INSTALLATION)
        self.anchors.anchor_reset(INSTALLATION, restored, now=now)
        lost = {"newest": restored.anchor, "lost": restored.lost}
        draft = order.drafted(Action.LEDGER_RESET, rules, verb=str(order.verb), reason=order.reason, **lost)
        self.installation.reset(order.id, draft, epoch=restored.epoch, now=now, answer=answer)

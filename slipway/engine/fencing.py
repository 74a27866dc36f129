"""A rollout's claim to the fence in the cluster: its order, and the end of the chain that the Lease will name."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from ..domain.audit import AuditRecord, ChainEnd
from ..domain.chain_anchor import held_rule
from ..domain.errors import present
from ..domain.fence import Claim, Fence, new_fence
from ..domain.order import last_taken_order
from ..domain.plan import Plan
from ..domain.project import EnvironmentClass
from ..domain.release import Head
from ..domain.rules import RuleResult
from ..domain.signing import Signer
from ..ledger import Ledger
from .first_object import FirstObject
from .on_record import FIRST_OBJECT
from .run_step import Work


@dataclass(frozen=True, kw_only=True)
class Fences:
    """Makes the claims of rollouts."""

    ledger: Ledger
    signer: Callable[[], Signer]
    installation: str
    first_object: FirstObject

    def claim(self, work: Work, plan: Plan) -> Claim:
        """The claim of the step that is under way. Raises `LedgerUnavailable`, `KeysUnavailable`."""
        step = work.step
        head = work.rows.head or self.ledger.head(step.application)
        fence = new_fence(
            installation=self.installation,
            application=step.application,
            environment=step.environment,
            order=present(step.order, f"the order of {step.id}"),
            head=ChainEnd(sequence=head.sequence, hash=head.hash),
            signer=self.signer(),
        )
        environment = work.environment
        begins = step.kind in FIRST_OBJECT
        is_production = environment is None or environment.environment_class is EnvironmentClass.PRODUCTION
        return Claim(
            fence=fence,
            release=work.release.id,
            plan=plan.hash,
            recorded=last_taken_order(step.taken, cluster=plan.cluster, namespace=plan.namespace),
            keys=self.ledger.public_keys,
            whole=partial(self.whole_ledger_rule, head) if is_production else None,
            in_the_way=partial(self.first_object.rules_in_the_way, work, plan) if begins else tuple,
        )

    def whole_ledger_rule(self, head: Head, fence: Fence) -> RuleResult:
        """Whether the ledger, which ended in `head` a moment ago, holds the record that the fence names.

        Raises `LedgerUnavailable`.
        """
        sequence = fence.head.sequence
        if (fence.epoch, sequence) > (head.epoch, head.sequence):  # perhaps written since the head was read
            head = self.ledger.head(head.application)
        item = next(self.ledger.audit(head.application, first=sequence, last=sequence, limit=1), None)
        record = item if isinstance(item, AuditRecord) and item.sequence == sequence else None
        what = f"record {fence.head.sequence}, which the Lease in the cluster names"
        return held_rule(head, what, fence.epoch, fence.head, record)

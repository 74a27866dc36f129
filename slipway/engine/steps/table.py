"""The effect of each kind of step."""

from collections.abc import Mapping
from functools import partial

from ...clock import Clock
from ...domain.around import Side
from ...domain.steps import StepKind
from ...ledger.chain_anchors import ChainAnchors
from ..run_step import Effect
from .anchor import anchor
from .around import run_jobs
from .clients import Clients
from .copy import copy
from .notify import notify
from .plan import plan
from .resolve import resolve
from .roll_back import roll_back
from .rollout import check_rollout, deploy
from .verify import verify


def effects(clients: Clients, anchors: ChainAnchors, clock: Clock) -> Mapping[StepKind, Effect]:
    return {
        StepKind.RESOLVE: partial(resolve, clients),
        StepKind.PLAN: partial(plan, clients, clock),
        StepKind.COPY: partial(copy, clients, clock),
        StepKind.BEFORE: partial(run_jobs, clients, clock, Side.BEFORE),
        StepKind.DEPLOY: partial(deploy, clients),
        StepKind.CHECK: partial(check_rollout, clients, clock),
        StepKind.AFTER: partial(run_jobs, clients, clock, Side.AFTER),
        StepKind.VERIFY: partial(verify, clients, clock),
        StepKind.ROLL_BACK: partial(roll_back, clients, clock),
        StepKind.ANCHOR: partial(anchor, anchors, clock),
        StepKind.NOTIFY: partial(notify, clients, clock),
    }

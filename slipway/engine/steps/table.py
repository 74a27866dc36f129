"""Which effect each kind of step has."""

from collections.abc import Mapping
from functools import partial

from ...clock import Clock
from ...domain.steps import StepKind
from ..run_step import Effect
from .notify import notify
from .places import Places
from .plan import plan
from .promote import promote
from .resolve import resolve
from .rollout import check, deploy, roll_back
from .verify import verify


def effects(places: Places, clock: Clock) -> Mapping[StepKind, Effect]:
    return {
        StepKind.RESOLVE: partial(resolve, places),
        StepKind.PLAN: partial(plan, places, clock),
        StepKind.PROMOTE: partial(promote, places, clock),
        StepKind.DEPLOY: partial(deploy, places),
        StepKind.CHECK: partial(check, places, clock),
        StepKind.VERIFY: partial(verify, places, clock),
        StepKind.ROLL_BACK: partial(roll_back, places, clock),
        StepKind.NOTIFY: partial(notify, places, clock),
    }

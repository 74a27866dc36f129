"""The rule for Jobs whose template changed. A Job's template is immutable, so applying it again is refused (422).

Slipway replaces such a Job (deletes and creates it, which runs it again) when all of this holds:
1. the refusal is about an immutable field, not about anything else;
2. the live Job has Slipway's managed-by label: nobody else's Job is ever deleted;
3. the live Job has ended (Complete or Failed) or is suspended: work under way, such as a migration, is never cut off.

If only the third does not hold, `apply` raises a retryable Conflict, and a preview shows the Job as replaced.
"""

from collections.abc import Mapping
from typing import Any

from .errors import Conflict, Refused
from .kinds import Target
from .names import MANAGED_BY, MANAGED_BY_LABEL
from .objects import Objects
from .records import Json, State
from .rules import job


def may_replace(target: Target, live: Mapping[str, Any], refused: Refused) -> bool:
    """Whether the first two conditions hold."""
    labels = live["metadata"].get("labels") or {}
    return target.kind.kind == "Job" and refused.immutable and labels.get(MANAGED_BY_LABEL) == MANAGED_BY


def replace(objects: Objects, target: Target, refused: Refused) -> Json:
    """Replace the Job if the rule allows it; raises `refused` or `Conflict` if not."""
    live = objects.get(target.kind, target.name, target.namespace)
    if live is not None and not may_replace(target, live, refused):
        raise refused
    if live is not None:
        if not _ended(live):
            raise Conflict(f"{target.label} still runs with its former template; it is replaced once it has ended")
        objects.delete(target, live)
    return objects.apply(target).body


def _ended(live: Mapping[str, Any]) -> bool:
    return job(live).state is not State.WAITING or bool((live.get("spec") or {}).get("suspend"))

"""Obstacles that will keep a rollout from ending, as far as they show before people vote on its plan.

Pure, over the live object and the one that a dry run returns. The rollout's own rules later use the same words.
"""

from .records import Json
from .rules import BY_HAND, PAUSED, SUSPENDED, on_delete
from .situations import Situation


def obstacle_of(before: Json | None, after: Json) -> str:
    """The sentence for people; empty if no obstacle is known."""
    spec = after.get("spec") or {}
    match after.get("kind"):
        case "Deployment" if spec.get("paused"):
            return f"{PAUSED}; until then its rollout does not end"
        case "Job" if spec.get("suspend"):
            return f"{SUSPENDED}; until then its rollout does not end"
        case "StatefulSet" | "DaemonSet" if before is not None and on_delete(spec) and _template_differs(before, after):
            return f"{BY_HAND}; until then its rollout does not end"
    if ((before or {}).get("metadata") or {}).get("deletionTimestamp"):
        return Situation.BEING_DELETED.describe("the live object is being deleted")
    return ""


def _template_differs(before: Json, after: Json) -> bool:
    return bool((before.get("spec") or {}).get("template") != (after.get("spec") or {}).get("template"))

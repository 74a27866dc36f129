"""The operator's verbs: what a person may tell Slipway to do besides voting, and the permission that each needs."""

from datetime import timedelta
from enum import StrEnum
from typing import Final

from .people import OID
from .roles import Permission


class Verb(StrEnum):
    """One thing that an operator tells Slipway to do."""

    FREEZE = "freeze"
    """Begin no new rollout, in one lane or anywhere."""
    UNFREEZE = "unfreeze"
    """End a freeze."""
    CANCEL = "cancel"
    """End a release that has not begun to roll out."""
    RETRY = "retry"
    """Send a failed release out again, in the environment where it failed."""
    CREATE = "create"
    """Start a release of an earlier artifact, with the manifests now in force."""
    ROLLBACK = "rollback"
    """Bring an earlier release back in one environment, and hold the lane."""
    RESUME = "resume"
    """End the hold of a lane."""
    OVERRIDE = "override"
    """Let one release pass a freeze or a closed window in one environment, once."""
    WAIVE = "waive"
    """Say that one rule about proof need not hold for one release in one environment."""
    FENCE_RESET = "fence.reset"
    """Begin a new epoch of an application, or of the installation, after its ledger was restored."""
    REPLAY = "replay"
    """Put parked input back to where it came from."""
    SESSION_END = "session.end"
    """End sessions of the pages: one's own, or somebody else's."""

    @property
    def spoken(self) -> str:
        """The verb in the question that a person confirms."""
        return {Verb.FENCE_RESET: "begin a new epoch of", Verb.SESSION_END: "end"}.get(self, str(self))


PERMISSIONS: Final[dict[Verb, Permission]] = {
    Verb.FREEZE: Permission.FREEZE,
    Verb.UNFREEZE: Permission.FREEZE,
    Verb.CANCEL: Permission.CANCEL,
    Verb.RETRY: Permission.RETRY,
    Verb.CREATE: Permission.CREATE,
    Verb.ROLLBACK: Permission.ROLL_BACK,
    Verb.RESUME: Permission.RESUME,
    Verb.OVERRIDE: Permission.OVERRIDE,
    Verb.WAIVE: Permission.READ,
    Verb.FENCE_RESET: Permission.RESET,
    Verb.REPLAY: Permission.REPLAY,
    Verb.SESSION_END: Permission.END_SESSIONS,
}
"""Nobody needs a permission to end their own sessions (`ends_own_sessions`). The project says who may waive a rule
(`decide/waiving.py`)."""
OPENS: Final = frozenset(
    {
        Verb.UNFREEZE,
        Verb.RETRY,
        Verb.CREATE,
        Verb.ROLLBACK,
        Verb.RESUME,
        Verb.OVERRIDE,
        Verb.WAIVE,
        Verb.FENCE_RESET,
    }
)
"""Verbs that let something through: each needs a proof of who gives the command. A command that stops something needs
no proof, and a replayed input is judged as if it had just arrived."""
FRESH: Final = timedelta(minutes=5)
"""The greatest age of the sign-in of a person who gives such a command."""
MUST_SAY_WHY: Final = frozenset({Verb.FREEZE, Verb.CANCEL, Verb.ROLLBACK, Verb.OVERRIDE, Verb.WAIVE, Verb.FENCE_RESET})
"""Verbs that need a reason, since others will ask for it."""
OF_A_RELEASE: Final = frozenset({Verb.CANCEL, Verb.RETRY, Verb.CREATE, Verb.ROLLBACK, Verb.OVERRIDE, Verb.WAIVE})
"""Verbs that name a release: the one to act on, the one to bring back, or the one whose artifact goes out again. An
artifact that no release has delivered yet is named by its tag or digest instead."""
OF_A_LANE: Final = frozenset({Verb.FREEZE, Verb.UNFREEZE, Verb.ROLLBACK, Verb.RESUME, Verb.OVERRIDE, Verb.WAIVE})
"""Verbs that name an environment."""
OF_EVERYTHING: Final = frozenset({Verb.FREEZE, Verb.UNFREEZE, Verb.FENCE_RESET, Verb.REPLAY, Verb.SESSION_END})
"""Verbs that may be about the whole installation; they then name neither application nor environment."""
OF_THE_INSTALLATION: Final = frozenset({Verb.REPLAY, Verb.SESSION_END})
"""Verbs that are always about the whole installation."""


def wrong_release(verb: Verb, release: int | None, *, instead: bool) -> str:
    """What is wrong with a command's release number, or with its absence; empty if nothing is. `instead`: whether the
    command names a tag or digest."""
    if instead:
        fits = verb is Verb.CREATE and release is None
        return "" if fits else "a tag or digest is only for create, in place of a release"
    if (release is None) is (verb in OF_A_RELEASE):
        return "is missing" if release is None else f"is not for {verb}"
    return ""


def ends_own_sessions(verb: Verb, caller: str, person: str) -> bool:
    """Whether people end their own sessions. `caller` is the name in the trail, `person` an object id."""
    return verb is Verb.SESSION_END and bool(person) and caller.casefold() == f"{OID}{person}".casefold()

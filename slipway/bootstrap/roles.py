"""The two roles of the app: what each one serves, and which settings it must not have.

One package has both. The front answers people and hooks, the worker reads queues and timers; a small installation runs
both as one app. A role gets no setting that it does not use: a secret that is not there cannot leak.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class AppRole(StrEnum):
    """The role of this app."""

    FRONT = "front"
    """Pages, API and hooks: it reads, and adds to the inbox; it holds no key that makes a record or a link."""
    WORKER = "worker"
    """Queues and timers: it decides and acts, and answers no HTTP request."""
    SINGLE = "single"
    """Both in one, for a small installation: an attacker who takes over the pages then holds the signing key."""

    @property
    def answers(self) -> bool:
        """Whether it answers people and hooks."""
        return self is not AppRole.WORKER

    @property
    def works(self) -> bool:
        """Whether it reads queues, decides and acts."""
        return self is not AppRole.FRONT


VARIABLE: Final = "SLIPWAY_ROLE"
WORKER_ONLY: Final = frozenset(
    {
        "signing_keys",
        "key_vault",
        "registries",
        "clusters",
        "channels",
        "witnesses",
        "retention",
        "export",
        "copy_seconds",
        "drift_minutes",
        "runs",
        "azure_devops",
        "azure_devops_people",
        "arm_endpoint",
        "arm_token",
    }
)
"""Settings of the worker: signing keys, and the ways to registries, clusters, channels and the source of runs."""
FRONT_ONLY: Final = frozenset(
    {
        "hook_secrets",
        "session_keys",
        "api_access",
        "api_keys",
        "event_grid_function",
    }
)
"""Settings of the front, by which it identifies callers and hooks."""
_FOREIGN: Final[Mapping[AppRole, frozenset[str]]] = {
    AppRole.FRONT: WORKER_ONLY,
    AppRole.WORKER: FRONT_ONLY,
    AppRole.SINGLE: frozenset(),
}


def foreign_to(role: AppRole) -> frozenset[str]:
    """The settings that an app of this role must not have."""
    return _FOREIGN[role]


def role_in(environment: Mapping[str, str]) -> AppRole:
    """The role that the environment names; needed before the settings are read. Raises ValueError for another word."""
    text = environment.get(VARIABLE) or AppRole.SINGLE
    if text not in tuple(AppRole):
        raise ValueError(f"{VARIABLE}: expected {', '.join(AppRole)}, got {text[:40]!r}")
    return AppRole(text)

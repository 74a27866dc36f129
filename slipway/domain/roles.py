"""Roles and their permissions. Entry points check a permission, never a role.

A role comes from the sign-in (an Entra app role); the holder of a key is a reader. The gate's policy says who may vote,
and the project says who may change an application; roles do not.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final

from pydantic import Field

from .model import Record
from .people import SignedIn


class Permission(StrEnum):
    """An operation that the API or a page offers."""

    READ = "read"
    """See releases, explanations, evidence, parked input and the audit trail."""
    SEE_SECRETS = "see-secrets"
    """Download a whole plan whose manifests contain the values of Secrets; pages never show those."""
    EXPORT = "export"
    """Download the whole audit trail."""
    FREEZE = "freeze"
    """Freeze a lane or everything, and end a freeze."""
    CANCEL = "cancel"
    """End a release that is on its way."""
    RETRY = "retry"
    """Send out again a release that ended without going live."""
    CREATE = "create"
    """Start a release of an artifact that was delivered or pushed before."""
    ROLL_BACK = "roll-back"
    """Bring back a release that was live before."""
    RESUME = "resume"
    """End a hold, so that newer releases continue."""
    REPLAY = "replay"
    """Put parked input back into its queue."""
    DIAGNOSE = "diagnose"
    """Have the app check every permission and connection that it needs."""
    REINDEX = "reindex"
    """Compare the audit index with the trail, and repair it."""
    OVERRIDE = "override"
    """Let one release past a freeze, a closed window or drift. It still has to pass its gate."""
    APPLY = "apply"
    """Apply projects. Only the people and applications that a project names apply its applications."""
    END_SESSIONS = "end-sessions"
    """End the sessions of other people, for example if a device was lost or somebody has left."""
    RESET = "reset"
    """Begin a new epoch after a ledger was restored, or put back."""


class Role(StrEnum):
    """A set of permissions. A person may have several roles."""

    READER = "reader"
    """Looks at everything that the pages show."""
    OPERATOR = "operator"
    """Reads, and gives commands: freeze, resume, cancel, retry, roll back."""
    PLATFORM = "platform"
    """Does what operators do, and sets the boundaries of teams and of the installation."""


_READING: Final = frozenset({Permission.READ, Permission.EXPORT})
_OPERATING: Final = _READING | {
    Permission.FREEZE,
    Permission.CANCEL,
    Permission.RETRY,
    Permission.CREATE,
    Permission.ROLL_BACK,
    Permission.RESUME,
    Permission.REPLAY,
    Permission.DIAGNOSE,
    Permission.SEE_SECRETS,
}
PERMISSIONS: Final[Mapping[Role, frozenset[Permission]]] = {
    Role.READER: _READING,
    Role.OPERATOR: _OPERATING,
    Role.PLATFORM: _OPERATING
    | {
        Permission.REINDEX,
        Permission.OVERRIDE,
        Permission.APPLY,
        Permission.END_SESSIONS,
        Permission.RESET,
    },
}
"""Voting needs no role: the gate's policy says whose vote counts."""


def holders(permission: Permission) -> tuple[Role, ...]:
    """The roles that have a permission, the least powerful first."""
    return tuple(role for role in Role if permission in PERMISSIONS[role])


def read_roles(values: Iterable[str]) -> frozenset[Role]:
    """Parse roles as a sign-in names them: `reader` or `Slipway.Reader`. Unknown ones are ignored."""
    names = {value.casefold().removeprefix("slipway.") for value in values}
    return frozenset(role for role in Role if role in names)


class Caller(Record):
    """The authenticated caller of a request."""

    name: str = Field(max_length=254)
    """For the audit trail: `oid:…` for a person, `app:…`, `key:<name>`, or `api` for a key that has no name."""
    roles: frozenset[Role]
    claims: frozenset[str] = Field(default=frozenset(), max_length=1000)
    """The names by which a project may list them: `role:<app role>`, or `app:<client id>`."""
    shown: str = Field(default="", max_length=256)
    """A person's own name, for display only; empty for a key and an application."""
    signed_in: SignedIn | None = None
    """A person's identity, and the groups that the token names."""

    def may(self, permission: Permission) -> bool:
        return any(permission in PERMISSIONS[role] for role in self.roles)


class NotPermitted(PermissionError):  # noqa: N818 - it is an answer, not a fault
    """The caller is known but may not do this."""

    def __init__(self, caller: Caller, permission: Permission) -> None:
        have = ", ".join(sorted(caller.roles)) or "none"
        needed = " or ".join(holders(permission))
        super().__init__(f"it needs the permission {permission}, which the role {needed} has; your roles: {have}")
        self.caller, self.permission = caller, permission


def demand(caller: Caller, permission: Permission) -> Caller:
    """The caller, if they may. Raises `NotPermitted`."""
    if not caller.may(permission):
        raise NotPermitted(caller, permission)
    return caller

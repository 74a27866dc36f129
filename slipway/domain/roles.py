"""Roles, and what each may do. Entry points ask for a permission, never for a role.

A role comes from the sign-in (an app role of Entra) or from a key that the settings name. Who may vote at a gate is
said by the gate's policy; the role only opens the door to it.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final

from pydantic import Field

from .model import Record


class Permission(StrEnum):
    """One thing that somebody may do over the API or on a page."""

    READ = "read"
    """See releases, explanations, evidence, parked input and the audit trail."""
    SEE_SECRETS = "see-secrets"
    """Take a kept plan away whole where manifests of its own hold the values of Secrets; pages never show those."""
    EXPORT = "export"
    """Take the audit trail away, whole."""
    VOTE = "vote"
    """Approve, reject or withdraw, where the gate's policy lets them."""
    FREEZE = "freeze"
    """Freeze a lane, an application or everything, and end a freeze."""
    CANCEL = "cancel"
    """End a release that is on its way."""
    RETRY = "retry"
    """Try a failed step or release again."""
    ROLL_BACK = "roll-back"
    """Bring back what was live before."""
    RESUME = "resume"
    """End a hold, so that the chain goes on."""
    REPLAY = "replay"
    """Put parked input back into its queue."""
    DIAGNOSE = "diagnose"
    """Let the app look at every permission and connection that it needs."""
    REINDEX = "reindex"
    """Compare the audit index with the trail, and repair it; make the numbers anew."""
    OVERRIDE = "override"
    """Pass a gate, a window or a freeze with a reason, against the policy."""
    ROTATE_KEYS = "rotate-keys"
    """Make a new signing key, or end one."""


class Role(StrEnum):
    """What somebody is to this installation. A person may have several."""

    READER = "reader"
    """Looks at everything that the pages show."""
    APPROVER = "approver"
    """Reads, and may vote where a gate's policy names them."""
    OPERATOR = "operator"
    """Reads, and gives commands: freeze, resume, cancel, retry, roll back."""
    ADMIN = "admin"
    """Does what operators do, and changes the installation itself."""


_READING: Final = frozenset({Permission.READ, Permission.EXPORT})
_OPERATING: Final = _READING | {
    Permission.FREEZE,
    Permission.CANCEL,
    Permission.RETRY,
    Permission.ROLL_BACK,
    Permission.RESUME,
    Permission.REPLAY,
    Permission.DIAGNOSE,
    Permission.SEE_SECRETS,
}
PERMISSIONS: Final[Mapping[Role, frozenset[Permission]]] = {
    Role.READER: _READING,
    Role.APPROVER: _READING | {Permission.VOTE},
    Role.OPERATOR: _OPERATING,
    Role.ADMIN: _OPERATING | {Permission.REINDEX, Permission.OVERRIDE, Permission.ROTATE_KEYS},
}
"""Operators and admins do not vote: whoever runs the installation gets that right by the role of an approver."""


def holders(permission: Permission) -> tuple[Role, ...]:
    """The roles that have a permission, the least powerful first."""
    return tuple(role for role in Role if permission in PERMISSIONS[role])


def read_roles(values: Iterable[str]) -> frozenset[Role]:
    """Roles as a sign-in writes them: `reader` or `Slipway.Reader`. What is no role of ours is passed over."""
    names = {value.casefold().removeprefix("slipway.") for value in values}
    return frozenset(role for role in Role if role in names)


class Caller(Record):
    """Who makes a request, as far as they have proven it."""

    name: str = Field(max_length=254)
    """For the audit trail: a person's address, `oid:…`, `key:<name>`, or `api` for a key that has no name."""
    roles: frozenset[Role]

    def may(self, permission: Permission) -> bool:
        return any(permission in PERMISSIONS[role] for role in self.roles)


class NotPermitted(PermissionError):  # noqa: N818 - it is an answer, not a fault
    """The caller is known and may not do this."""

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

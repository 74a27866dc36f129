"""The URLs in messages to people."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from ..domain.errors import present
from ..domain.release import Release
from ..domain.tokens import ApprovalClaims, Keys

WITHOUT_DEADLINE = timedelta(days=7)
EXPLAINS_FOR = timedelta(days=30)
"""How long a link outlives the gate's deadline, so that a late click gets an explanation and not a bare refusal."""


@dataclass(frozen=True, kw_only=True)
class Links:
    """Links into this installation."""

    base: str
    """Public address of the app, without a slash at the end."""
    keys: Keys
    locates: bool = False
    """Whether people sign in to vote. If they do, a link need not identify who follows it."""

    def release(self, release: Release) -> str:
        return f"{self.base}/releases/{release.id}"

    def locate(self, release: Release) -> str:
        """The approval page for people who sign in. It grants nothing, so it may be shared; empty where links vote."""
        if not self.locates:
            return ""
        plan = f"?plan={release.plan_hash}" if release.plan_hash else ""
        return f"{self.base}/approvals/{release.application}/{release.number}/{release.environment}{plan}"

    def approval(self, release: Release, approver: str, *, now: datetime) -> str:
        """A signed link for one approver and the release's current plan."""
        deadline = release.gate.deadline if release.gate and release.gate.deadline else now + WITHOUT_DEADLINE
        claims = ApprovalClaims(
            application=release.application,
            release=release.number,
            environment=present(release.environment, f"the environment of {release.id}"),
            plan_hash=present(release.plan_hash, f"the plan of {release.id}"),
            approver=approver,
            expires_at=deadline + EXPLAINS_FOR,
        )
        return f"{self.base}/approvals/{self.keys.sign('approval', claims)}"

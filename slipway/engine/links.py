"""The URLs in messages to people."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from ..domain.errors import present
from ..domain.release import Release
from ..domain.signing import Signer
from ..domain.tokens import ApprovalClaims, Purpose, sign_link

WITHOUT_DEADLINE = timedelta(days=7)
EXPLAINS_FOR = timedelta(days=30)
"""The time by which a link outlives the gate's deadline, so that a late click gets an explanation and not a bare
refusal."""


@dataclass(frozen=True, kw_only=True)
class Links:
    """Links into this installation."""

    base: str
    """Public address of the app, without a slash at the end."""
    signer: Signer

    def release(self, release: Release) -> str:
        return f"{self.base}/releases/{release.id}"

    def gate(self, release: Release, environment: str) -> str:
        """The approval page of what the release would do, or did, in an environment; for people who sign in."""
        return f"{self.base}/approvals/{release.application}/{release.number}/{environment}"

    def locate(self, release: Release) -> str:
        """The page of the current plan. Its address grants nothing, so it may be shared."""
        plan = f"?plan={release.plan_hash}" if release.plan_hash else ""
        return f"{self.gate(release, present(release.environment, f'the environment of {release.id}'))}{plan}"

    def approval(self, release: Release, approver: str, *, purpose: Purpose, now: datetime) -> str:
        """A signed link for one approver, the release's current plan and the present opening of its gate.
        Raises `KeysUnavailable`."""
        deadline = release.gate.deadline if release.gate and release.gate.deadline else now + WITHOUT_DEADLINE
        claims = ApprovalClaims(
            application=release.application,
            release=release.number,
            environment=present(release.environment, f"the environment of {release.id}"),
            plan_hash=present(release.plan_hash, f"the plan of {release.id}"),
            approver=approver,
            expires_at=deadline + EXPLAINS_FOR,
            opening=release.gate.opening if release.gate else max(release.openings, 1),
            purpose=purpose,
        )
        return f"{self.base}/approvals/{sign_link(claims, self.signer)}"

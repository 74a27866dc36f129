"""Who is viewing an approval page, and which plan: identified by a personal link or by signing in."""

from dataclasses import dataclass, field
from urllib.parse import quote

from ..domain.people import SignedIn
from ..domain.tokens import ApprovalClaims
from .signin import Visitor


@dataclass(frozen=True, kw_only=True)
class PlanViewer:
    """One person viewing one plan."""

    claims: ApprovalClaims
    """The plan, and in `approver` the person: the link's recipient, or whoever has signed in."""
    path: str
    """Path of the page."""
    binding: str = field(repr=False)
    """What a form is bound to besides the page: the session's id, or the link's token."""
    query: str = ""
    visitor: Visitor | None = None
    """Whoever has signed in; None for the holder of a link."""

    @property
    def signed_in(self) -> SignedIn | None:
        return self.visitor.signed_in if self.visitor else None

    @property
    def address(self) -> str:
        return self.path + self.query

    @property
    def changes(self) -> str:
        """Address of the full diff as plain text."""
        return f"{self.path}/changes{self.query}"

    @property
    def place(self) -> str:
        """The same plan's page for people who sign in; the address holds no secret."""
        return place_of(self.claims) + plan_query(self.claims.plan_hash)

    @property
    def present(self) -> str:
        """The current plan's page; only for people who sign in, since others get a new link for each plan."""
        return self.path if self.signed_in else ""


def place_of(claims: ApprovalClaims) -> str:
    return f"/approvals/{claims.application}/{claims.release}/{quote(claims.environment, safe='')}"


def plan_query(plan_hash: str) -> str:
    return f"?plan={plan_hash}"

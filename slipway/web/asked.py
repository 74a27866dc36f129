"""The viewer of an approval page, identified by a personal link or by signing in, and the plan they see."""

from dataclasses import dataclass, field

from ..domain.people import SignedIn
from ..domain.tokens import ApprovalClaims
from ..http.places import gate_place
from .signin import Visitor


@dataclass(frozen=True, kw_only=True)
class PlanViewer:
    """One person viewing one plan."""

    claims: ApprovalClaims
    """The plan and, in `approver`, the person: the link's recipient, or the person who has signed in."""
    path: str
    """Path of the page."""
    binding: str = field(repr=False)
    """The secret to which a form is bound, besides the page: the session's id, or the link's token."""
    query: str = ""
    visitor: Visitor | None = None
    """The signed-in person; None for the holder of a link."""

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
    def signed_in_address(self) -> str:
        """The same plan's page for people who sign in; its address contains no secret."""
        claims = self.claims
        return gate_place(claims.application, claims.release, claims.environment, claims.plan_hash)

    @property
    def present(self) -> str:
        """The current plan's page; only for people who sign in, since others get a new link for each plan."""
        return self.path if self.signed_in else ""

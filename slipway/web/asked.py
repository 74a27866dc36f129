"""Who looks at an approval page, and at which plan: by a link of their own, or by having signed in."""

from dataclasses import dataclass, field
from urllib.parse import quote

from ..domain.people import SignedIn
from ..domain.tokens import ApprovalClaims


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One person before one plan."""

    claims: ApprovalClaims
    """The plan, and as `approver` the person: whom the link was made for, or who has signed in."""
    path: str
    """Of the page."""
    binding: str = field(repr=False)
    """What a form is bound to, so that it is good on its own page and for this person only. May hold the token."""
    query: str = ""
    signed_in: SignedIn | None = None

    @property
    def address(self) -> str:
        return self.path + self.query

    @property
    def changes(self) -> str:
        """Address of all changes, as text."""
        return f"{self.path}/changes{self.query}"

    @property
    def place(self) -> str:
        """The same plan's page for people who sign in; everybody may know it."""
        return place_of(self.claims) + plan_query(self.claims.plan_hash)

    @property
    def present(self) -> str:
        """The page of the plan that is open now; only for people who sign in, since others get a link for each."""
        return self.path if self.signed_in else ""


def place_of(claims: ApprovalClaims) -> str:
    return f"/approvals/{claims.application}/{claims.release}/{quote(claims.environment, safe='')}"


def plan_query(plan_hash: str) -> str:
    return f"?plan={plan_hash}"

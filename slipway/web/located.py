"""The approval page for people who have signed in: the address identifies the plan, the session the voter.

Cross-site requests are refused before anything is read.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from re import fullmatch

from ..domain.errors import NotFound
from ..domain.model import DIGEST_PATTERN
from ..domain.people import Principal
from ..domain.release import Release
from ..domain.tokens import ApprovalClaims
from ..http.places import gate_place
from ..http.requests import RequestRefused, check_own_page
from ..queries.open_gates import name_at_gate
from .answer import Answer, html, see_other
from .approving import changes_document, page, take_of_visitor, vote_not_recorded
from .asked import PlanViewer
from .messages import message
from .services import FormServices
from .signin import Visitor


@dataclass(frozen=True, kw_only=True)
class ApprovalAddress:
    """The parts of an approval address, not yet validated."""

    application: str
    number: str
    environment: str
    plan: str = ""
    """Hash of a plan; empty for the current one."""

    @property
    def path(self) -> str:
        return gate_place(self.application, self.number, self.environment)


def show_gate(services: FormServices, target: ApprovalAddress, who: Visitor) -> Answer:
    """Raises `NotFound`, `LedgerUnavailable`."""
    viewer = _viewer(services, target, who)
    return see_other(viewer.signed_in_address) if not target.plan else html(page(services, viewer))


def show_plan_changes(services: FormServices, target: ApprovalAddress, who: Visitor) -> Answer:
    """Raises `NotFound`, `LedgerUnavailable`."""
    viewer = _viewer(services, target, who)
    return see_other(viewer.signed_in_address) if not target.plan else changes_document(services, viewer)


def receive_signed_in_vote(
    services: FormServices, target: ApprovalAddress, who: Visitor, headers: Mapping[str, str], body: bytes
) -> Answer:
    """Take the signed-in person's vote. Raises `NotFound`, `LedgerUnavailable`."""
    try:
        check_own_page(headers, services.public_url)
    except RequestRefused as refused:
        return vote_not_recorded(refused, None)
    if not target.plan:
        return message(
            400, "Your decision was not recorded", "The address names no plan.", link=(target.path, "Open the page")
        )
    return take_of_visitor(services, _viewer(services, target, who), who, headers, body)


def _viewer(services: FormServices, target: ApprovalAddress, who: Visitor) -> PlanViewer:
    """Raises `NotFound`."""
    claims = _claims(services, target, who.principal)
    path = gate_place(claims.application, claims.release, claims.environment)
    return PlanViewer(claims=claims, path=path, query=f"?plan={claims.plan_hash}", binding=who.sid, visitor=who)


def _claims(services: FormServices, target: ApprovalAddress, principal: Principal) -> ApprovalClaims:
    """The plan being viewed, and the viewer. Raises `NotFound`."""
    release = services.reader.release(f"{target.application}-{target.number}")
    if release.rollout_in(target.environment) is None:
        raise NotFound(f"{release.id} has not reached an environment {target.environment[:64]!r}")
    if target.plan and fullmatch(DIGEST_PATTERN, target.plan) is None:
        raise NotFound("the address names no plan: expected ?plan=sha256:…")
    plan_hash = target.plan or _present(release, target.environment)
    if plan_hash is None:
        raise NotFound(f"{release.id} has no plan for {target.environment} yet")
    return ApprovalClaims(
        application=release.application,
        release=release.number,
        environment=target.environment,
        plan_hash=plan_hash,
        approver=name_at_gate(services.reader, release, target.environment, principal.name),
        expires_at=datetime.max.replace(tzinfo=services.clock().tzinfo),
    )


def _present(release: Release, environment: str) -> str | None:
    """The current plan, or the last one that the release had in this environment."""
    if release.environment == environment:
        return release.plan_hash
    rollout = release.rollout_in(environment)
    return rollout.plan_hash if rollout else None

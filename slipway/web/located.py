"""The approval page where people sign in: the address identifies the plan, the sign-in identifies the voter.

Easy Auth's header is trusted only if the settings say that Easy Auth is in front (`Access`). Cross-site requests are
refused before anything is read.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from re import fullmatch
from urllib.parse import quote

from ..domain.errors import NotFound
from ..domain.model import DIGEST_PATTERN
from ..domain.people import Principal
from ..domain.release import Release
from ..domain.roles import Permission
from ..domain.tokens import ApprovalClaims
from ..domain.tones import Tone
from ..http.requests import Refused, check_origin
from ..inbound import BadInput
from .answer import Answer, html, see_other
from .approving import Desk, changes, not_taken, page, take
from .asked import Asked, place_of, plan_query
from .messages import message, sign_in


@dataclass(frozen=True, kw_only=True)
class Place:
    """The parts of an approval address, not yet validated."""

    application: str
    number: str
    environment: str
    plan: str = ""
    """Hash of a plan; empty for the current one."""

    @property
    def path(self) -> str:
        return "/approvals/" + "/".join(
            quote(part, safe="") for part in (self.application, self.number, self.environment)
        )

    @property
    def address(self) -> str:
        return self.path + (plan_query(quote(self.plan, safe=":")) if self.plan else "")


def show(desk: Desk, target: Place, headers: Mapping[str, str]) -> Answer:
    """Raises `NotFound`, `LedgerUnavailable`."""
    return _for_somebody(desk, target, headers, lambda viewer: html(page(desk, viewer)))


def show_changes(desk: Desk, target: Place, headers: Mapping[str, str]) -> Answer:
    """Raises `NotFound`, `LedgerUnavailable`."""
    return _for_somebody(desk, target, headers, lambda viewer: changes(desk, viewer))


def decide(desk: Desk, target: Place, headers: Mapping[str, str], body: bytes) -> Answer:
    """Record the signed-in person's vote. Raises `NotFound`, `LedgerUnavailable`, `Contended`."""
    try:
        check_origin(headers, desk.public_url)
    except Refused as refused:
        return not_taken(refused, None)
    if not target.plan:
        return message(
            400, "Your decision was not recorded", "The address names no plan.", link=(target.path, "Open the page")
        )
    may = _may_not_vote(desk, headers)
    return may or _for_somebody(desk, target, headers, lambda viewer: take(desk, viewer, headers, body))


def _for_somebody(desk: Desk, target: Place, headers: Mapping[str, str], answer: Callable[[Asked], Answer]) -> Answer:
    if not desk.sign_in:
        return message(
            404,
            "Sign-in is not enabled here",
            "This address is for installations where people sign in. Please use the link that was sent to you.",
            link=("/", "All applications"),
        )
    try:
        principal = desk.access.principal(headers)
    except BadInput:
        return sign_in(target.address)
    if principal is None:
        return sign_in(target.address)
    claims = _claims(desk, target, principal)
    if not target.plan:
        return see_other(place_of(claims) + plan_query(claims.plan_hash))
    path, query = place_of(claims), plan_query(claims.plan_hash)
    who = principal.signed_in.object_id
    viewer = Asked(claims=claims, path=path, query=query, binding=f"{path}{query} {who}", signed_in=principal.signed_in)
    return answer(viewer)


def _may_not_vote(desk: Desk, headers: Mapping[str, str]) -> Answer | None:
    """A refusal if roles are enforced, as for the API, and the person does not have one that may vote."""
    try:
        caller = desk.access.person(headers) if not desk.access.host_keys else None
    except BadInput:
        return None  # the principal is read again next, which sends them to sign in
    if caller is None or caller.may(Permission.VOTE):
        return None
    return message(
        403,
        "You may not vote",
        "Voting in this installation requires the approver role, which your sign-in does not have.",
        "Nothing was changed.",
        tone=Tone.ASKS,
    )


def _claims(desk: Desk, target: Place, principal: Principal) -> ApprovalClaims:
    """The plan being viewed, and the viewer. Raises `NotFound`."""
    release = desk.reader.release(f"{target.application}-{target.number}")
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
        approver=principal.name,
        expires_at=datetime.max.replace(tzinfo=desk.clock().tzinfo),
    )


def _present(release: Release, environment: str) -> str | None:
    """The current plan, or the last one that the release had in this environment."""
    if release.environment == environment:
        return release.plan_hash
    rollout = release.rollout_in(environment)
    return rollout.plan_hash if rollout else None

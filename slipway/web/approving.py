"""Handles approval links. GET and HEAD are read-only; POST casts a vote, and repeating it has no further effect."""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import assert_never

from ..ahead import ahead
from ..domain.answers import StatementState
from ..domain.decide.conditions import plan_rule
from ..domain.decide.vote_rules import vote_rules
from ..domain.environment import Environment
from ..domain.errors import NotFound
from ..domain.events import VoteCast
from ..domain.explain_gate import gate_rules
from ..domain.gate import ApprovalGate
from ..domain.inbox import is_inbox_id
from ..domain.model import release_id
from ..domain.plan import Plan, Preview
from ..domain.release import Lane, Release, VoteDecision
from ..domain.rules import Rule, RuleResult, not_passed
from ..domain.snapshot import Lookups, Snapshot
from ..domain.tokens import Purpose, TokenExpired, TokenRefused, read_link
from ..domain.tones import Tone
from ..http.requests import RequestRefused, check_own_page
from ..ledger.newer import newer_release
from .answer import Answer, document, html, see_other
from .approval import ApprovalRequest, VoteRefusal, approval_page
from .approval_status import approval_status, as_outdated, counted_vote
from .asked import PlanViewer
from .changes import whole_text
from .form import Posted, parse_form
from .messages import message
from .outcome import reply_page
from .release import readable_plan
from .services import FormServices
from .signin import Visitor
from .voting import cast_vote as vote_in
from .voting import vote_by_link

CHANNEL = "page"
_LOOKING = "only-looking"
_TO_BE_GIVEN = "(to be given)"
"""Placeholder reason for the trial vote in `_rules`: whether a real one has a reason is checked when it is cast."""


def show_linked_gate(services: FormServices, token: str, said: str = "") -> Answer:
    """The page behind a link; with `said`, the progress of the vote that was cast by it under that id.

    Raises `NotFound`, `LedgerUnavailable`."""
    try:
        viewer = viewer_of_token(services, token)
    except TokenRefused as refused:
        return unusable_link(refused)
    if not _votes_by_link(services, viewer):
        return redirect_to_sign_in_page(viewer)
    return _outcome_of_vote(services, viewer, said) if is_inbox_id(said) else html(page(services, viewer))


def show_linked_changes(services: FormServices, token: str) -> Answer:
    """Everything that the plan changes, as plain text. Raises `NotFound`, `LedgerUnavailable`."""
    try:
        viewer = viewer_of_token(services, token)
    except TokenRefused as refused:
        return unusable_link(refused)
    return changes_document(services, viewer) if _votes_by_link(services, viewer) else redirect_to_sign_in_page(viewer)


def receive_vote_by_link(services: FormServices, token: str, headers: Mapping[str, str], body: bytes) -> Answer:
    """Record a vote. `headers` must be case-insensitive. Raises `NotFound`, `LedgerUnavailable`, `Contended`."""
    try:
        check_own_page(headers, services.public_url)
        viewer = viewer_of_token(services, token)
    except TokenRefused as refused:
        return unusable_link(refused)
    except RequestRefused as refused:
        return vote_not_recorded(refused, None)
    return (
        _receive_form(services, viewer, headers, body)
        if _votes_by_link(services, viewer)
        else redirect_to_sign_in_page(viewer)
    )


def _outcome_of_vote(services: FormServices, viewer: PlanViewer, said: str) -> Answer:
    """The outcome of the vote: received, then the page as it is now, or the reason why the vote did not count."""
    reply = services.answers.reply(viewer.claims.application, said)
    match reply.state:
        case StatementState.RECEIVED | StatementState.PARKED:
            address = f"{viewer.address}?said={said}"
            return reply_page(reply, path=address, back=(viewer.address, "Open the page"), who=None)
        case StatementState.COUNTED:
            return see_other(viewer.address)
        case StatementState.REFUSED:
            return html(page(services, viewer, _refusal(reply.answered.rules if reply.answered else ())))
        case unreachable:
            assert_never(unreachable)


def _refusal(rules: tuple[RuleResult, ...]) -> VoteRefusal:
    again = any(result.rule is Rule.PLAN_IS_CURRENT for result in rules)
    return VoteRefusal(
        headline="Your vote did not count",
        message="A new plan is being made; you will be asked again." if again else "",
        rules=rules,
    )


def viewer_of_token(services: FormServices, token: str) -> PlanViewer:
    """The person and plan that a token was issued for. Raises `TokenRefused`."""
    claims = read_link(token, services.link_keys, now=services.clock())
    return PlanViewer(claims=claims, path=f"/approvals/{token}", binding=token)


def _votes_by_link(services: FormServices, viewer: PlanViewer) -> bool:
    """Whether the link itself votes: it was made for that, and the gate does not require more now."""
    environment = services.reader.catalogue.environment(viewer.claims.application, viewer.claims.environment)
    gate = environment.gate if environment else None
    votes = not isinstance(gate, ApprovalGate) or gate.links_vote
    return viewer.claims.purpose is Purpose.VOTE and votes


def redirect_to_sign_in_page(viewer: PlanViewer) -> Answer:
    """Redirect to the plan's page for people who sign in; its address holds no secret."""
    return see_other(viewer.signed_in_address)


def changes_document(services: FormServices, viewer: PlanViewer) -> Answer:
    claims = viewer.claims
    plan, why_not = _plan(services, viewer)
    if plan is None:
        raise NotFound(why_not)
    name = f"{release_id(claims.application, claims.release)}-{claims.environment}-changes.txt"
    return document(whole_text(plan, _preview(services, viewer)).encode(), name=name)


def _receive_form(services: FormServices, viewer: PlanViewer, headers: Mapping[str, str], body: bytes) -> Answer:
    """Process the form of a link's page. The caller has identified the viewer and checked the request's origin."""

    def work(posted: Posted) -> Answer:
        return see_other(f"{viewer.address}?said={vote_by_link(services, viewer, posted)}")

    return _read(services, viewer, headers, body, work)


def take_of_visitor(
    services: FormServices, viewer: PlanViewer, who: Visitor, headers: Mapping[str, str], body: bytes
) -> Answer:
    """Process the form of a signed-in person."""
    return _read(services, viewer, headers, body, lambda posted: vote_in(services, viewer, who, posted, headers))


def _read(
    services: FormServices,
    viewer: PlanViewer,
    headers: Mapping[str, str],
    body: bytes,
    work: Callable[[Posted], Answer],
) -> Answer:
    try:
        posted = parse_form(headers, body)
        services.forms.check(posted.form_token, viewer.binding, viewer.address)
    except RequestRefused as refused:
        return vote_not_recorded(refused, viewer)
    if posted.decision is VoteDecision.REJECT and not posted.reason:
        refusal = VoteRefusal(
            headline="Please say why", message="A rejection needs a reason; nothing was changed.", about_reason=True
        )
        return html(page(services, viewer, refusal), status=422)
    return work(posted)


def vote_not_recorded(refused: RequestRefused, viewer: PlanViewer | None) -> Answer:
    return message(
        refused.status,
        "Your decision was not recorded",
        str(refused),
        "Nothing was changed.",
        tone=Tone.ASKS,
        link=(viewer.address, "Open the page again") if viewer else None,
    )


def _trial_vote(viewer: PlanViewer, now: datetime, decision: VoteDecision = VoteDecision.APPROVE) -> VoteCast:
    """The vote that the viewer would give."""
    claims = viewer.claims
    return VoteCast(
        received_at=now,
        application=claims.application,
        release=claims.release,
        environment=claims.environment,
        plan_hash=claims.plan_hash,
        opening=claims.opening,
        voter=claims.approver,
        decision=decision,
        reason=_TO_BE_GIVEN,
        channel=CHANNEL,
        submission=_LOOKING,
        signed_in=viewer.signed_in,
    )


def page(services: FormServices, viewer: PlanViewer, refusal: VoteRefusal | None = None) -> str:
    reader, now, claims = services.reader, services.clock(), viewer.claims
    plan_read = ahead(partial(_plan, services, viewer))
    release = reader.release(release_id(claims.application, claims.release))
    entry = reader.catalogue.get(claims.application)
    environment = entry.application.environment(claims.environment) if entry else None
    preview = ahead(partial(reader.preview, release, claims.plan_hash))
    newer = ahead(partial(newer_release, reader.ledger, release))
    snapshot = reader.snapshot(entry, Lookups(in_lanes=False)) if entry else None
    plan, plan_missing = plan_read()
    stands = approval_status(release, environment, claims, now=now, signed_in=viewer.signed_in)
    rules = _rules(snapshot, release, viewer) if snapshot is not None and stands.open else ()
    if any(result.rule is Rule.PLAN_IS_CURRENT for result in not_passed(rules)):
        stands = as_outdated(stands)
    may_reject = stands.let_through and snapshot is not None and _may_still_reject(snapshot, release, viewer)
    gate = environment.gate if environment else None
    is_counted = counted_vote(release, claims.environment, gate, claims.approver, viewer.signed_in)
    approval = ApprovalRequest(
        viewer=viewer,
        release=release,
        environment=environment,
        lane=snapshot.lane(claims.environment) if snapshot else Lane(environment=claims.environment),
        plan=plan,
        preview=preview(),
        plan_missing=plan_missing,
        status=stands,
        rules=rules,
        gate_rules=_gate_rules(snapshot, release, environment) if stands.open or stands.voted else (),
        may_still_reject=may_reject,
        counted=is_counted,
        form_token=services.forms.new(viewer.binding, viewer.address)
        if stands.open or stands.voted or is_counted or may_reject
        else "",
        newer=newer(),
    )
    return approval_page(approval, reader.evidence, new_id=services.writer.new_id, now=now, refusal=refusal)


def _gate_rules(snapshot: Snapshot | None, release: Release, environment: Environment | None) -> tuple[RuleResult, ...]:
    if snapshot is None or environment is None:
        return ()
    return tuple(gate_rules(snapshot, release, environment))


def _plan(services: FormServices, viewer: PlanViewer) -> tuple[Plan | None, str]:
    """The plan, or why it cannot be shown. The hash in the address may belong to another release's plan."""
    claims = viewer.claims
    plan, why_not = readable_plan(services.reader, claims.plan_hash)
    addressed = (claims.application, claims.release, claims.environment)
    if plan is not None and (plan.application, plan.release, plan.environment) != addressed:
        return None, "The address names another release's plan."
    return plan, why_not


def _preview(services: FormServices, viewer: PlanViewer) -> Preview:
    claims = viewer.claims
    release = services.reader.release(release_id(claims.application, claims.release))
    return services.reader.preview(release, claims.plan_hash)


def _rules(snapshot: Snapshot, release: Release, viewer: PlanViewer) -> tuple[RuleResult, ...]:
    """The rules that an approval by this person would have to meet right now."""
    where, rules = viewer.claims.environment, _rules_for(snapshot, release, _trial_vote(viewer, snapshot.now))
    if viewer.visitor is not None:  # their approval will have a proof
        rules = tuple(result for result in rules if result.rule is not Rule.VOTER_IS_SURELY_KNOWN)
    current = plan_rule(release, snapshot.lane(where).live, snapshot.definition)
    return (*rules, current)


def _may_still_reject(snapshot: Snapshot, release: Release, viewer: PlanViewer) -> bool:
    """Whether a rejection by this person would end a release that was let through, or whose plan is being made
    again."""
    return not not_passed(_rules_for(snapshot, release, _trial_vote(viewer, snapshot.now, VoteDecision.REJECT)))


def _rules_for(snapshot: Snapshot, release: Release, vote: VoteCast) -> tuple[RuleResult, ...]:
    environment = snapshot.application.environment(vote.environment)
    return vote_rules(release, environment, vote, lanes=snapshot.lanes, epoch=snapshot.head.epoch)


def unusable_link(refused: TokenRefused) -> Answer:
    """The same page for every invalid token, so that it does not reveal why a forged one failed."""
    if isinstance(refused, TokenExpired):
        return message(
            410,
            "This link has expired",
            "The decision it asked for has been made, or is no longer open.",
            link=("/", "Board"),
        )
    return message(
        403,
        "This link cannot be used",
        "It may have been truncated or altered on the way. Please open the complete link from the message it came in;"
        " if that does not help, ask for a new one.",
        tone=Tone.ASKS,
    )

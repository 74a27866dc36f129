"""What happens behind an approval link. GET and HEAD look and change nothing; POST takes a vote in, once."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from ..domain.decide.ballots import vote_rules
from ..domain.decide.conditions import plan_rule
from ..domain.release import Lane, Release, VoteDecision
from ..domain.rules import RuleResult, failed
from ..domain.tokens import ApprovalClaims, Keys, TokenExpired, TokenRefused
from ..flow.catalogue import Entry
from ..flow.clock import Clock
from ..flow.inbound.approval import vote
from ..flow.intake import Intake, Outcome, Receipt, UnknownTarget
from ..flow.reading import NotFound, Reader
from .answer import Answer, document, html, see_other
from .approval import OUTDATED, Matter, Refusal, approval_page
from .changes import whole_text
from .form import FormRefused, Posted, check_origin, new_nonce, parse_form, submission
from .messages import message
from .release import readable_plan
from .standing import outdated, standing
from .words import Tone

CHANNEL = "page"
_LOOKING = "only-looking"
_TO_BE_GIVEN = "(to be given)"
"""The reason of a vote that nobody has cast yet: whether one is given is looked at when it is."""


@dataclass(frozen=True, kw_only=True)
class Desk:
    """What the approval page works with."""

    keys: Keys
    reader: Reader
    intake: Intake
    clock: Clock
    public_url: str

    def path(self, token: str) -> str:
        return f"/approvals/{token}"


def show(desk: Desk, token: str) -> Answer:
    """The page behind a link. Raises `NotFound`, `LedgerUnavailable`."""
    try:
        claims = desk.keys.approval(token, now=desk.clock())
    except TokenRefused as refused:
        return unusable(refused)
    return html(_page(desk, token, claims))


def show_changes(desk: Desk, token: str) -> Answer:
    """Everything that the plan changes, as plain text. Raises `NotFound`, `LedgerUnavailable`."""
    try:
        claims = desk.keys.approval(token, now=desk.clock())
    except TokenRefused as refused:
        return unusable(refused)
    plan, why_not = readable_plan(desk.reader, claims.plan_hash)
    if plan is None:
        raise NotFound(why_not)
    name = f"{claims.application}-{claims.release}-{claims.environment}-changes.txt"
    return document(whole_text(plan).encode(), name=name)


def decide(desk: Desk, token: str, headers: Mapping[str, str], body: bytes) -> Answer:
    """Take a vote in. `headers` must find names in any case. Raises `NotFound`, `LedgerUnavailable`, `Contended`."""
    now = desk.clock()
    try:
        check_origin(headers, desk.public_url)
        claims = desk.keys.approval(token, now=now)
        posted = parse_form(headers, body)
        act = submission(desk.keys, posted, token, now=now)
    except TokenRefused as refused:
        return unusable(refused)
    except FormRefused as refused:
        return message(
            refused.status,
            "Your decision was not taken",
            str(refused),
            "Nothing was changed.",
            tone=Tone.ASKS,
            link=(desk.path(token), "Open the page again") if refused.status != 403 else None,  # noqa: PLR2004
        )
    if posted.decision is VoteDecision.REJECT and not posted.reason:
        refusal = Refusal(
            headline="Please say why", message="A rejection needs a reason; nothing was changed.", about_reason=True
        )
        return html(_page(desk, token, claims, refusal), status=422)
    return _take(desk, token, claims, posted, act)


def _take(desk: Desk, token: str, claims: ApprovalClaims, posted: Posted, act: str) -> Answer:
    cause = vote(claims, posted.decision, reason=posted.reason, channel=CHANNEL, submission=act, now=desk.clock())
    try:
        receipts = desk.intake.take(cause)
    except UnknownTarget as unknown:
        raise NotFound(str(unknown)) from unknown
    refused = [receipt for receipt in receipts if _refused(receipt)]
    if not refused:
        return see_other(desk.path(token))
    rules = failed(refused[0].rules)
    again = any(rule.name == OUTDATED for rule in rules)
    refusal = Refusal(
        headline=_DID_NOT[posted.decision],
        message="The plan is being made again now; you will be asked again." if again else "",
        rules=rules,
        reason=posted.reason,
    )
    return html(_page(desk, token, claims, refusal), status=409)


_DID_NOT = {
    VoteDecision.APPROVE: "Your vote did not count",
    VoteDecision.REJECT: "Your vote did not count",
    VoteDecision.WITHDRAW: "Your vote was not withdrawn",
}


def _refused(receipt: Receipt) -> bool:
    return receipt.outcome is Outcome.TAKEN and "vote.refused" in receipt.actions


def _page(desk: Desk, token: str, claims: ApprovalClaims, refusal: Refusal | None = None) -> str:
    reader, now = desk.reader, desk.clock()
    release = reader.release(f"{claims.application}-{claims.release}")
    entry = reader.catalogue.get(claims.application)
    environment = entry.application.environment(claims.environment) if entry else None
    lane = reader.ledger.lanes(claims.application).get(claims.environment) or Lane(environment=claims.environment)
    plan, plan_missing = readable_plan(reader, claims.plan_hash)
    stands = standing(release, environment, claims, now=now)
    rules = _rules(entry, release, claims, lane, now) if entry is not None and stands.open else ()
    if any(rule.name == OUTDATED for rule in failed(rules)):
        stands = outdated(stands)
    matter = Matter(
        claims=claims,
        release=release,
        environment=environment,
        lane=lane,
        plan=plan,
        plan_missing=plan_missing,
        standing=stands,
        rules=rules,
        nonce=new_nonce(desk.keys, token, now=now) if stands.open or stands.voted else "",
        link=desk.path(token),
    )
    return approval_page(matter, reader.evidence, now=now, refusal=refusal)


def _rules(entry: Entry, release: Release, claims: ApprovalClaims, lane: Lane, now: datetime) -> tuple[RuleResult, ...]:
    """What an approval by this person would be judged by, if it came now."""
    would_be = vote(claims, VoteDecision.APPROVE, reason=_TO_BE_GIVEN, channel=CHANNEL, submission=_LOOKING, now=now)
    environment = entry.application.environment(claims.environment)
    return (*vote_rules(release, environment, would_be), plan_rule(release, lane.live, entry.fingerprint))


def unusable(refused: TokenRefused) -> Answer:
    """The same page for every token that is no good, so that nobody learns how close a forgery came."""
    if isinstance(refused, TokenExpired):
        return message(
            410,
            "This link has expired",
            "The decision it asked for was made or closed long ago.",
            link=("/", "Board"),
        )
    return message(
        403,
        "This link cannot be used",
        "It may have been cut off or changed on its way. Please open it once more from the message it came in,"
        " as a whole; if that does not help, ask for a new one.",
        tone=Tone.ASKS,
    )

"""Votes from the page. A signed-in person's approval goes through the identity provider, which proves it. A vote that
stops something or is withdrawn is taken at once, and so is a vote by link. Each is in the inbox until the worker has
decided, and a page follows it."""

import secrets
from collections.abc import Mapping
from typing import assert_never

from ..domain.errors import NotFound
from ..domain.gate import ApprovalGate
from ..domain.inbox import InboxKind, InboxRow, Speaker, Via
from ..domain.model import release_id
from ..domain.release import VoteDecision
from ..domain.statement import SALT_BYTES, VoteStatement, salt_of
from ..telemetry import carrier
from .answer import Answer
from .asked import PlanViewer
from .form import Posted
from .services import FormServices, follow
from .signin import Visitor


def cast_vote(
    services: FormServices, viewer: PlanViewer, who: Visitor, posted: Posted, headers: Mapping[str, str]
) -> Answer:
    """Take a vote from the form of the page. Raises `NotFound`, `LedgerUnavailable`."""
    statement = _statement(services, viewer, posted)
    match posted.decision:
        case VoteDecision.APPROVE:
            return services.prove(who, statement, _gate(services, viewer).fresh, headers)
        case VoteDecision.REJECT | VoteDecision.WITHDRAW | VoteDecision.OBJECT:
            speaker = Speaker.of(who.signed_in, who.name, Via.PAGE)
            row = InboxRow(kind=InboxKind.VOTE, said=statement, speaker=speaker, trace=carrier())
            return follow(services.writer.say(statement.application, row, id=posted.id))
        case unreachable:
            assert_never(unreachable)


def vote_by_link(services: FormServices, viewer: PlanViewer, posted: Posted) -> str:
    """Pass on the vote of the link's holder; returns the id of its answer. Raises `LedgerUnavailable`."""
    statement = _statement(services, viewer, posted)
    speaker = Speaker(name=viewer.claims.approver, via=Via.LINK)
    row = InboxRow(kind=InboxKind.VOTE, said=statement, link=viewer.binding, speaker=speaker, trace=carrier())
    return services.writer.say(statement.application, row, id=posted.id).id


def _statement(services: FormServices, viewer: PlanViewer, posted: Posted) -> VoteStatement:
    """The person's statement about the plan and the opening that their page showed."""
    claims = viewer.claims
    release = services.reader.release(release_id(claims.application, claims.release))
    return VoteStatement(
        installation=services.writer.installation,
        salt=salt_of(secrets.token_bytes(SALT_BYTES)),
        reason=posted.reason,
        application=claims.application,
        release=claims.release,
        environment=claims.environment,
        attempt=release.attempt,
        opening=claims.opening or posted.opening or max(release.openings, 1),
        plan=claims.plan_hash,
        decision=posted.decision,
    )


def _gate(services: FormServices, viewer: PlanViewer) -> ApprovalGate:
    environment = services.reader.catalogue.environment(viewer.claims.application, viewer.claims.environment)
    if environment is None or not isinstance(environment.gate, ApprovalGate):
        raise NotFound(f"{viewer.claims.environment} of {viewer.claims.application} no longer needs an approval")
    return environment.gate

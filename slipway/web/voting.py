"""Votes from the page. An approval of whoever has signed in goes by way of the identity provider, which proves it; what
stops or takes back is said at once, and so is what comes by a link that votes. Each lies in the inbox until the worker
has decided, and a page follows it."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import assert_never

from ..commands.saying import InboxWriter
from ..domain.errors import NotFound
from ..domain.gate import ApprovalGate
from ..domain.inbox import InboxKind, InboxRow, Speaker, Via
from ..domain.release import VoteDecision
from ..domain.statement import SALT_BYTES, VoteStatement, salt_of
from ..http.saying import Saying
from ..http.sessions import Sessions
from ..queries.reading import Reader
from ..telemetry import carrier
from .answer import Answer, see_other
from .asked import PlanViewer
from .form import Posted
from .leading import led
from .signin import Visitor


@dataclass(frozen=True, kw_only=True)
class Booth:
    """Where people who have signed in vote."""

    saying: Saying
    writer: InboxWriter
    sessions: Sessions
    reader: Reader
    installation: str
    """The installation's name, which statements are addressed to."""


def vote(booth: Booth, viewer: PlanViewer, who: Visitor, posted: Posted, headers: Mapping[str, str]) -> Answer:
    """Take a vote from the form of the page. Raises `NotFound`, `LedgerUnavailable`."""
    statement = _statement(booth, viewer, posted)
    match posted.decision:
        case VoteDecision.APPROVE:
            browser, cookie = booth.sessions.browser(headers)
            fresh, person = _gate(booth, viewer).fresh, who.signed_in.object_id
            return led(booth.saying.begin(statement, browser=browser, person=person, fresh=fresh), cookie)
        case VoteDecision.REJECT | VoteDecision.WITHDRAW | VoteDecision.OBJECT:
            speaker = Speaker.of(who.signed_in, who.name, Via.PAGE)
            row = InboxRow(kind=InboxKind.VOTE, said=statement, speaker=speaker, trace=carrier())
            receipt = booth.writer.say(statement.application, row, id=posted.id)
            return see_other(f"/said/{receipt.partition}/{receipt.id}")
        case unreachable:
            assert_never(unreachable)


def vote_by_link(booth: Booth, viewer: PlanViewer, posted: Posted) -> str:
    """Say what whoever has the link said; returns the id by which the answer is found. Raises `LedgerUnavailable`."""
    statement = _statement(booth, viewer, posted)
    speaker = Speaker(name=viewer.claims.approver, via=Via.LINK)
    row = InboxRow(kind=InboxKind.VOTE, said=statement, link=viewer.binding, speaker=speaker, trace=carrier())
    return booth.writer.say(statement.application, row, id=posted.id).id


def _statement(booth: Booth, viewer: PlanViewer, posted: Posted) -> VoteStatement:
    """What the person says: about the plan and the opening that their page showed."""
    claims = viewer.claims
    release = booth.reader.release(f"{claims.application}-{claims.release}")
    return VoteStatement(
        installation=booth.installation,
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


def _gate(booth: Booth, viewer: PlanViewer) -> ApprovalGate:
    environment = booth.reader.catalogue.environment(viewer.claims.application, viewer.claims.environment)
    if environment is None or not isinstance(environment.gate, ApprovalGate):
        raise NotFound(f"{viewer.claims.environment} of {viewer.claims.application} asks nobody any more")
    return environment.gate

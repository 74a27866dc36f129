"""The JSON API of proposed changes of the catalogue: those that wait for votes, one of them, and votes on it.

A rejection is said at once, on behalf of the person whose access token came along. An approval lets something through:
a person confirms it on a page, by a sign-in made for it.
"""

import secrets

import azure.functions as func

from slipway.api.changes import ChangeVoteRequest, OpenChanges, ProposedChangeShown, ProposedChangeSummary, WeakenedGate
from slipway.api.inbox import ReceivedAnswer
from slipway.domain.errors import NotFound, present
from slipway.domain.inbox import InboxKind, InboxRow, Via
from slipway.domain.model import DIGEST_PATTERN
from slipway.domain.people import OID
from slipway.domain.proposing import ChangePhase, freshest, may_vote, quorum_at
from slipway.domain.release import VoteDecision
from slipway.domain.roles import Caller, Permission
from slipway.domain.standing_in import FRESH
from slipway.domain.statement import SALT_BYTES, ChangeVoteStatement, salt_of
from slipway.http.places import change_place
from slipway.http.saying import partition_of
from slipway.http.speaking import speaker
from slipway.inbound.reading import BadInput
from slipway.queries.open_changes import ShownChange, open_changes, proposed_change
from slipway.telemetry import carrier

from .commands import received, to_confirm
from .contract import Endpoint, in_path
from .guard import admit
from .http import EarlyResponse, ok, problem, read_body
from .shared import new_blueprint, parts

blueprint = new_blueprint()
_CHANGE = in_path("change", "Its hash: `sha256:` and 64 hexadecimal digits.", DIGEST_PATTERN)


@Endpoint(
    blueprint,
    name="api_changes",
    path="changes",
    summary="The changes that weaken production gates and wait for the votes of their people",
    tag="catalogue",
    answer=OpenChanges,
)
def list_changes(req: func.HttpRequest) -> func.HttpResponse:  # noqa: ARG001 - the binding needs it
    changes = open_changes(parts().proposals)
    return ok(OpenChanges(changes=tuple(map(_summary, changes.read)), not_shown=changes.not_shown))


@Endpoint(
    blueprint,
    name="api_change",
    path="changes/{change}",
    summary="One proposed change: its effect, the gates that are asked, the votes, and its end",
    tag="catalogue",
    parameters=(_CHANGE,),
    answer=ProposedChangeShown,
    refuses=(404,),
)
def get_change(req: func.HttpRequest) -> func.HttpResponse:
    proposal = _change_in_route(req)
    compared = proposal.plan.compared if proposal.plan else ()
    return ok(ProposedChangeShown.model_validate({**dict(_summary(proposal)), "compared": compared}))


@Endpoint(
    blueprint,
    name="api_vote_on_change",
    method="POST",
    path="changes/{change}/votes",
    summary="Vote on a proposed change, as an approver of one of the gates that it would weaken",
    description="A rejection is received at once, on behalf of the signed-in person: ask at `address` for its "
    "outcome. A function key does not allow voting, since it names no person. The proposer takes a change back by a "
    "rejection. An approval waits until a person confirms it at `open`, by a sign-in made for it, and is theirs then. "
    "With `stands_in` it is the approval of one of the platform's people, in place of those whom the gates ask. By "
    "default the vote is for the current opening and plan.",
    tag="catalogue",
    permission=None,
    parameters=(_CHANGE,),
    body=ChangeVoteRequest,
    answer=ReceivedAnswer,
    status=202,
    refuses=(404, 409, 415),
)
def vote_on_change(req: func.HttpRequest) -> func.HttpResponse:
    caller = admit(req, Permission.READ)
    request = read_body(req, ChangeVoteRequest)
    proposal = _change_in_route(req)
    statement = _statement(proposal, request)
    via = Via(request.channel)
    if statement.decision is VoteDecision.APPROVE:
        plan = proposal.plan
        gates, compared = (plan.gates, plan.compared) if plan else ((), ())
        return to_confirm(statement, via, compared=compared, fresh=FRESH if request.stands_in else freshest(gates))
    _check_person(caller)
    _check_asked(proposal, caller)
    row = InboxRow(kind=InboxKind.VOTE, said=statement, speaker=speaker(caller, via), trace=carrier())
    return received(parts().inbox_writer.say(partition_of(statement), row, id=request.id or ""))


def _statement(proposal: ShownChange, request: ChangeVoteRequest) -> ChangeVoteStatement:
    """The statement, about the opening and plan that the caller named, or else the current ones.

    Raises `BadInput` and `EarlyResponse`.
    """
    change = proposal.change
    if not change.phase.open or (request.stands_in and change.phase is not ChangePhase.WAITING):
        why = f": {change.why}" if change.why else ""
        detail = f"the change is {change.phase}{why}"
        raise EarlyResponse(problem(409, "The vote did not count", detail, rules=[]))
    if (request.stands_in or request.decision == "reject") and not request.reason.strip():
        raise BadInput("reason", "why", "nothing")
    if request.stands_in and request.decision != "approve":
        raise BadInput("stands_in", "true for an approval alone", "true")
    return ChangeVoteStatement(
        installation=parts().settings.installation_name,
        salt=salt_of(secrets.token_bytes(SALT_BYTES)),
        reason=request.reason,
        change=change.hash,
        opening=request.opening or change.opening,
        plan=request.plan or change.plan,
        decision=VoteDecision.APPROVE if request.decision == "approve" else VoteDecision.REJECT,
        stands_in=request.stands_in or None,
    )


def _check_person(caller: Caller) -> None:
    """Raises `EarlyResponse`."""
    if caller.signed_in is None:
        detail = (
            "a function key or a program's token identifies no voter: sign in, and send the access token of your "
            "sign-in as `Authorization: Bearer …`"
        )
        raise EarlyResponse(problem(403, "Voter not identified", detail))


def _check_asked(proposal: ShownChange, caller: Caller) -> None:
    """Raises `EarlyResponse`."""
    plan, who = proposal.plan, present(caller.signed_in, "whoever votes")
    if plan is not None and may_vote(proposal.change, plan, who):
        return
    parts().denial_counter.count(caller.name, "vote on a change")
    why = "no gate that the change weakens asks you, and you did not propose it"
    raise EarlyResponse(problem(403, "Not asked", why))


def _change_in_route(req: func.HttpRequest) -> ShownChange:
    hash = req.route_params["change"]
    digits = hash.removeprefix("sha256:")
    if len(digits) != 64 or not digits.isascii() or not digits.isalnum():  # noqa: PLR2004 - of SHA-256
        raise NotFound("no such change was proposed")
    return proposed_change(parts().proposals, f"sha256:{digits}")


def _summary(proposal: ShownChange) -> ProposedChangeSummary:
    change, plan = proposal.change, proposal.plan
    return ProposedChangeSummary(
        change=change.hash,
        opening=change.opening,
        plan=change.plan,
        phase=str(change.phase),
        why=change.why,
        subjects=tuple(sorted(change.subjects)),
        proposed_by=f"{OID}{change.proposed_by}",
        reason=change.reason,
        at=change.at,
        deadline=change.deadline,
        ended_at=change.ended_at,
        weaker=plan.weaker() if plan else (),
        gates=tuple(
            WeakenedGate(
                application=weakened.application,
                environment=weakened.environment,
                people=weakened.people,
                required=weakened.gate.required,
                rules=quorum_at(weakened, change.votes, change.proposed_by),
            )
            for weakened in (plan.gates if plan else ())
        ),
        votes=change.votes,
        stand_ins=change.stand_ins,
        page=parts().settings.public_url + change_place(change.hash),
    )

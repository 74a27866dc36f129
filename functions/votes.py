"""The JSON API of approvals: open gates, and votes.

Listing needs the permission to read. Voting needs a person instead: the one of the access token or, where links vote,
the holder of an approver's token. Only JSON is accepted, and no request that the browser marks as cross-site.
"""

from dataclasses import replace

import azure.functions as func

from slipway.api.approvals import Ballot, Counted, OpenGates
from slipway.domain.errors import NotFound
from slipway.domain.people import Principal
from slipway.domain.roles import Permission
from slipway.domain.rules import failed
from slipway.engine.handle import UnknownTarget
from slipway.inbound.ballot import Misdirected, NotAllowed, check_identified, vote_of_principal, vote_of_token
from slipway.queries.open_gates import name_at_gate, open_gate, open_gates

from .contract import Operation, Parameter, endpoint
from .guard import admit, check_own_origin
from .http import ok, problem, read_body
from .shared import new_blueprint, parts

blueprint = new_blueprint()


@endpoint(
    blueprint,
    Operation(
        name="api_approvals",
        method="GET",
        path="approvals",
        summary="Open gates: the plan, votes so far and required, who may still vote, and the deadline",
        tag="approvals",
        permission=Permission.READ,
        answer=OpenGates,
    ),
)
def approvals(req: func.HttpRequest) -> func.HttpResponse:  # noqa: ARG001 - the binding needs it
    return ok(OpenGates(approvals=list(open_gates(parts().reader))))


@endpoint(
    blueprint,
    Operation(
        name="api_vote",
        method="POST",
        path="approvals/{release}",
        summary="Vote on the plan of an open gate",
        description="The voter is the signed-in person or, without sign-in, the person that `token` was issued for. A "
        "function key does not allow voting.",
        tag="approvals",
        permission=None,
        anonymous=True,
        parameters=(Parameter(name="release", where="path", description="Id of a release."),),
        body=Ballot,
        answer=Counted,
        refuses=(403, 404, 409, 415),
    ),
)
def vote(req: func.HttpRequest) -> func.HttpResponse:
    """`{decision, reason, plan_hash}`, plus `token` without sign-in. 409 names the rules that failed."""
    check_own_origin(req)
    principal = _person(req)
    try:
        return _vote(req, principal)
    except NotAllowed as nobody:
        return problem(403, "Voter not identified", str(nobody))
    except Misdirected as elsewhere:
        return problem(409, "The vote did not count", str(elsewhere), rules=[])
    except UnknownTarget as unknown:
        raise NotFound(str(unknown)) from unknown


def _vote(req: func.HttpRequest, principal: Principal | None) -> func.HttpResponse:
    built = parts()
    ballot = read_body(req, Ballot)
    # Before anything is read, so that an unknown caller cannot probe for releases.
    check_identified(ballot, principal)
    release = built.reader.release(req.route_params["release"])
    if principal is not None:
        named = name_at_gate(built.reader, release, release.environment or "", principal.name)
        principal = replace(principal, name=named)
        event = vote_of_principal(ballot, release, principal, clock=built.clock)
    else:
        event = vote_of_token(ballot, release, built.link_keys, clock=built.clock)
    (receipt,) = built.handler.handle(event)
    if receipt.vote_refused:
        rules = failed(receipt.rules)
        shown = [rule.model_dump(mode="json") for rule in rules]
        return problem(409, "The vote did not count", "; ".join(rule.reason for rule in rules), rules=shown)
    now = built.reader.release(release.id)
    gate = open_gate(built.reader, now)
    return ok(
        Counted(
            release=now.id,
            environment=event.environment,
            plan_hash=event.plan_hash,
            voter=event.voter,
            decision=str(event.decision),
            phase=str(now.phase),
            approvals=gate.approvals if gate else None,
            required=gate.required if gate else None,
        )
    )


def _person(req: func.HttpRequest) -> Principal | None:
    """The person whose access token came along. Raises `Answered` for one that is not good."""
    if req.headers.get("Authorization") is None:
        return None
    caller = admit(req, Permission.READ)
    if caller.signed_in is None:
        return None
    return Principal(name=caller.name, signed_in=caller.signed_in)

"""The JSON API of approvals: which gates are open, and votes.

Listing needs the permission to read. Voting needs a person instead: whoever has signed in, or the
holder of an approver's token where nobody signs in. A browser could be made to send a vote by another site, with its
cookies of the sign-in: so only JSON is taken, and nothing that a browser says another site sent.
"""

import azure.functions as func

from slipway.domain.roles import Permission
from slipway.domain.rules import failed
from slipway.flow.inbound.ballot import (
    Ballot,
    Misdirected,
    NotAllowed,
    check_identified,
    read_ballot,
    vote_of_principal,
    vote_of_token,
)
from slipway.flow.inbound.principal import HEADER, Principal, read_principal
from slipway.flow.intake import Contended, Outcome, Receipt, UnknownTarget
from slipway.flow.open_gates import open_gate, open_gates
from slipway.flow.reading import NotFound
from slipway.pages.form import FormRefused, check_origin

from .answers import Counted, OpenGates
from .contract import Operation, Parameter, endpoint
from .guard import refusal
from .http import body_of, ok, problem
from .shared import new_blueprint, parts

blueprint = new_blueprint()
JSON = "application/json"


@endpoint(
    blueprint,
    Operation(
        name="api_approvals",
        method="GET",
        path="approvals",
        summary="What waits for people: plan, votes so far and needed, who may still vote, until when",
        tag="approvals",
        permission=Permission.READ,
        answer=OpenGates,
    ),
)
def approvals(req: func.HttpRequest) -> func.HttpResponse:  # noqa: ARG001 - the binding needs it
    return ok({"approvals": [gate.model_dump(mode="json") for gate in open_gates(parts().reader)]})


@endpoint(
    blueprint,
    Operation(
        name="api_vote",
        method="POST",
        path="approvals/{release}",
        summary="Vote on the plan that waits",
        description="In the name of whoever has signed in, or, where nobody signs in, of the person whom `token` was "
        "issued for. A function key alone lets nobody vote; with `SLIPWAY_API_ACCESS=roles` a person who has signed in "
        "needs the permission `vote`.",
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
    """`{decision, reason, plan_hash}`, and `token` where nobody signs in. 409 names the rules that did not hold."""
    media_type = req.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if media_type != JSON:
        return problem(415, "The vote could not be read", f"Content-Type: expected {JSON}")
    try:
        check_origin(req.headers, parts().settings.public_url.rstrip("/"))
        return _role_refuses(req) or _vote(req)
    except FormRefused as refused:
        return problem(refused.status, "Nobody is known who votes", "the request was sent from another site")
    except NotAllowed as nobody:
        return problem(403, "Nobody is known who votes", str(nobody))
    except Misdirected as elsewhere:
        return problem(409, "The vote did not count", str(elsewhere), rules=[])
    except Contended:
        return problem(503, "A service that is needed is away", "try again in a moment")
    except UnknownTarget as unknown:
        raise NotFound(str(unknown)) from unknown


def _vote(req: func.HttpRequest) -> func.HttpResponse:
    built = parts()
    ballot = read_ballot(body_of(req))
    signs_in = built.settings.sign_in == "easy-auth"
    principal = _principal(req) if signs_in else None
    check_identified(ballot, principal, sign_in=signs_in)  # before anything is read: a stranger learns of no release
    release = built.reader.release(req.route_params["release"])
    if principal is not None:
        cause = vote_of_principal(ballot, release, principal, clock=built.clock)
    else:
        cause = vote_of_token(ballot, release, built.keys, clock=built.clock)
    (receipt,) = built.intake.take(cause)
    if _refused(receipt):
        rules = failed(receipt.rules)
        shown = [rule.model_dump(mode="json") for rule in rules]
        return problem(409, "The vote did not count", "; ".join(rule.reason for rule in rules), rules=shown)
    now = built.reader.release(release.id)
    gate = open_gate(built.reader, now)
    return ok(
        {
            "release": now.id,
            "environment": cause.environment,
            "plan_hash": cause.plan_hash,
            "voter": cause.voter,
            "decision": str(cause.decision),
            "phase": str(now.phase),
            "approvals": gate.approvals if gate else None,
            "required": gate.required if gate else None,
        }
    )


def _role_refuses(req: func.HttpRequest) -> func.HttpResponse | None:
    """Where roles decide, a person who has signed in needs that of an approver; a link's token is a right by itself."""
    access = parts().access
    signed_in = access.easy_auth and bool(req.headers.get(HEADER))
    return refusal(req, Permission.VOTE) if signed_in and not access.host_keys else None


def _principal(req: func.HttpRequest) -> Principal | None:
    header = req.headers.get(HEADER, "")
    return read_principal(header) if header else None


def _refused(receipt: Receipt) -> bool:
    return receipt.outcome is Outcome.TAKEN and "vote.refused" in receipt.actions

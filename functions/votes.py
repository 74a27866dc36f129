"""The JSON API of approvals: open gates, and votes, which are said to the worker by the inbox.

Listing needs the permission to read. Voting needs a person instead: the one of the access token or, at gates where
links vote, the holder of an approver's token. Only JSON is accepted, and no request that the browser marks as
cross-site.
"""

import secrets
from typing import assert_never

import azure.functions as func

from slipway.api.approvals import OpenGates, VoteRequest
from slipway.api.inbox import SaidOutcome
from slipway.domain.answers import StatementState
from slipway.domain.decide.vote_rules import KNOWN_BY_OBJECT_ID
from slipway.domain.errors import NotFound, present
from slipway.domain.inbox import InboxRow
from slipway.domain.model import canonical, sha256
from slipway.domain.people import Principal
from slipway.domain.release import Release
from slipway.domain.roles import Permission
from slipway.domain.statement import SALT_BYTES, salt_of
from slipway.http.places import gate_place
from slipway.inbound.vote_request import Misdirected, NotAllowed, check_identified, row_of_principal, row_of_token
from slipway.queries.answers import Reply
from slipway.queries.open_gates import may_say, open_gates
from slipway.telemetry import carrier

from .contract import Endpoint, in_path
from .guard import admit, check_own_origin
from .http import EarlyResponse, ok, problem, read_body
from .inbox import said_outcome
from .shared import new_blueprint, parts

blueprint = new_blueprint()


@Endpoint(
    blueprint,
    name="api_approvals",
    path="approvals",
    summary="Open gates: the plan, votes so far and required, who may still vote, and the deadline",
    tag="approvals",
    answer=OpenGates,
)
def list_open_gates(req: func.HttpRequest) -> func.HttpResponse:  # noqa: ARG001 - the binding needs it
    gates = open_gates(parts().reader)
    return ok(OpenGates(approvals=list(gates.read), not_shown=gates.not_shown))


@Endpoint(
    blueprint,
    name="api_vote",
    method="POST",
    path="approvals/{release}",
    summary="Vote on the plan of an open gate, or say that a counted vote was not yours",
    description="The voter is the person for whom `token`, of a link that votes, was issued, or else the signed-in "
    "person, who may reject, withdraw, and object to a vote counted in their name; an approval needs a proof, which "
    "is given on the page. A function key does not allow voting. The vote is received first: send the same request "
    "with the same `id` until its state is no longer `received`. A vote that the worker refused, or could not handle, "
    "is answered with 409.",
    tag="approvals",
    permission=None,
    anonymous=True,
    parameters=(in_path("release", "Id of a release."),),
    body=VoteRequest,
    answer=SaidOutcome,
    refuses=(403, 404, 409, 415),
)
def post_vote(req: func.HttpRequest) -> func.HttpResponse:
    """`{decision, reason, plan_hash, token, id}`. 409 names the rules that failed."""
    check_own_origin(req)
    principal = _person(req)
    try:
        return _vote(req, principal)
    except NotAllowed as nobody:
        return problem(403, "Voter not identified", str(nobody))
    except Misdirected as elsewhere:
        return problem(409, "The vote did not count", str(elsewhere), rules=[])


def _vote(req: func.HttpRequest, principal: Principal | None) -> func.HttpResponse:
    components = parts()
    request = read_body(req, VoteRequest)
    check_identified(request, principal)  # before anything is read, so that a stranger cannot probe for releases
    release = components.reader.release(req.route_params["release"])
    if principal is not None and not _is_by_link(request):
        _check_asked(request, release, principal)
    reply = _say_once(_row(request, release, principal), request, release)
    match reply.state:
        case StatementState.RECEIVED | StatementState.COUNTED:
            return ok(said_outcome(reply))
        case StatementState.REFUSED | StatementState.PARKED:
            outcome = said_outcome(reply)
            failed_rules = [rule.model_dump(mode="json") for rule in outcome.rules]
            return problem(409, "The vote did not count", outcome.reason, rules=failed_rules)
        case unreachable:
            assert_never(unreachable)


def _is_by_link(request: VoteRequest) -> bool:
    """Whether a link says whose vote it is, also where somebody has signed in."""
    return bool(request.token) and request.decision == "approve"


def _check_asked(request: VoteRequest, release: Release, principal: Principal) -> None:
    """Turn away whom the gate does not ask: otherwise any reader could make the trail as long as they like. Raises
    `EarlyResponse`."""
    environment = (request.environment if request.decision == "object" else None) or release.environment or ""
    if principal.signed_in is None or may_say(parts().reader, release, environment, principal.signed_in):
        return
    parts().denial_counter.count(principal.name, "vote")
    gate = parts().reader.gate_of(release, environment)
    hint = f"; {KNOWN_BY_OBJECT_ID}" if gate is not None and gate.without_object_id() else ""
    why = f"the gate of {environment} of {release.application} does not ask you, and no vote is counted in your name"
    raise EarlyResponse(problem(403, "Not asked", f"{why}{hint}"))


def _row(request: VoteRequest, release: Release, principal: Principal | None) -> InboxRow:
    components = parts()
    identification = {
        "installation": components.settings.installation_name,
        "salt": salt_of(secrets.token_bytes(SALT_BYTES)),
    }
    if principal is None or _is_by_link(request):
        return row_of_token(request, release, components.link_keys, now=components.clock(), **identification)
    page = gate_place(release.application, release.number, release.environment or "")
    return row_of_principal(request, release, principal, page=components.settings.public_url + page, **identification)


def _say_once(row: InboxRow, request: VoteRequest, release: Release) -> Reply:
    """Say it, unless the same was said before under the same id; returns how far it is."""
    components = parts()
    id = _row_id(request.id or components.inbox_writer.new_id(), row)
    try:
        return components.answers.reply(release.application, id)
    except NotFound:
        components.inbox_writer.say(release.application, row.evolve(trace=carrier()), id=id)
        return components.answers.reply(release.application, id)


def _row_id(id: str, row: InboxRow) -> str:
    """The row that a request is written into. Under the same id another vote is another row, and not the first one's
    repeat: a rejection must not be lost because a program numbers its requests badly."""
    statement = present(row.said, "what the row says")
    fields = statement.fields() | {"salt": "", "link": row.link or "", "oid": row.speaker.oid or ""}
    time, _, random = id.partition("-")
    return f"{time}-{sha256(random.encode() + canonical(fields)).removeprefix('sha256:')[: len(random)]}"


def _person(req: func.HttpRequest) -> Principal | None:
    """The person whose access token came along. Raises `EarlyResponse` for one that is not good."""
    if req.headers.get("Authorization") is None:
        return None
    caller = admit(req, Permission.READ)
    if caller.signed_in is None:
        return None
    return Principal(name=caller.name, signed_in=caller.signed_in)

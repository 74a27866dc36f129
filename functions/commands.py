"""The JSON API of the operator's commands: freeze, cancel, retry, create, roll back, resume, override and the like.

Each has its own permission. The actor is the signed-in person or the named key; the body cannot name one. A command is
written into the inbox; its sender asks there for the outcome.
"""

from datetime import timedelta

import azure.functions as func

from slipway.api.catalogue import ChangeShown
from slipway.api.commands import Command, Freezes
from slipway.api.inbox import Confirmation, ConfirmationState, ReceivedAnswer
from slipway.commands.saying import CommandRequest, StatementReceipt
from slipway.domain.changing import ComparedSubject
from slipway.domain.commands import FRESH, OPENS, PERMISSIONS, Verb, ends_own_sessions
from slipway.domain.errors import NotFound
from slipway.domain.inbox import Via
from slipway.domain.roles import Caller, Permission
from slipway.domain.statement import CatalogueStatement, ChangeVoteStatement, CommandStatement
from slipway.http.saying import Declined, partition_of
from slipway.http.speaking import speaker

from .contract import Endpoint, in_path
from .guard import admit, bearer_of, permit
from .http import ok, read_body
from .shared import new_blueprint, parts

blueprint = new_blueprint()


@Endpoint(
    blueprint,
    name="api_freezes",
    path="freezes",
    summary="Freezes and holds in force: by whom, why and until when",
    tag="commands",
    answer=Freezes,
)
def list_freezes(req: func.HttpRequest) -> func.HttpResponse:  # noqa: ARG001 - the binding needs it
    in_force = parts().blocks.freezes()
    return ok(Freezes(freezes=list(in_force.read), not_shown=in_force.not_shown))


@Endpoint(
    blueprint,
    name="api_command",
    method="POST",
    path="commands",
    summary="Freeze, unfreeze, cancel, retry, create, rollback, resume, override, waive, replay or session.end",
    description="Each verb needs its own permission. The command is received, not yet carried out: ask at `address` "
    "for its outcome. A command that lets something through (unfreeze, retry, create, rollback, resume, override, "
    "waive) waits until a person confirms it at `open`, by a sign-in made for it. The exception is `create` by an "
    "application that the project names in `automation.create`: it needs only the permission `read` and says "
    "`application`. A command that could not succeed as things are is refused at once, with the rules, and asks "
    "nobody to confirm it. Ending one's own sessions needs only the permission `read`.",
    tag="commands",
    permission=None,
    body=Command,
    answer=ReceivedAnswer,
    status=202,
    refuses=(404, 409, 415),
)
def command(req: func.HttpRequest) -> func.HttpResponse:
    caller = admit(req, Permission.READ)  # before the body is read: error messages would describe it to strangers
    body = read_body(req, Command)
    person = body.person or (caller.signed_in.object_id if caller.signed_in else "")
    alone = _starts_alone(caller, body)
    if not alone and not ends_own_sessions(body.verb, caller.name, person):
        permit(caller, PERMISSIONS[body.verb])
    request = CommandRequest(**{**body.model_dump(exclude={"id", "channel"}), "person": person})
    if alone:
        sender = speaker(caller, Via(body.channel))
        return received(parts().inbox_writer.command(request, sender, id=body.id or "", token=bearer_of(req)))
    if body.verb in OPENS:
        statement = parts().inbox_writer.statement(request)
        parts().foresight.check(statement)
        return to_confirm(statement, Via(body.channel))
    receipt = parts().inbox_writer.command(request, speaker(caller, Via(body.channel)), id=body.id or "")
    return received(receipt)


def _starts_alone(caller: Caller, body: Command) -> bool:
    """Whether an application starts a release that its project lets it start without a person. The worker asks the
    token itself."""
    if body.verb is not Verb.CREATE or caller.signed_in is not None:
        return False
    parts().catalogue.look_again()  # its project may have named it only a moment ago
    entry, claims = parts().catalogue.get(body.application), {claim.casefold() for claim in caller.claims}
    return entry is not None and any(automation.casefold() in claims for automation in entry.application.automation)


def to_confirm(
    statement: CommandStatement | CatalogueStatement | ChangeVoteStatement,
    via: Via,
    *,
    content: tuple[str, ...] = (),
    compared: tuple[ComparedSubject, ...] = (),
    asks: tuple[str, ...] = (),
    fresh: timedelta | None = FRESH,
    refused: tuple[ChangeShown, ...] = (),
) -> func.HttpResponse:
    """202: it waits for a person, who proves in a browser that they say it."""
    components = parts()
    handle = components.saying.keep_pending(statement, via, content=content, compared=compared, asks=asks, fresh=fresh)
    address = f"/api/v1/confirmations/{handle}"
    page = f"{components.settings.public_url}/confirm/{handle}"
    received_answer = ReceivedAnswer(
        application=partition_of(statement), id="", address=address, open=page, refused=refused
    )
    return ok(received_answer, status=202)


@Endpoint(
    blueprint,
    name="api_confirmation",
    path="confirmations/{handle}",
    summary="Whether a person has confirmed a command or a change that lets something through",
    description="Ask with `If-None-Match` until the state is no longer `waiting`, and then at `address`. What could "
    "not succeed any more is refused, with the rules, as the page of confirmation refuses it.",
    tag="commands",
    parameters=(in_path("handle", "As the earlier answer gave it."),),
    answer=Confirmation,
    refuses=(404, 409),
)
def confirmation(req: func.HttpRequest) -> func.HttpResponse:
    saying, handle = parts().saying, req.route_params["handle"]
    pending = saying.pending(handle)
    refused = None
    if pending is not None and isinstance(pending.statement, CommandStatement):
        refused = parts().foresight.refusal(pending.statement)
    try:
        receipt = saying.confirmed(handle)  # asked last: a command that is carried out cannot be again
    except Declined:
        return ok(Confirmation(state=ConfirmationState.DECLINED))
    if receipt is not None:
        application, id = receipt
        address = f"/api/v1/inbox/{application}/{id}"
        return ok(Confirmation(state=ConfirmationState.SAID, application=application, id=id, address=address))
    if pending is None:
        raise NotFound("there is nothing to confirm here, or nobody has confirmed it within a quarter of an hour")
    if refused is not None:
        raise refused
    return ok(Confirmation(state=ConfirmationState.WAITING))


def received(receipt: StatementReceipt, *, refused: tuple[ChangeShown, ...] = ()) -> func.HttpResponse:
    """202: the row was written; the body says where the answer will be. `refused` lists the changes that were not
    written."""
    address = f"/api/v1/inbox/{receipt.partition}/{receipt.id}"
    response = ok(
        ReceivedAnswer(application=receipt.partition, id=receipt.id, address=address, refused=refused), status=202
    )
    response.headers["Location"] = address
    return response

"""The JSON API of looks: ordered by POST, looked at by the worker, read by GET.

The doctor's checks, the comparison of the audit index with the trail, and making the numbers anew need rights that the
front does not have.
"""

import azure.functions as func

from slipway.api.inbox import Received
from slipway.api.looks import LookAsked, LookShown
from slipway.domain.inbox import ID_PATTERN, Look, Via
from slipway.domain.looks import PERMISSIONS
from slipway.domain.roles import Permission
from slipway.http.speaking import speaker
from slipway.ledger.keys import INSTALLATION

from .commands import received
from .contract import Operation, Parameter, endpoint
from .guard import admit, permit
from .http import ok, read_body
from .shared import new_blueprint, parts

blueprint = new_blueprint()


@endpoint(
    blueprint,
    Operation(
        name="api_look",
        method="POST",
        path="looks",
        summary="Order a look: one of the doctor's checks, a comparison of the audit index, the numbers made anew",
        description="Each kind needs its own permission. Ask at `looks/{id}` for what was seen.",
        tag="operation",
        permission=None,
        body=LookAsked,
        answer=Received,
        status=202,
        refuses=(415,),
    ),
)
def look(req: func.HttpRequest) -> func.HttpResponse:
    caller = admit(req, Permission.READ)  # before the body is read: error messages would describe it to strangers
    body = read_body(req, LookAsked)
    permit(caller, PERMISSIONS[body.kind])
    asked = Look(kind=body.kind, subject=body.subject, options=body.options)
    return received(parts().inbox_writer.look(asked, speaker(caller, Via.API)))


@endpoint(
    blueprint,
    Operation(
        name="api_look_seen",
        method="GET",
        path="looks/{id}",
        summary="How far a look is, and what was seen",
        description="Ask with `If-None-Match` until the state is no longer `received`. Kept for a day.",
        tag="operation",
        permission=Permission.DIAGNOSE,
        parameters=(
            Parameter(
                name="id",
                where="path",
                description="As it was answered.",
                schema={"type": "string", "pattern": ID_PATTERN},
            ),
        ),
        answer=LookShown,
        refuses=(404,),
    ),
)
def seen(req: func.HttpRequest) -> func.HttpResponse:
    id = req.route_params["id"]
    reply = parts().answers.reply(INSTALLATION, id)
    return ok(LookShown(id=id, state=str(reply.state), reason=reply.reason, look=parts().looks.get(id)))

"""The JSON API of looks: ordered by POST, looked at by the worker, read by GET.

The doctor's checks and the comparison of the audit index with the trail need rights that the front lacks; the places of
an application's environments need settings that it is not given.
"""

import azure.functions as func

from slipway.api.inbox import ReceivedAnswer
from slipway.api.looks import LookRequest, LookStatus
from slipway.domain.inbox import ID_PATTERN, Look, LookKind, Via
from slipway.domain.looks import PERMISSIONS
from slipway.domain.roles import Permission
from slipway.http.speaking import speaker
from slipway.ledger.keys import INSTALLATION

from .commands import received
from .contract import Endpoint, in_path
from .guard import admit, caller_of_request, permit
from .http import ok, read_body
from .shared import new_blueprint, parts

blueprint = new_blueprint()


@Endpoint(
    blueprint,
    name="api_look",
    method="POST",
    path="looks",
    summary="Order a look: a check of the doctor, a comparison of the audit index, targets, what was pushed",
    description="Each kind needs its own permission. Ask at `looks/{id}` for the result.",
    tag="operation",
    permission=None,
    body=LookRequest,
    answer=ReceivedAnswer,
    status=202,
    refuses=(404, 415),
)
def order_look(req: func.HttpRequest) -> func.HttpResponse:
    caller = admit(req, Permission.READ)  # before the body is read: error messages would describe it to strangers
    body = read_body(req, LookRequest)
    permit(caller, PERMISSIONS[body.kind])
    if body.kind in (LookKind.TARGETS, LookKind.PUSHED):
        parts().catalogue.entry(body.subject)
    wanted_look = Look(kind=body.kind, subject=body.subject, options=body.options)
    return received(parts().inbox_writer.look(wanted_look, speaker(caller, Via.API)))


@Endpoint(
    blueprint,
    name="api_look_seen",
    path="looks/{id}",
    summary="The progress of a look, and its result",
    description="Ask with `If-None-Match` until the state is no longer `received`. Kept for a day. The result needs "
    "the permission of its kind.",
    tag="operation",
    parameters=(in_path("id", "As the earlier answer gave it.", ID_PATTERN),),
    answer=LookStatus,
    refuses=(404,),
)
def get_look(req: func.HttpRequest) -> func.HttpResponse:
    id = req.route_params["id"]
    reply, look = parts().answers.reply(INSTALLATION, id), parts().looks.get(id)
    if look is not None:
        permit(caller_of_request(req), PERMISSIONS[look.kind])
    return ok(LookStatus(id=id, state=str(reply.state), reason=reply.reason, look=look))

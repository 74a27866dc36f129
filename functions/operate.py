"""The operator's page. GET is read-only; POST gives one command on behalf of the signed-in person."""

import azure.functions as func

from slipway.domain.roles import Caller, Role
from slipway.inbound import BadInput
from slipway.web.answer import Answer
from slipway.web.messages import guarded, sign_in
from slipway.web.operating import Desk, Subject, give, show, subject_of

from .pages import ANONYMOUS, LOOKING, as_response
from .shared import new_blueprint, parts

blueprint = new_blueprint()
LOCAL = Caller(name="operator@localhost", roles=frozenset({Role.ADMIN}))
"""The caller if sign-in is off, which is allowed on a laptop only: anybody who can reach the pages."""


@blueprint.function_name("page_operate")
@blueprint.route(route="operate", methods=LOOKING, auth_level=ANONYMOUS)
def page_operate(req: func.HttpRequest) -> func.HttpResponse:
    who = _person(req)
    if who is None:
        return as_response(sign_in("/operate"))
    return as_response(guarded(lambda: show(_desk(), subject_of(req.params), who)))


@blueprint.function_name("take_command")
@blueprint.route(route="operate", methods=["POST"], auth_level=ANONYMOUS)
def take_command(req: func.HttpRequest) -> func.HttpResponse:
    who = _person(req)
    if who is None:
        return as_response(sign_in("/operate"))

    def work() -> Answer:
        subject: Subject = subject_of(req.params)
        return give(_desk(), subject, who, req.headers, req.get_body())

    return as_response(guarded(work))


def _person(req: func.HttpRequest) -> Caller | None:
    """The signed-in person. Keys are not accepted here: a browser would send one on anybody's behalf."""
    if parts().settings.sign_in == "none":
        return LOCAL
    try:
        return parts().access.person(req.headers)
    except BadInput:
        return None


def _desk() -> Desk:
    built = parts()
    return Desk(
        keys=built.keys,
        writer=built.inbox_writer,
        blocks=built.blocks,
        clock=built.clock,
        public_url=built.settings.public_url.rstrip("/"),
    )

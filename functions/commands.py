"""The JSON API of the operator's commands: freeze, cancel, retry, roll back, resume, override.

Each has its own permission. The actor is the signed-in person or the named key; the body cannot name one.
"""

import azure.functions as func

from slipway.api.commands import Command, Commanded, Freezes
from slipway.commands.commanding import Asked
from slipway.domain.commands import PERMISSIONS
from slipway.domain.roles import Permission

from .contract import Operation, endpoint
from .guard import admit, permit
from .http import ok, problem, read_body
from .shared import new_blueprint, parts

blueprint = new_blueprint()
JSON = "application/json"
BODY_LIMIT = 16 * 1024


@endpoint(
    blueprint,
    Operation(
        name="api_freezes",
        method="GET",
        path="freezes",
        summary="Freezes and holds in force: by whom, why and until when",
        tag="commands",
        permission=Permission.READ,
        answer=Freezes,
    ),
)
def freezes(req: func.HttpRequest) -> func.HttpResponse:  # noqa: ARG001 - the binding needs it
    return ok(Freezes(freezes=list(parts().commander.freezes())))


@endpoint(
    blueprint,
    Operation(
        name="api_command",
        method="POST",
        path="commands",
        summary="Freeze, unfreeze, cancel, retry, rollback, resume or override",
        description="Each verb needs its own permission. A refusal (409) names the rules that failed, and is recorded "
        "with them.",
        tag="commands",
        permission=None,
        body=Command,
        answer=Commanded,
        refuses=(404, 409, 415),
    ),
)
def command(req: func.HttpRequest) -> func.HttpResponse:
    caller = admit(req, Permission.READ)  # before the body is read: error messages would describe it to strangers
    body = read_body(req, Command)
    permit(caller, PERMISSIONS[body.verb])
    done = parts().commander.give(
        Asked(
            verb=body.verb,
            actor=caller.name,
            channel=body.channel,
            submission=f"api-{body.submission}",
            application=body.application,
            environment=body.environment,
            release=body.release,
            reason=body.reason,
            until=body.until,
        )
    )
    if done.refused:
        rules = [rule.model_dump(mode="json") for rule in done.refused]
        return problem(409, f"The {body.verb} was refused", "; ".join(r.reason for r in done.refused), rules=rules)
    return ok(Commanded.model_validate(done.model_dump(exclude={"rules"})))

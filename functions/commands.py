"""The JSON API of the operator's verbs: freeze, cancel, retry, roll back, resume, override. Each has its permission.

Who does it is whoever has signed in, or the holder of a key, by its name; nothing in the body says who.
"""

from typing import Annotated

import azure.functions as func
from pydantic import Field

from slipway.domain.blocks import REASON_LIMIT
from slipway.domain.commands import PERMISSIONS, Verb
from slipway.domain.roles import Permission
from slipway.flow.commanding import Asked, FreezeShown
from slipway.flow.inbound import BadInput
from slipway.flow.inbound.reading import Incoming, Time, read_as, read_json
from slipway.flow.intake import Contended

from .answers import Answer
from .contract import Operation, endpoint
from .guard import caller_of, refusal
from .http import body_of, ok, problem
from .shared import new_blueprint, parts

blueprint = new_blueprint()
JSON = "application/json"
BODY_LIMIT = 16 * 1024
_Short = Annotated[str, Field(max_length=80)]


class Command(Incoming):
    """The body of a command. A freeze that names neither application nor environment is of everything."""

    verb: Verb
    application: _Short = ""
    environment: _Short = ""
    release: _Short = Field(default="", description="Of a roll-back: the release that is to come back.")
    reason: Annotated[str, Field(max_length=REASON_LIMIT)] = ""
    until: Time | None = Field(default=None, description="Of a freeze: when it ends by itself.")
    submission: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{8,100}$")] = Field(
        description="Names this one act: a request that is sent again with it is the same command."
    )
    channel: Annotated[str, Field(pattern="^(api|cli)$")] = "api"


class Commanded(Answer):
    """What became of a command."""

    verb: Verb
    application: str
    environment: str
    release: str = Field(description="Of a roll-back: the new release, which brings the earlier one back.")
    phase: str
    told: int | None = Field(description="Of a freeze of everything: how many applications know of it already.")
    of: int | None


class Freezes(Answer):
    freezes: list[FreezeShown]


@endpoint(
    blueprint,
    Operation(
        name="api_freezes",
        method="GET",
        path="freezes",
        summary="What is frozen or held now, by whom, why and until when",
        tag="commands",
        permission=Permission.READ,
        answer=Freezes,
    ),
)
def freezes(req: func.HttpRequest) -> func.HttpResponse:  # noqa: ARG001 - the binding needs it
    return ok({"freezes": [freeze.model_dump(mode="json") for freeze in parts().commander.freezes()]})


@endpoint(
    blueprint,
    Operation(
        name="api_command",
        method="POST",
        path="commands",
        summary="Freeze, unfreeze, cancel, retry, rollback, resume or override",
        description="Each verb needs a permission of its own. A refusal (409) names the rules that did not hold, and "
        "is recorded with them.",
        tag="commands",
        permission=None,
        body=Command,
        answer=Commanded,
        refuses=(404, 409, 415),
    ),
)
def command(req: func.HttpRequest) -> func.HttpResponse:
    media_type = req.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if media_type != JSON:
        return problem(415, "The command could not be read", f"Content-Type: expected {JSON}")
    if refused := refusal(req, Permission.READ):
        return refused  # a stranger learns nothing of what a body should be
    body = body_of(req)
    if len(body) > BODY_LIMIT:
        raise BadInput("body", f"at most {BODY_LIMIT} bytes", f"{len(body)} bytes")
    given = read_as(Command, read_json(body))
    if refused := refusal(req, PERMISSIONS[given.verb]):
        return refused
    try:
        done = parts().commander.give(
            Asked(
                verb=given.verb,
                actor=caller_of(req).name,
                channel=given.channel,
                submission=f"api-{given.submission}",
                application=given.application,
                environment=given.environment,
                release=given.release,
                reason=given.reason,
                until=given.until,
            )
        )
    except Contended:
        return problem(503, "A service that is needed is away", "try again in a moment")
    if done.refused:
        rules = [rule.model_dump(mode="json") for rule in done.refused]
        return problem(409, f"The {given.verb} was refused", "; ".join(r.reason for r in done.refused), rules=rules)
    return ok(done.model_dump(mode="json", exclude={"rules"}))

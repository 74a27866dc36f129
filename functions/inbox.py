"""The JSON API of statements: their senders ask here for the outcome."""

import azure.functions as func

from slipway.api.catalogue import ChangeShown, ProblemShown
from slipway.api.inbox import SaidOutcome
from slipway.domain.hints import PARTITION_PATTERN
from slipway.domain.inbox import ID_PATTERN
from slipway.http.places import change_place
from slipway.queries.answers import Reply

from .contract import Endpoint, in_path
from .http import ok
from .shared import new_blueprint, parts

blueprint = new_blueprint()


@Endpoint(
    blueprint,
    name="api_outcome",
    path="inbox/{application}/{id}",
    summary="The outcome of a statement: received, counted, refused or parked",
    description="Ask with `If-None-Match` until the state is no longer `received`. Answers are kept for 30 days.",
    tag="commands",
    parameters=(
        in_path("application", "Name of an application, or `_installation`.", PARTITION_PATTERN),
        in_path("id", "As the earlier answer gave it.", ID_PATTERN),
    ),
    answer=SaidOutcome,
    refuses=(404,),
)
def get_outcome(req: func.HttpRequest) -> func.HttpResponse:
    return ok(said_outcome(parts().answers.reply(req.route_params["application"], req.route_params["id"])))


def said_outcome(reply: Reply) -> SaidOutcome:
    """The reply in the API's shape."""
    outcome = SaidOutcome(
        application=reply.partition,
        id=reply.id,
        state=str(reply.state),
        received_at=reply.received_at,
        waits_for=reply.waits_for,
        reason=reply.reason,
    )
    answered = reply.answered
    if answered is None:
        return outcome
    return outcome.model_copy(
        update={
            "verb": answered.verb,
            "environment": answered.environment,
            "release": answered.release,
            "phase": answered.phase,
            "rules": answered.rules,
            "change_phase": answered.change_phase,
            "changes": tuple(ChangeShown.model_validate(change.model_dump(mode="json")) for change in answered.changes),
            "change": answered.change or "",
            "page": parts().settings.public_url + change_place(answered.change) if answered.change else "",
            "problems": tuple(map(ProblemShown.of, answered.problems)),
            "reason": reply.reason or "; ".join(rule.reason for rule in answered.rules),
        }
    )

"""The JSON API of what was said: whoever said something asks here what became of it."""

import azure.functions as func

from slipway.api.catalogue import ChangeShown, ProblemShown
from slipway.api.inbox import SaidOutcome
from slipway.domain.hints import PARTITION_PATTERN
from slipway.domain.inbox import ID_PATTERN
from slipway.domain.roles import Permission
from slipway.queries.answers import Reply

from .contract import Endpoint, Parameter, endpoint
from .http import ok
from .shared import new_blueprint, parts

blueprint = new_blueprint()


@endpoint(
    blueprint,
    Endpoint(
        name="api_outcome",
        method="GET",
        path="inbox/{application}/{id}",
        summary="What became of something that was said: received, counted, refused or parked",
        description="Ask with `If-None-Match` until the state is no longer `received`. Answers are kept for 30 days.",
        tag="commands",
        permission=Permission.READ,
        parameters=(
            Parameter(
                name="application",
                where="path",
                description="Name of an application, or `_installation`.",
                schema={"type": "string", "pattern": PARTITION_PATTERN},
            ),
            Parameter(
                name="id",
                where="path",
                description="As the earlier answer gave it.",
                schema={"type": "string", "pattern": ID_PATTERN},
            ),
        ),
        answer=SaidOutcome,
        refuses=(404,),
    ),
)
def outcome(req: func.HttpRequest) -> func.HttpResponse:
    return ok(outcome_of(parts().answers.reply(req.route_params["application"], req.route_params["id"])))


def _page(change: str) -> str:
    return f"{parts().settings.public_url.rstrip('/')}/changes/{change.removeprefix('sha256:')}"


def outcome_of(reply: Reply) -> SaidOutcome:
    """The reply as the API tells it."""
    answered = reply.answered
    return SaidOutcome(
        application=reply.partition,
        id=reply.id,
        state=str(reply.state),
        received_at=reply.received_at,
        waits_for=reply.waits_for,
        verb=answered.verb if answered else None,
        environment=answered.environment if answered else "",
        release=answered.release if answered else "",
        phase=answered.phase if answered else "",
        rules=answered.rules if answered else (),
        changes=tuple(
            ChangeShown.model_validate(each.model_dump(mode="json")) for each in (answered.changes if answered else ())
        ),
        change=answered.change or "" if answered else "",
        change_phase=answered.change_phase if answered else "",
        page=_page(answered.change) if answered and answered.change else "",
        problems=tuple(
            ProblemShown.model_validate(each.model_dump(mode="json"))
            for each in (answered.problems if answered else ())
        ),
        reason=reply.reason or "; ".join(rule.reason for rule in (answered.rules if answered else ())),
    )

"""The JSON API of the metrics: the four DORA metrics, approval wait and steps, by environment and week."""

import azure.functions as func

from slipway.api.numbers import NumbersAnswer
from slipway.domain.roles import Permission
from slipway.queries.numbers import WEEKS_LIMIT
from slipway.queries.numbers_asked import WEEKS, read_question

from .contract import Endpoint, Parameter, endpoint
from .http import ok
from .shared import new_blueprint, parts

blueprint = new_blueprint()
_COUNT = {"type": "integer", "minimum": 1, "maximum": WEEKS_LIMIT, "default": WEEKS}
_WEEK = {"type": "string", "examples": ["2026-W48"]}


@endpoint(
    blueprint,
    Endpoint(
        name="api_numbers",
        method="GET",
        path="numbers",
        summary="The four DORA metrics, approval wait and time per step, by environment and ISO week in UTC",
        description="Durations are in seconds. Medians and percentiles are within 5 % of a measured duration.",
        tag="numbers",
        permission=Permission.READ,
        parameters=(
            Parameter(name="application", description="Only this application."),
            Parameter(name="environment", description="Only this environment."),
            Parameter(name="weeks", description="Number of weeks, ending with `until`.", schema=_COUNT),
            Parameter(name="until", description="An ISO week; by default the current one.", schema=_WEEK),
        ),
        answer=NumbersAnswer,
    ),
)
def numbers(req: func.HttpRequest) -> func.HttpResponse:
    question = read_question({name: value for name, value in req.params.items() if name != "code"}, parts().numbers)
    return ok(parts().numbers.answer(**question))

"""The JSON API of the metrics: the four DORA metrics, approval wait and steps, by environment and week."""

import azure.functions as func

from slipway.domain.numbers_report import NumbersAnswer
from slipway.queries.numbers import WEEKS_LIMIT
from slipway.queries.numbers_asked import WEEKS, read_question

from .contract import Endpoint, Parameter, whole_number
from .http import ok
from .shared import new_blueprint, parts

blueprint = new_blueprint()
_WEEK = {"type": "string", "examples": ["2026-W48"]}


@Endpoint(
    blueprint,
    name="api_numbers",
    path="numbers",
    summary="The four DORA metrics, approval wait and time per step, by environment and ISO week in UTC",
    description="Durations are in seconds. Medians and percentiles are within 5 % of a measured duration.",
    tag="numbers",
    parameters=(
        Parameter(name="application", description="Only this application."),
        Parameter(name="environment", description="Only this environment."),
        whole_number("weeks", "Number of weeks, ending with `until`.", least=1, most=WEEKS_LIMIT, default=WEEKS),
        Parameter(name="until", description="An ISO week; by default the current one.", schema=_WEEK),
    ),
    answer=NumbersAnswer,
    refuses=(404,),
)
def get_numbers(req: func.HttpRequest) -> func.HttpResponse:
    question = read_question({name: value for name, value in req.params.items() if name != "code"}, parts().numbers)
    return ok(parts().numbers.answer(**question))

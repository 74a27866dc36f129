"""The JSON API of the metrics: the four DORA metrics, approval wait and steps, by environment and week."""

import azure.functions as func

from slipway.api.numbers import Folded, NumbersAnswer
from slipway.domain.roles import Permission
from slipway.queries.numbers import WEEKS_LIMIT
from slipway.queries.numbers_asked import WEEKS, read_question

from .contract import Operation, Parameter, endpoint
from .http import ok
from .shared import new_blueprint, parts

blueprint = new_blueprint()
PORTIONS = 3
"""Batches of records that one request processes; a rebuild takes as many requests as it needs."""
_COUNT = {"type": "integer", "minimum": 1, "maximum": WEEKS_LIMIT, "default": WEEKS}
_WEEK = {"type": "string", "examples": ["2026-W48"]}
_APPLICATION = Parameter(name="application", where="path", description="Name of an application.")


@endpoint(
    blueprint,
    Operation(
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


@endpoint(
    blueprint,
    Operation(
        name="api_numbers_rebuild",
        method="POST",
        path="numbers/{application}/rebuild",
        summary="Discard the numbers of an application and start recomputing them from its trail",
        tag="numbers",
        permission=Permission.REINDEX,
        parameters=(_APPLICATION,),
        answer=Folded,
        refuses=(404,),
    ),
)
def rebuild(req: func.HttpRequest) -> func.HttpResponse:
    application = req.route_params["application"]
    parts().numbers.begin_anew(application)
    return _folded(application)


@endpoint(
    blueprint,
    Operation(
        name="api_numbers_catch_up",
        method="POST",
        path="numbers/{application}/catch-up",
        summary="Continue where the last call or the reconcile timer stopped; repeat until `complete`",
        tag="numbers",
        permission=Permission.REINDEX,
        parameters=(_APPLICATION,),
        answer=Folded,
        refuses=(404,),
    ),
)
def catch_up(req: func.HttpRequest) -> func.HttpResponse:
    return _folded(req.route_params["application"])


def _folded(application: str) -> func.HttpResponse:
    numbers = parts().numbers
    numbers.progress(application)  # raises `NotFound` for an unknown application
    numbers.catch_up(application, portions=PORTIONS)
    return ok(numbers.progress(application))

"""Numbers from the trail over the JSON API: DORA's four, waiting and steps, by environment and week."""

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
"""Portions of records that one request folds; a rebuild is as many requests as it needs."""
_COUNT = {"type": "integer", "minimum": 1, "maximum": WEEKS_LIMIT, "default": WEEKS}
_WEEK = {"type": "string", "examples": ["2026-W48"]}
_APPLICATION = Parameter(name="application", where="path", description="Its name.")


@endpoint(
    blueprint,
    Operation(
        name="api_numbers",
        method="GET",
        path="numbers",
        summary="DORA's four, waiting for approval and the time of each step, by environment and ISO week in UTC",
        description="Durations are in seconds. Medians and percentiles are within 5 % of a measured duration.",
        tag="numbers",
        permission=Permission.READ,
        parameters=(
            Parameter(name="application", description="Of this application only."),
            Parameter(name="environment", description="Of this environment only."),
            Parameter(name="weeks", description="So many weeks, the last of which is `until`.", schema=_COUNT),
            Parameter(name="until", description="An ISO week; the present one where none is given.", schema=_WEEK),
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
        summary="Forget the numbers of an application, and begin to make them anew out of its trail",
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
        summary="Go on where the last call or the sweep stopped: once more, until `complete`",
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
    numbers.progress(application)  # says so where there is no such application
    numbers.catch_up(application, portions=PORTIONS)
    return ok(numbers.progress(application))

"""The JSON API: what proves the audit trail. The anchors as they were written, and a check by the app itself."""

import json
import re

import azure.functions as func

from slipway.domain.roles import Permission
from slipway.flow.inbound import BadInput
from slipway.flow.reading import NotFound

from .answers import AnchorsAnswer
from .contract import Operation, Parameter, endpoint
from .http import ok
from .shared import new_blueprint, parts

blueprint = new_blueprint()
MONTH = re.compile(r"\d{4}-(?:0[1-9]|1[0-2])", re.ASCII)


@endpoint(
    blueprint,
    Operation(
        name="api_anchors",
        method="GET",
        path="anchors",
        summary="The anchors of a month, as they were written",
        tag="audit",
        permission=Permission.READ,
        parameters=(
            Parameter(
                name="month",
                description="Such as 2026-11; the first one if not given.",
                schema={"type": "string", "pattern": r"^[0-9]{4}-(?:0[1-9]|1[0-2])$"},
            ),
        ),
        answer=AnchorsAnswer,
        refuses=(404,),
    ),
)
def anchors(req: func.HttpRequest) -> func.HttpResponse:
    """The anchors of a `month`, such as 2026-11; of the first one by default. `next` is the month that follows."""
    months, month = parts().anchors.months(), req.params.get("month")
    if month is not None and MONTH.fullmatch(month) is None:
        raise BadInput("month", "a month such as 2026-11", repr(month[:20]))
    if month is not None and month not in months:
        raise NotFound(f"there are no anchors of {month}")
    month = month or next(iter(months), None)
    lines = parts().anchors.of(month).splitlines() if month else []
    following = next((later for later in months if month and later > month), None)
    return ok({"month": month, "anchors": [_line(line) for line in lines], "next": following})


def _line(line: bytes) -> object:
    """As it stands there, whatever it is: whoever asks verifies it."""
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return {"damaged": "the line is not an anchor any more"}

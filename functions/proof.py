"""The JSON API of the trail's proof: the anchors as they were written, and a verification by the app itself."""

import json
import re

import azure.functions as func

from slipway.api.audit import AnchorsAnswer, ChainPartCheck, GateAnchorsAnswer, PublicKeysAnswer
from slipway.domain.errors import NotFound
from slipway.domain.keyring import format_keys
from slipway.domain.roles import Permission
from slipway.inbound import BadInput
from slipway.queries.verifying import MOST, verify_part

from .audit_api import APPLICATION
from .contract import Endpoint, Parameter, endpoint
from .http import number, ok
from .shared import new_blueprint, parts

blueprint = new_blueprint()
SEQUENCES = 10**11
GATE_ANCHORS = 20
"""Anchors of gates in one answer: an earlier one says nothing that a later one does not."""
MONTH = re.compile(r"\d{4}-(?:0[1-9]|1[0-2])", re.ASCII)


@endpoint(
    blueprint,
    Endpoint(
        name="api_anchors",
        method="GET",
        path="anchors",
        summary="The anchors of a month, as they were written",
        tag="audit",
        permission=Permission.READ,
        parameters=(
            Parameter(
                name="month",
                description="Such as 2026-11; by default the first one.",
                schema={"type": "string", "pattern": r"^[0-9]{4}-(?:0[1-9]|1[0-2])$"},
            ),
        ),
        answer=AnchorsAnswer,
        refuses=(404,),
    ),
)
def anchors(req: func.HttpRequest) -> func.HttpResponse:
    """The anchors of a `month`, such as 2026-11, by default of the first one. `next` is the following month."""
    months, month = parts().anchors.months(), req.params.get("month")
    if month is not None and MONTH.fullmatch(month) is None:
        raise BadInput("month", "a month such as 2026-11", repr(month[:20]))
    if month is not None and month not in months:
        raise NotFound(f"there are no anchors of {month}")
    month = month or next(iter(months), None)
    lines = parts().anchors.of(month).splitlines() if month else []
    following = next((later for later in months if month and later > month), None)
    return ok(AnchorsAnswer(month=month, anchors=[_line(line) for line in lines], next=following))


@endpoint(
    blueprint,
    Endpoint(
        name="api_public_keys",
        method="GET",
        path="public-keys",
        summary="The public keys with which records, anchors and links verify",
        description="As the app's settings name them. Whoever verifies without trusting the app brings the keys along "
        "from somewhere else.",
        tag="audit",
        permission=Permission.READ,
        answer=PublicKeysAnswer,
    ),
)
def public_keys(req: func.HttpRequest) -> func.HttpResponse:  # noqa: ARG001 - it takes no parameters
    return ok(PublicKeysAnswer(text=format_keys(parts().public_keys.by_id())))


@endpoint(
    blueprint,
    Endpoint(
        name="api_gate_anchors",
        method="GET",
        path="gate-anchors/{application}",
        summary="The newest anchors of an application's gates, as they were written",
        tag="audit",
        permission=Permission.READ,
        parameters=(APPLICATION,),
        answer=GateAnchorsAnswer,
        refuses=(404,),
    ),
)
def gate_anchors(req: func.HttpRequest) -> func.HttpResponse:
    """Up to `GATE_ANCHORS` of class production, newest first. The client verifies them."""
    app, application = parts(), req.route_params["application"]
    app.reader.head(application)  # so that a name of another form is not found
    written = app.chain_anchors.written(application, most=GATE_ANCHORS)
    return ok(GateAnchorsAnswer(anchors=[_line(content) for content in written]))


@endpoint(
    blueprint,
    Endpoint(
        name="api_verification",
        method="GET",
        path="verification/{application}",
        summary="Verify a part of the trail in the app itself",
        description="For monitoring. It proves nothing to somebody who does not trust the app: `slipway audit verify` "
        "downloads the records and verifies them on the caller's machine.",
        tag="audit",
        permission=Permission.READ,
        parameters=(
            APPLICATION,
            Parameter(
                name="after",
                description="Only records after this sequence.",
                schema={"type": "integer", "minimum": 0, "maximum": SEQUENCES, "default": 0},
            ),
            Parameter(
                name="limit",
                description="Maximum number of records.",
                schema={"type": "integer", "minimum": 1, "maximum": MOST, "default": 1000},
            ),
        ),
        answer=ChainPartCheck,
        refuses=(404,),
    ),
)
def verification(req: func.HttpRequest) -> func.HttpResponse:
    """`next` is set if there are more records and these are intact."""
    after = number(req, "after", default=0, least=0, most=SEQUENCES)
    limit = number(req, "limit", default=1000, least=1, most=MOST)
    app, application = parts(), req.route_params["application"]
    return ok(verify_part(app.reader, app.anchors, app.chain_anchors, application, after=after, limit=limit))


def _line(line: bytes) -> object:
    """The line as it was written, even if it is not a valid anchor: the client verifies it."""
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return {"damaged": "the line is not an anchor any more"}

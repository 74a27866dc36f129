"""The JSON API of the audit trail: queries, chains, and the live releases with their reasons."""

from itertools import islice

import azure.functions as func

from slipway.api.audit import AuditAnswer, Chain, ChainEndAnswer, LiveAnswer
from slipway.domain.actions import Action
from slipway.domain.audit_query import ACTION_PATTERN, PAGE_LIMIT, ActionClass
from slipway.inbound import BadInput
from slipway.ledger.table import gathered
from slipway.queries.reading import PAGE_LIMIT as CHAIN_LIMIT
from slipway.queries.trail import PAGE, read_query

from .contract import SEQUENCES, Endpoint, Parameter, in_path, number, whole_number
from .http import ok
from .shared import new_blueprint, parts

blueprint = new_blueprint()
APPLICATIONS_AT_ONCE = 20
_TIME = {"type": "string", "examples": ["2026-11-23", "2026-11-23T08:00:00Z"]}
APPLICATION = in_path("application", "Name of an application, or `_installation`.")
AFTER = whole_number("after", "Only records after this sequence.", most=SEQUENCES)
FILTERS = (
    Parameter(
        name="application",
        description="Name of an application; `_installation` for records that concern no single one.",
    ),
    Parameter(name="environment", description="Only records of this environment."),
    Parameter(name="actor", description="Who did it: `ada@example.com`, `oid:…`, `pipeline:…`, `key:…`, `slipway`."),
    Parameter(
        name="action",
        description="An action such as `release.live`, or a class of them: "
        + ", ".join(f"`{k}`" for k in ActionClass)
        + ".",
        schema={"type": "string", "pattern": ACTION_PATTERN, "examples": [*ActionClass, *Action]},
    ),
    Parameter(name="digest", description="`sha256:` and at least the first 6 digits."),
    Parameter(name="release", description="Id of a release."),
    Parameter(name="from", description="A day or a time; records from then on.", schema=_TIME),
    Parameter(
        name="to", description="A day, which is included as a whole, or a time, which is excluded.", schema=_TIME
    ),
)
_MOST = "Maximum number of records."
_LIMIT = whole_number("limit", _MOST, least=1, most=PAGE_LIMIT, default=PAGE)
_CHAIN_LIMIT = whole_number("limit", _MOST, least=1, most=CHAIN_LIMIT, default=100)


@Endpoint(
    blueprint,
    name="api_audit_query",
    path="audit",
    summary="Records of the trail that match all filters, newest first",
    description="Served from the audit index, with a bounded number of storage requests however long the trail is.",
    tag="audit",
    parameters=(
        *FILTERS,
        _LIMIT,
        Parameter(name="after", description="`next` of the previous page; use the same filters."),
    ),
    answer=AuditAnswer,
    refuses=(404,),
)
def query_audit(req: func.HttpRequest) -> func.HttpResponse:
    query = read_query({name: value for name, value in req.params.items() if name != "code"})
    limit = number(req, _LIMIT)
    page = parts().trail.page(query, limit=limit, after=req.params.get("after"))
    return ok(AuditAnswer(records=list(page.records), next=page.next))


@Endpoint(
    blueprint,
    name="api_audit",
    path="audit/{application}",
    summary="One chain, oldest record first, as a verifier reads it",
    description="Read from the ledger itself, not from the index. `head` is the end of the chain.",
    tag="audit",
    parameters=(
        APPLICATION,
        AFTER,
        _CHAIN_LIMIT,
        Parameter(name="release", description="Only records of this release."),
    ),
    answer=Chain,
    refuses=(404,),
)
def list_chain(req: func.HttpRequest) -> func.HttpResponse:
    reader, application = parts().reader, req.route_params["application"]
    after = number(req, AFTER)
    limit = number(req, _CHAIN_LIMIT)
    release = reader.release(req.params["release"]) if "release" in req.params else None
    if release is not None and release.application != application:
        raise BadInput("release", f"a release of {application}", release.id)
    head = reader.head(application)
    records = list(reader.audit(application, after=after, limit=limit, release=release))
    full = len(records) == limit
    return ok(
        Chain(
            application=application,
            head=ChainEndAnswer(sequence=head.sequence, hash=head.hash),
            records=records,
            next=records[-1].sequence if full else None,
        )
    )


@Endpoint(
    blueprint,
    name="api_live",
    path="environments/{environment}/live",
    summary="The live release in an environment, who let it in, and on what evidence",
    tag="audit",
    parameters=(
        in_path("environment", "Name of an environment."),
        Parameter(name="application", description="Only this application."),
        Parameter(name="after", description="`next` of the previous page."),
    ),
    answer=LiveAnswer,
    refuses=(404,),
)
def list_live(req: func.HttpRequest) -> func.HttpResponse:
    environment, after = req.route_params["environment"], req.params.get("after", "")
    query = read_query({"environment": environment})
    application = req.params.get("application")
    if application is not None:
        query = read_query({"environment": environment, "application": application})
    live_rows = parts().provenance.live(query.environment or "", application=query.application, after=after)
    live = gathered(islice(live_rows, APPLICATIONS_AT_ONCE))
    rows = live.read
    if not rows and not after:
        parts().trail.check_named(query)
    last = max((*(row.application for row in rows), *(row.application for row in live.not_shown)), default="")
    more = last if len(rows) + len(live.not_shown) == APPLICATIONS_AT_ONCE else None
    return ok(LiveAnswer(environment=environment, live=list(rows), not_shown=live.not_shown, next=more))

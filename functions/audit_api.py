"""The JSON API of the trail: questions, one record, one chain, what is live and why, and the repair of the index."""

import azure.functions as func

from slipway.domain.audit_query import PAGE_LIMIT, ActionClass
from slipway.domain.roles import Permission
from slipway.flow.inbound import BadInput
from slipway.flow.inbound.reading import read_as, read_json
from slipway.flow.reading import PAGE_LIMIT as CHAIN_LIMIT
from slipway.flow.reading import NotFound
from slipway.flow.trail import PAGE, read_query

from .answers import AuditAnswer, Chain, ChainRecord, LiveAnswer, ReindexAnswer, ReindexRequest
from .contract import Operation, Parameter, endpoint
from .http import body_of, number, ok
from .shared import new_blueprint, parts

blueprint = new_blueprint()
SEQUENCES = 10**11
APPLICATIONS_AT_ONCE = 20
BODY_LIMIT = 4096
_WHOLE = {"type": "integer", "minimum": 0, "maximum": SEQUENCES}
_TIME = {"type": "string", "examples": ["2026-11-23", "2026-11-23T08:00:00Z"]}
APPLICATION = Parameter(name="application", where="path", description="A name, or `_installation`.")
FILTERS = (
    Parameter(name="application", description="A name, or `_installation` for what concerns no single application."),
    Parameter(name="environment", description="Records of this environment."),
    Parameter(name="actor", description="Who did it: `ada@example.com`, `oid:…`, `pipeline:…`, `key:…`, `slipway`."),
    Parameter(
        name="action",
        description="An action such as `release.live`, or a class of them: "
        + ", ".join(f"`{k}`" for k in ActionClass)
        + ".",
    ),
    Parameter(name="digest", description="`sha256:` and at least the first 6 digits."),
    Parameter(name="release", description="Id of a release."),
    Parameter(name="from", description="A day or a time: records of this moment and later.", schema=_TIME),
    Parameter(name="to", description="A day, all of which counts, or a time: records before it.", schema=_TIME),
)
_LIMIT = {"type": "integer", "minimum": 1, "maximum": PAGE_LIMIT, "default": PAGE}


@endpoint(
    blueprint,
    Operation(
        name="api_audit_query",
        method="GET",
        path="audit",
        summary="Records of the trail, newest first, by filters that combine",
        description="Answered from the audit index, in a bounded number of storage requests however long the trail is.",
        tag="audit",
        permission=Permission.READ,
        parameters=(
            *FILTERS,
            Parameter(name="limit", description="Records of a page.", schema=_LIMIT),
            Parameter(name="after", description="`next` of the page before, with the same filters."),
        ),
        answer=AuditAnswer,
    ),
)
def audit_query(req: func.HttpRequest) -> func.HttpResponse:
    query = read_query({name: value for name, value in req.params.items() if name != "code"})
    limit = number(req, "limit", default=PAGE, least=1, most=PAGE_LIMIT)
    page = parts().trail.page(query, limit=limit, after=req.params.get("after"))
    return ok(page.model_dump(mode="json"))


@endpoint(
    blueprint,
    Operation(
        name="api_audit",
        method="GET",
        path="audit/{application}",
        summary="One chain in its own order, as a verifier reads it",
        description="Read from the ledger itself. `head` is the end of the chain.",
        tag="audit",
        permission=Permission.READ,
        parameters=(
            APPLICATION,
            Parameter(name="after", description="Records behind this sequence.", schema=_WHOLE),
            Parameter(
                name="limit",
                description="At most so many.",
                schema={"type": "integer", "minimum": 1, "maximum": CHAIN_LIMIT, "default": 100},
            ),
            Parameter(name="release", description="Records of this release only."),
        ),
        answer=Chain,
        refuses=(404,),
    ),
)
def audit(req: func.HttpRequest) -> func.HttpResponse:
    reader, application = parts().reader, req.route_params["application"]
    after = number(req, "after", default=0, least=0, most=SEQUENCES)
    limit = number(req, "limit", default=100, least=1, most=CHAIN_LIMIT)
    wanted = reader.release(req.params["release"]) if "release" in req.params else None
    if wanted is not None and wanted.application != application:
        raise BadInput("release", f"a release of {application}", wanted.id)
    head = reader.head(application)
    records = list(reader.audit(application, after=after, limit=limit, release=wanted))
    full = len(records) == limit
    return ok(
        {
            "application": application,
            "head": {"sequence": head.sequence, "hash": head.hash},
            "records": [record.model_dump(mode="json") for record in records],
            "next": records[-1].sequence if full else None,
        }
    )


@endpoint(
    blueprint,
    Operation(
        name="api_audit_record",
        method="GET",
        path="audit/{application}/{sequence}",
        summary="One record, read from the ledger",
        tag="audit",
        permission=Permission.READ,
        parameters=(APPLICATION, Parameter(name="sequence", where="path", description="From 1.", schema=_WHOLE)),
        answer=ChainRecord,
        refuses=(404,),
    ),
)
def audit_record(req: func.HttpRequest) -> func.HttpResponse:
    application, text = req.route_params["application"], req.route_params["sequence"]
    if not (text.isascii() and text.isdigit() and len(text) < len(str(SEQUENCES)) and int(text)):
        raise NotFound(f"there is no record {text[:40]!r}")
    found = next(iter(parts().reader.audit(application, after=int(text) - 1, limit=1)), None)
    if found is None or found.sequence != int(text):
        raise NotFound(f"the trail of {application} has no record {int(text)}")
    return ok({"record": found.model_dump(mode="json")})


@endpoint(
    blueprint,
    Operation(
        name="api_live",
        method="GET",
        path="environments/{environment}/live",
        summary="What is live in an environment, who let it in, and on what evidence",
        tag="audit",
        permission=Permission.READ,
        parameters=(
            Parameter(name="environment", where="path", description="Name of an environment."),
            Parameter(name="application", description="Only this one."),
            Parameter(name="after", description="`next` of the page before."),
        ),
        answer=LiveAnswer,
    ),
)
def live(req: func.HttpRequest) -> func.HttpResponse:
    environment, after = req.route_params["environment"], req.params.get("after", "")
    asked = read_query({"environment": environment})
    application = req.params.get("application")
    if application is not None:
        asked = read_query({"environment": environment, "application": application})
    found = []
    for one in parts().provenance.live(asked.environment or "", application=asked.application, after=after):
        found.append(one.model_dump(mode="json"))
        if len(found) == APPLICATIONS_AT_ONCE:
            break
    more = found[-1]["application"] if len(found) == APPLICATIONS_AT_ONCE else None
    return ok({"environment": environment, "live": found, "next": more})


@endpoint(
    blueprint,
    Operation(
        name="api_reindex",
        method="POST",
        path="audit/{application}/reindex",
        summary="Compare a part of the audit index with the trail, and repair it",
        description="Call it again with `next` as `after` until that is null. The app may go on working meanwhile.",
        tag="audit",
        permission=Permission.REINDEX,
        parameters=(APPLICATION,),
        body=ReindexRequest,
        answer=ReindexAnswer,
        refuses=(404,),
    ),
)
def reindex(req: func.HttpRequest) -> func.HttpResponse:
    body = body_of(req)
    if len(body) > BODY_LIMIT:
        raise BadInput("body", f"at most {BODY_LIMIT} bytes", f"{len(body)} bytes")
    asked = read_as(ReindexRequest, read_json(body) if body else {})
    application = req.route_params["application"]
    head = parts().reader.head(application)
    if head.sequence == 0 and application not in parts().catalogue.entries and application != "_installation":
        raise NotFound(f"there is no application {application[:80]!r}")
    found = parts().reindexing.compare(application, head=head.sequence, after=asked.after, repair=asked.repair)
    return ok(found.model_dump(mode="json"))

"""The JSON API: releases, explanations, the audit trail, parked input. Each call needs a permission."""

import re
from typing import Any

import azure.functions as func

from slipway.domain.release import Release
from slipway.domain.roles import Permission
from slipway.flow.inbound import BadInput
from slipway.flow.reading import PAGE_LIMIT

from .guard import API_LEVEL, caller_of, guarded
from .http import number, ok
from .shared import new_blueprint, parts

blueprint = new_blueprint()
SEQUENCES = 10**11
TOKEN = re.compile(r"(?<![A-Za-z0-9_-])[A-Za-z0-9_-]{20,2048}\.[A-Za-z0-9_-]{20,2048}")
"""What may be a signed token. It is looked for where a word begins only: a body may be one long word."""


@blueprint.function_name("api_applications")
@blueprint.route(route="api/v1/applications", methods=["GET"], auth_level=API_LEVEL)
@guarded(Permission.READ)
def applications(req: func.HttpRequest) -> func.HttpResponse:  # noqa: ARG001 - the binding needs it
    return ok({"applications": parts().reader.applications()})


@blueprint.function_name("api_releases")
@blueprint.route(route="api/v1/releases", methods=["GET"], auth_level=API_LEVEL)
@guarded(Permission.READ)
def releases(req: func.HttpRequest) -> func.HttpResponse:
    """Newest first. `application`, `limit` (1 to 200), `before` (a release number; with `application`)."""
    limit = number(req, "limit", default=20, least=1, most=200)
    before = number(req, "before", default=0, least=0, most=SEQUENCES)
    application = req.params.get("application")
    if application is not None:
        _known(application)
    elif before:
        raise BadInput("before", "to be given together with application", "no application")
    found = parts().reader.releases(application, limit=limit, before=before or None)
    return ok({"releases": [as_json(release) for release in found]})


@blueprint.function_name("api_release")
@blueprint.route(route="api/v1/releases/{release}", methods=["GET"], auth_level=API_LEVEL)
@guarded(Permission.READ)
def release(req: func.HttpRequest) -> func.HttpResponse:
    """The release, and how far its promotion is while there is one."""
    reader = parts().reader
    found = reader.release(req.route_params["release"])
    progress = reader.progress(found)
    return ok(as_json(found) | {"progress": progress.model_dump(mode="json") if progress else None})


@blueprint.function_name("api_explain")
@blueprint.route(route="api/v1/releases/{release}/explain", methods=["GET"], auth_level=API_LEVEL)
@guarded(Permission.READ)
def explain(req: func.HttpRequest) -> func.HttpResponse:
    reader = parts().reader
    return ok(reader.explain(reader.release(req.route_params["release"])).model_dump(mode="json"))


@blueprint.function_name("api_evidence")
@blueprint.route(route="api/v1/evidence/{digest}", methods=["GET"], auth_level=API_LEVEL)
@guarded(Permission.READ)
def evidence(req: func.HttpRequest) -> func.HttpResponse:
    """A kept document (a plan, a log) by its hash, as it was written."""
    content = parts().reader.evidence(req.route_params["digest"])
    headers = {"X-Content-Type-Options": "nosniff", "Cache-Control": "private, max-age=31536000, immutable"}
    return func.HttpResponse(content, mimetype="application/octet-stream", headers=headers)


@blueprint.function_name("api_audit")
@blueprint.route(route="api/v1/audit/{application}", methods=["GET"], auth_level=API_LEVEL)
@guarded(Permission.READ)
def audit(req: func.HttpRequest) -> func.HttpResponse:
    """Records in order. `after` (a sequence), `limit` (1 to 500), `release`. `next` continues where more may follow."""
    reader, application = parts().reader, req.route_params["application"]
    after = number(req, "after", default=0, least=0, most=SEQUENCES)
    limit = number(req, "limit", default=100, least=1, most=PAGE_LIMIT)
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


@blueprint.function_name("api_parked")
@blueprint.route(route="api/v1/parked", methods=["GET"], auth_level=API_LEVEL)
@guarded(Permission.READ)
def parked(req: func.HttpRequest) -> func.HttpResponse:  # noqa: ARG001 - the binding needs it
    """What was parked, with its reason. A vote's token stays hidden: whoever holds it can vote."""
    shown = [item.evolve(body=TOKEN.sub("(token)", item.body)) for item in parts().parking.all()]
    return ok({"parked": [item.model_dump(mode="json") for item in shown]})


@blueprint.function_name("api_replay")
@blueprint.route(route="api/v1/parked/{id}/replay", methods=["POST"], auth_level=API_LEVEL)
@guarded(Permission.REPLAY)
def replay(req: func.HttpRequest) -> func.HttpResponse:
    """Put parked input back into its queue."""
    item = parts().parking.replay(req.route_params["id"], actor=caller_of(req).name)
    return ok({"replayed": item.id, "source": item.source}, status=202)


def as_json(release: Release) -> dict[str, Any]:
    return {"id": release.id, **release.model_dump(mode="json")}


def _known(application: str) -> None:
    names = sorted(parts().catalogue.entries)
    if application not in names:
        raise BadInput("application", f"one of {', '.join(names) or '(none)'}", repr(application[:80]))

"""The JSON API: applications, releases, explanations, documents, parked input. `audit_api.py` has the audit trail."""

import azure.functions as func

from slipway.api.inbox import ReceivedAnswer
from slipway.api.parked import ParkedItems
from slipway.api.releases import Applications, Explanation, ReleaseAnswer, Releases, ReleaseWithProgress
from slipway.catalogue import ConfigError
from slipway.catalogue.stored import read_stored
from slipway.commands.saying import CommandRequest
from slipway.domain.commands import Verb
from slipway.domain.drift import LOOKED, NEXT_LOOK
from slipway.domain.errors import NotFound
from slipway.domain.inbox import Via
from slipway.domain.model import DIGEST_PATTERN
from slipway.domain.plan import read_plan
from slipway.domain.roles import Permission
from slipway.http.speaking import speaker
from slipway.inbound import BadInput, NoSuch
from slipway.ledger.installation import ID_PATTERN
from slipway.text import without_tokens

from .commands import received
from .contract import SEQUENCES, Endpoint, Parameter, in_path, number, whole_number
from .guard import caller_of_request, permit
from .http import ok
from .shared import new_blueprint, parts

blueprint = new_blueprint()
_LIMIT = whole_number("limit", "Maximum number of releases.", least=1, most=200, default=20)
_BEFORE = whole_number("before", "Releases with a lower number; needs `application`.", most=SEQUENCES)
_RELEASE = in_path("release", "Id of a release, such as `shop-482`.")


@Endpoint(
    blueprint,
    name="api_applications",
    path="applications",
    summary="Every application with its environments: the live release, and those under way",
    tag="releases",
    answer=Applications,
)
def list_applications(req: func.HttpRequest) -> func.HttpResponse:  # noqa: ARG001 - the binding needs it
    looked, due = (parts().installation.last_heartbeat(name) for name in (LOOKED, NEXT_LOOK))
    drift = {"looked_at": looked, "next_at": due} if looked and due else None
    applications = parts().reader.applications()
    content = {"drift": drift, "applications": applications.read, "not_shown": applications.not_shown}
    return ok(Applications.model_validate(content))


@Endpoint(
    blueprint,
    name="api_releases",
    path="releases",
    summary="Releases, newest first",
    tag="releases",
    parameters=(
        Parameter(name="application", description="Only releases of this application."),
        _LIMIT,
        _BEFORE,
    ),
    answer=Releases,
    refuses=(404,),
)
def list_releases(req: func.HttpRequest) -> func.HttpResponse:
    limit = number(req, _LIMIT)
    before = number(req, _BEFORE)
    application = req.params.get("application")
    if application is not None:
        if parts().catalogue.get(application) is None:
            raise NoSuch("application", sorted(parts().catalogue.entries), application)
    elif before:
        raise BadInput("before", "application to be given as well", "no application")
    if application is not None:
        newest = parts().reader.releases(application, limit=limit, before=before or None)
        return ok(Releases(releases=[ReleaseAnswer.of(release) for release in newest]))
    of_all = parts().reader.newest_releases(limit=limit)
    return ok(Releases(releases=[ReleaseAnswer.of(release) for release in of_all.read], not_shown=of_all.not_shown))


@Endpoint(
    blueprint,
    name="api_release",
    path="releases/{release}",
    summary="One release, with what its step waits for, and the progress of its copy",
    tag="releases",
    parameters=(_RELEASE,),
    answer=ReleaseWithProgress,
    refuses=(404,),
)
def get_release(req: func.HttpRequest) -> func.HttpResponse:
    reader = parts().reader
    release = reader.release(req.route_params["release"])
    return ok(ReleaseWithProgress.of_release(release, reader.under_way(release)))


@Endpoint(
    blueprint,
    name="api_explain",
    path="releases/{release}/explain",
    summary="Why a release is in its current state, rule by rule, and what has to happen next",
    tag="releases",
    parameters=(_RELEASE,),
    answer=Explanation,
    refuses=(404,),
)
def explain_release(req: func.HttpRequest) -> func.HttpResponse:
    reader = parts().reader
    return ok(reader.explain(reader.release(req.route_params["release"])))


@Endpoint(
    blueprint,
    name="api_evidence",
    path="evidence/{digest}",
    summary="A stored document (a plan, a log) by its hash, byte for byte",
    description="A plan whose manifests contain the values of Secrets needs the permission `see-secrets`.",
    tag="releases",
    parameters=(in_path("digest", "`sha256:` and 64 hexadecimal digits.", DIGEST_PATTERN),),
    media_type="application/octet-stream",
    refuses=(404,),
)
def get_evidence(req: func.HttpRequest) -> func.HttpResponse:
    content = parts().reader.evidence(req.route_params["digest"])
    plan = read_plan(content)
    if (plan is not None and plan.holds_secrets) or (plan is None and _may_hold_secrets(content)):
        permit(caller_of_request(req), Permission.SEE_SECRETS)
    headers = {"Cache-Control": "private, max-age=31536000, immutable"}
    return func.HttpResponse(content, mimetype="application/octet-stream", headers=headers)


def _may_hold_secrets(content: bytes) -> bool:
    """Whether it is a stored version with a manifest that may be a Secret."""
    try:
        return read_stored(content).holds_secrets
    except ConfigError:
        return False


@Endpoint(
    blueprint,
    name="api_parked",
    path="parked",
    summary="Input that could not be handled, with the reason",
    description="At most 200, those that wait first; `more` says that there are others. The token of a vote is "
    "masked: its holder can vote.",
    tag="parked input",
    answer=ParkedItems,
)
def list_parked(req: func.HttpRequest) -> func.HttpResponse:  # noqa: ARG001 - the binding needs it
    items, more = parts().parking.listed()
    return ok(ParkedItems(parked=[item.evolve(body=without_tokens(item.body)) for item in items], more=more))


@Endpoint(
    blueprint,
    name="api_replay",
    method="POST",
    path="parked/{id}/replay",
    summary="Put parked input back into its queue",
    tag="parked input",
    permission=Permission.REPLAY,
    parameters=(in_path("id", "Id of the parked input.", f"^{ID_PATTERN}$"),),
    answer=ReceivedAnswer,
    status=202,
    refuses=(404,),
)
def replay_parked(req: func.HttpRequest) -> func.HttpResponse:
    components, id = parts(), req.route_params["id"]
    if components.installation.parked(id) is None:
        raise NotFound(f"no parked input has the id {id!r}")
    command = CommandRequest(verb=Verb.REPLAY, parked=id)
    return received(components.inbox_writer.command(command, speaker(caller_of_request(req), Via.API)))

"""Read-only pages: the board, releases, the audit trail, metrics, parked input and stored documents."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from http import HTTPStatus
from urllib.parse import quote, urlencode

import azure.functions as func

from slipway.domain.roles import Permission
from slipway.http.signing_in import Go
from slipway.inbound import BadInput
from slipway.web import audit, board, catalogue, numbers, outcome, parked, release, templating
from slipway.web import evidence as documents
from slipway.web.answer import Answer, compressed, conditional, see_other
from slipway.web.messages import elsewhere, guarded, message, no_role, not_signed_in, session_over, sign_in
from slipway.web.signin import Visitor, visitor_of

from .audit_api import AFTER
from .contract import number
from .http import problem
from .shared import new_blueprint, parts

blueprint = new_blueprint()
ANONYMOUS = func.AuthLevel.ANONYMOUS
LOOKING = ["GET", "HEAD"]
FOLLOW = "follow"
"""The parameter with which a page is asked for again by itself."""


@blueprint.function_name("page_board")
@blueprint.route(route="/", methods=LOOKING, auth_level=ANONYMOUS)
def page_board(req: func.HttpRequest) -> func.HttpResponse:
    """The parameter `application` limits it to one."""
    application = req.params.get("application")
    return reading(
        req,
        with_query("/", req.params),
        lambda who: board.show(
            parts().reader, parts().proposals, who, application=application, follow=FOLLOW in req.params
        ),
    )


@blueprint.function_name("page_audit")
@blueprint.route(route="audit", methods=LOOKING, auth_level=ANONYMOUS)
def page_audit(req: func.HttpRequest) -> func.HttpResponse:
    parameters = dict(req.params)
    return reading(
        req, with_query("/audit", parameters), lambda who: audit.show(parts().trail, parts().catalogue, parameters, who)
    )


@blueprint.function_name("page_audit_jsonl")
@blueprint.route(route="audit.jsonl", methods=LOOKING, auth_level=ANONYMOUS)
def page_audit_jsonl(req: func.HttpRequest) -> func.HttpResponse:
    return _audit_download(req, "jsonl")


@blueprint.function_name("page_audit_csv")
@blueprint.route(route="audit.csv", methods=LOOKING, auth_level=ANONYMOUS)
def page_audit_csv(req: func.HttpRequest) -> func.HttpResponse:
    return _audit_download(req, "csv")


def _audit_download(req: func.HttpRequest, form: str) -> func.HttpResponse:
    parameters = dict(req.params)

    def work(_: Visitor) -> Answer:
        try:
            return audit.download(parts().trail, parameters, form)
        except BadInput as bad:
            return message(400, "Invalid parameter", str(bad))

    return reading(req, with_query(f"/audit.{form}", parameters), work)


@blueprint.function_name("page_outcome")
@blueprint.route(route="said/{application}/{id}", methods=LOOKING, auth_level=ANONYMOUS)
def page_outcome(req: func.HttpRequest) -> func.HttpResponse:
    application, id = req.route_params["application"], req.route_params["id"]
    path = f"/said/{quote(application, safe='')}/{quote(id, safe='')}"
    return reading(req, path, lambda who: outcome.show(parts().answers, application, id, who))


@blueprint.function_name("page_catalogue")
@blueprint.route(route="catalogue", methods=LOOKING, auth_level=ANONYMOUS)
def page_catalogue(req: func.HttpRequest) -> func.HttpResponse:
    return reading(req, "/catalogue", lambda who: catalogue.show(parts().live_catalogue, parts().proposals, who))


@blueprint.function_name("page_versions")
@blueprint.route(route="catalogue/{kind}/{name}", methods=LOOKING, auth_level=ANONYMOUS)
def page_versions(req: func.HttpRequest) -> func.HttpResponse:
    kind, name = req.route_params["kind"], req.route_params["name"]

    def work(who: Visitor) -> Answer:
        return catalogue.show_versions(parts().live_catalogue, parts().versions, kind, name, who)

    return reading(req, f"/catalogue/{quote(kind, safe='')}/{quote(name, safe='')}", work)


@blueprint.function_name("page_numbers")
@blueprint.route(route="numbers", methods=LOOKING, auth_level=ANONYMOUS)
def page_numbers(req: func.HttpRequest) -> func.HttpResponse:
    parameters = dict(req.params)
    return reading(req, with_query("/numbers", parameters), lambda who: numbers.show(parts().numbers, parameters, who))


@blueprint.function_name("page_parked")
@blueprint.route(route="parked", methods=LOOKING, auth_level=ANONYMOUS)
def page_parked(req: func.HttpRequest) -> func.HttpResponse:
    return reading(req, "/parked", lambda who: parked.show(parts().parking, who))


@blueprint.function_name("page_release")
@blueprint.route(route="releases/{release}", methods=LOOKING, auth_level=ANONYMOUS)
def page_release(req: func.HttpRequest) -> func.HttpResponse:
    release_id = req.route_params["release"]

    def work(who: Visitor) -> Answer:
        try:
            after = number(req, AFTER)
        except BadInput as bad:
            return message(400, "Invalid parameter", str(bad))
        return release.show(parts().reader, release_id, after=after, visitor=who, follow=FOLLOW in req.params)

    return reading(req, with_query(f"/releases/{quote(release_id, safe='')}", req.params), work)


@blueprint.function_name("page_release_changes")
@blueprint.route(route="releases/{release}/changes", methods=LOOKING, auth_level=ANONYMOUS)
def page_release_changes(req: func.HttpRequest) -> func.HttpResponse:
    """The full diff of the release's plan, as a text file."""
    release_id = req.route_params["release"]
    path = f"/releases/{quote(release_id, safe='')}/changes"
    return reading(req, path, lambda _: release.changes(parts().reader, release_id))


@blueprint.function_name("page_evidence")
@blueprint.route(route="evidence/{digest}", methods=LOOKING, auth_level=ANONYMOUS)
def page_evidence(req: func.HttpRequest) -> func.HttpResponse:
    digest = req.route_params["digest"]
    path = f"/evidence/{quote(digest, safe='')}"
    save = req.params.get("download") == "1"
    return reading(req, path, lambda _: documents.kept_document(digest, parts().reader.evidence, download=save))


@blueprint.function_name("unknown_page")
@blueprint.route(route="{address:regex(^(?!admin|runtime))}/{*rest}", methods=LOOKING, auth_level=ANONYMOUS)
def unknown_page(req: func.HttpRequest) -> func.HttpResponse:
    """Any other address. Its name is the last one, as the host takes the first route that fits; those that the host
    answers itself (`admin/…`, `runtime/…`) are left alone, as a function's route would come before them."""
    address = req.route_params["address"]
    if address.lower() == "api":
        return problem(404, "Not found", "there is no such address; /api/v1/openapi.json describes all of them")
    return sent(req, elsewhere(address))


@blueprint.function_name("page_stylesheet")
@blueprint.route(route="assets/slipway.css", methods=LOOKING, auth_level=ANONYMOUS)
def page_stylesheet(req: func.HttpRequest) -> func.HttpResponse:
    return sent(req, templating.stylesheet(req.params.get("v", "")))


def with_query(path: str, parameters: Mapping[str, str]) -> str:
    """The requested address, to return to after signing in."""
    return f"{path}?{urlencode(parameters)}" if parameters else path


def reading(
    req: func.HttpRequest, path: str, work: Callable[[Visitor], Answer], *, role: bool = True
) -> func.HttpResponse:
    """The page, for somebody who has signed in; everybody else is sent to sign in. `path` is where they come back to;
    `role` is whether they need one."""

    def answer() -> Answer:
        built = parts()
        session = built.sessions.read(req.headers)
        if session is None or built.sessions.stale(session):
            return _to_sign_in(req, path, quiet=session is not None)
        who = visitor_of(session)
        page = _permitted(who, work, role=role)
        used = built.sessions.used(session)
        return replace(page, cookies=(*page.cookies, used)) if used else page

    return sent(req, guarded(answer, again=(path, "Try again")))


def posted(
    req: func.HttpRequest, path: str, work: Callable[[Visitor], Answer], *, role: bool = True
) -> func.HttpResponse:
    """What a form does, for somebody who has signed in. `path` is the page that the form is on."""

    def answer() -> Answer:
        session = parts().sessions.read(req.headers, sure=True)
        if session is None:
            return session_over(path)
        who = visitor_of(session)
        return _permitted(who, work, role=role)

    return sent(req, guarded(answer, again=(path, "Back to the page")))


def _permitted(who: Visitor, work: Callable[[Visitor], Answer], *, role: bool) -> Answer:
    """What the page answers, or that they may not. Both that and a form that is refused so is counted."""
    if role and not who.caller.may(Permission.READ):
        parts().denials.deny(who.caller.name, str(Permission.READ))
        return no_role(who)
    page = work(who)
    if page.status == HTTPStatus.FORBIDDEN:
        parts().denials.deny(who.caller.name, "a form")
    return page


def _to_sign_in(req: func.HttpRequest, path: str, *, quiet: bool) -> Answer:
    """A page that somebody opens leads to the provider at once. Whatever else asks is told to sign in."""
    if req.method != "GET" or req.headers.get("Sec-Fetch-Mode", "navigate") != "navigate":
        return sign_in(path)
    begun = parts().sign_in.begin(req.headers, path, quiet=quiet)
    return see_other(begun.to, *begun.cookies) if isinstance(begun, Go) else not_signed_in(begun)


def sent(req: func.HttpRequest, answer: Answer) -> func.HttpResponse:
    """Send 304 if the reader already has the page, and compress it if they accept that."""
    fresh = conditional(answer, req.headers.get("If-None-Match", ""))
    return as_response(compressed(fresh, req.headers.get("Accept-Encoding", "")))


def as_response(answer: Answer) -> func.HttpResponse:
    response = func.HttpResponse(
        answer.body,
        status_code=answer.status,
        mimetype=answer.media_type,
        charset="utf-8",
        headers=dict(answer.headers),
    )
    for cookie in answer.cookies:
        response.headers.add("Set-Cookie", cookie)
    return response

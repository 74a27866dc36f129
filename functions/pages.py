"""Read-only pages: the board, releases, the audit trail, metrics, parked input and stored documents."""

import re
from collections.abc import Callable
from dataclasses import replace
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlencode

import azure.functions as func

from slipway.domain.export import ExportFormat
from slipway.domain.roles import Permission
from slipway.http.signing_in import SignInRedirect
from slipway.web import audit, templating
from slipway.web import evidence as documents
from slipway.web.answer import Answer, compressed, conditional, see_other
from slipway.web.board import show_board
from slipway.web.catalogue import show_catalogue, show_versions
from slipway.web.messages import ask_to_sign_in, no_role, no_such_page, not_signed_in, or_message, session_over
from slipway.web.numbers import show_numbers
from slipway.web.outcome import show_outcome
from slipway.web.parked import show_parked
from slipway.web.release import plan_changes, show_release
from slipway.web.services import FormServices
from slipway.web.signin import Visitor, visitor_of

from .audit_api import AFTER
from .contract import number
from .http import problem
from .shared import App, new_blueprint, parts

blueprint = new_blueprint()
ANONYMOUS = func.AuthLevel.ANONYMOUS
LOOKING = ["GET", "HEAD"]
FOLLOW = "follow"
"""The parameter with which a page is asked for again by itself."""


type _Work = Callable[[func.HttpRequest, Visitor], Answer]
"""The handler of a signed-in person's request."""


def shows(blueprint: func.Blueprint, route: str, *, role: bool = True) -> Callable[[_Work], Any]:
    """Register what makes a page, as the function of its own name. People who have not signed in are sent to the
    sign-in and back to the same address; `role` is whether they need a role."""

    def register(work: _Work) -> Any:
        def page(req: func.HttpRequest) -> func.HttpResponse:
            return reading(req, _address(route, req), lambda who: work(req, who), role=role)

        return _registered(blueprint, route, LOOKING, work.__name__, page)

    return register


def takes(blueprint: func.Blueprint, route: str, *, role: bool = True) -> Callable[[_Work], Any]:
    """Register what takes the forms of the page at the same route, as the function of its own name."""

    def register(work: _Work) -> Any:
        def form(req: func.HttpRequest) -> func.HttpResponse:
            return posted(req, _address(route, req), lambda who: work(req, who), role=role)

        return _registered(blueprint, route, ["POST"], work.__name__, form)

    return register


def _registered(
    blueprint: func.Blueprint, route: str, methods: list[str], name: str, handler: Callable[..., func.HttpResponse]
) -> Any:
    handler.__name__ = name
    return blueprint.function_name(name)(blueprint.route(route=route, methods=methods, auth_level=ANONYMOUS)(handler))


def _address(route: str, req: func.HttpRequest) -> str:
    """The requested address, to return to after signing in."""
    path = re.sub(r"\{(\w+)\}", lambda named: quote(req.route_params[named[1]], safe=""), route.strip("/"))
    return f"/{path}?{urlencode(req.params)}" if req.params else f"/{path}"


@shows(blueprint, "/")
def page_board(req: func.HttpRequest, who: Visitor) -> Answer:
    """The parameter `application` limits it to one."""
    application, follow = req.params.get("application"), FOLLOW in req.params
    return show_board(parts().reader, parts().proposals, who, application=application, follow=follow)


@shows(blueprint, "audit")
def page_audit(req: func.HttpRequest, who: Visitor) -> Answer:
    return audit.show_audit(parts().trail, parts().catalogue, dict(req.params), who)


@shows(blueprint, "audit.jsonl")
def page_audit_jsonl(req: func.HttpRequest, _: Visitor) -> Answer:
    return audit.download(parts().trail, dict(req.params), ExportFormat.JSONL)


@shows(blueprint, "audit.csv")
def page_audit_csv(req: func.HttpRequest, _: Visitor) -> Answer:
    return audit.download(parts().trail, dict(req.params), ExportFormat.CSV)


@shows(blueprint, "said/{application}/{id}")
def page_outcome(req: func.HttpRequest, who: Visitor) -> Answer:
    return show_outcome(parts().answers, req.route_params["application"], req.route_params["id"], who)


@shows(blueprint, "catalogue")
def page_catalogue(_: func.HttpRequest, who: Visitor) -> Answer:
    return show_catalogue(parts().live_catalogue, parts().proposals, who)


@shows(blueprint, "catalogue/{kind}/{name}")
def page_versions(req: func.HttpRequest, who: Visitor) -> Answer:
    kind, name = req.route_params["kind"], req.route_params["name"]
    return show_versions(parts().live_catalogue, parts().versions, kind, name, who)


@shows(blueprint, "numbers")
def page_numbers(req: func.HttpRequest, who: Visitor) -> Answer:
    return show_numbers(parts().numbers, dict(req.params), who)


@shows(blueprint, "parked")
def page_parked(_: func.HttpRequest, who: Visitor) -> Answer:
    return show_parked(parts().parking, who)


@shows(blueprint, "releases/{release}")
def page_release(req: func.HttpRequest, who: Visitor) -> Answer:
    after, follow = number(req, AFTER), FOLLOW in req.params
    return show_release(parts().reader, req.route_params["release"], after=after, visitor=who, follow=follow)


@shows(blueprint, "releases/{release}/changes")
def page_release_changes(req: func.HttpRequest, _: Visitor) -> Answer:
    """The full diff of the release's plan, as a text file."""
    return plan_changes(parts().reader, req.route_params["release"])


@shows(blueprint, "evidence/{digest}")
def page_evidence(req: func.HttpRequest, _: Visitor) -> Answer:
    save = req.params.get("download") == "1"
    return documents.kept_document(req.route_params["digest"], parts().reader.evidence, download=save)


@blueprint.function_name("unknown_page")
@blueprint.route(route="{address:regex(^(?!admin|runtime))}/{*rest}", methods=LOOKING, auth_level=ANONYMOUS)
def unknown_page(req: func.HttpRequest) -> func.HttpResponse:
    """Any other address. Its name sorts last, since the host takes the first route that fits. Routes that the host
    answers itself (`admin/…`, `runtime/…`) are left out, since a function's route would come before them."""
    address = req.route_params["address"]
    if address.lower() == "api":
        return problem(404, "Not found", "there is no such address; /api/v1/openapi.json describes all of them")
    return respond(req, no_such_page(address))


@blueprint.function_name("page_stylesheet")
@blueprint.route(route="assets/slipway.css", methods=LOOKING, auth_level=ANONYMOUS)
def page_stylesheet(req: func.HttpRequest) -> func.HttpResponse:
    return respond(req, templating.stylesheet(req.params.get("v", "")))


def services() -> FormServices:
    """The services of this process."""
    return services_of(parts())


def services_of(components: App) -> FormServices:
    return FormServices(
        forms=components.forms,
        sessions=components.sessions,
        saying=components.saying,
        writer=components.inbox_writer,
        foresight=components.foresight,
        blocks=components.blocks,
        answers=components.answers,
        link_keys=components.link_keys,
        proposals=components.proposals,
        as_voted=components.as_voted,
        restored=components.chain_anchors.restored,
        clock=components.clock,
        public_url=components.settings.public_url,
    )


def reading(
    req: func.HttpRequest, path: str, work: Callable[[Visitor], Answer], *, role: bool = True
) -> func.HttpResponse:
    """The page, for somebody who has signed in; everybody else is sent to sign in. `path` is where they come back to;
    `role` is whether they need one."""

    def answer() -> Answer:
        components = parts()
        session = components.sessions.read(req.headers)
        if session is None or components.sessions.is_stale(session):
            return _to_sign_in(req, path, quiet=session is not None)
        who = visitor_of(session)
        page = _permitted(who, work, role=role)
        cookie = components.sessions.cookie_noting_use(session)
        return replace(page, cookies=(*page.cookies, cookie)) if cookie else page

    return respond(req, or_message(answer, again=(path, "Try again")))


def posted(
    req: func.HttpRequest, path: str, work: Callable[[Visitor], Answer], *, role: bool = True
) -> func.HttpResponse:
    """The handler of a signed-in person's form. `path` is the page that the form is on."""

    def answer() -> Answer:
        session = parts().sessions.read(req.headers, sure=True)
        if session is None:
            return session_over(path)
        who = visitor_of(session)
        return _permitted(who, work, role=role)

    return respond(req, or_message(answer, again=(path, "Back to the page")))


def _permitted(who: Visitor, work: Callable[[Visitor], Answer], *, role: bool) -> Answer:
    """The page's answer, or the refusal for lack of permission. Both that and a form that is refused so is counted."""
    if role and not who.caller.may(Permission.READ):
        parts().denial_counter.count(who.caller.name, str(Permission.READ))
        return no_role(who)
    page = work(who)
    if page.status == HTTPStatus.FORBIDDEN:
        parts().denial_counter.count(who.caller.name, "a form")
    return page


def _to_sign_in(req: func.HttpRequest, path: str, *, quiet: bool) -> Answer:
    """A page that somebody opens leads to the provider at once. Any other client is told to sign in."""
    if req.method != "GET" or req.headers.get("Sec-Fetch-Mode", "navigate") != "navigate":
        return ask_to_sign_in(path)
    outcome = parts().sign_in.begin(req.headers, path, quiet=quiet)
    return see_other(outcome.to, *outcome.cookies) if isinstance(outcome, SignInRedirect) else not_signed_in(outcome)


def respond(req: func.HttpRequest, answer: Answer) -> func.HttpResponse:
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

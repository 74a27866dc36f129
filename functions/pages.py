"""Read-only pages: the board, releases, the audit trail, metrics, parked input and stored documents."""

from collections.abc import Callable, Mapping
from urllib.parse import quote, urlencode

import azure.functions as func

from slipway.inbound import BadInput
from slipway.web import audit, board, numbers, outcome, parked, release, templating
from slipway.web import evidence as documents
from slipway.web.answer import Answer, compressed, conditional
from slipway.web.messages import guarded, message, sign_in
from slipway.web.signin import Visitor, visitor

from .http import number
from .shared import new_blueprint, parts

blueprint = new_blueprint()
ANONYMOUS = func.AuthLevel.ANONYMOUS
LOOKING = ["GET", "HEAD"]
SEQUENCES = 10**11


@blueprint.function_name("page_board")
@blueprint.route(route="/", methods=LOOKING, auth_level=ANONYMOUS)
def page_board(req: func.HttpRequest) -> func.HttpResponse:
    """The parameter `application` limits it to one."""
    application = req.params.get("application")
    return _reading(
        req, "/", lambda who: board.show(parts().reader, parts().parking.installation, who, application=application)
    )


@blueprint.function_name("page_audit")
@blueprint.route(route="audit", methods=LOOKING, auth_level=ANONYMOUS)
def page_audit(req: func.HttpRequest) -> func.HttpResponse:
    parameters = dict(req.params)
    return _reading(
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

    return _reading(req, with_query(f"/audit.{form}", parameters), work)


@blueprint.function_name("page_outcome")
@blueprint.route(route="said/{application}/{id}", methods=LOOKING, auth_level=ANONYMOUS)
def page_outcome(req: func.HttpRequest) -> func.HttpResponse:
    application, id = req.route_params["application"], req.route_params["id"]
    return _reading(req, f"/said/{application}/{id}", lambda who: outcome.show(parts().answers, application, id, who))


@blueprint.function_name("page_numbers")
@blueprint.route(route="numbers", methods=LOOKING, auth_level=ANONYMOUS)
def page_numbers(req: func.HttpRequest) -> func.HttpResponse:
    parameters = dict(req.params)
    return _reading(req, with_query("/numbers", parameters), lambda who: numbers.show(parts().numbers, parameters, who))


@blueprint.function_name("page_parked")
@blueprint.route(route="parked", methods=LOOKING, auth_level=ANONYMOUS)
def page_parked(req: func.HttpRequest) -> func.HttpResponse:
    return _reading(req, "/parked", lambda who: parked.show(parts().parking, who))


@blueprint.function_name("page_release")
@blueprint.route(route="releases/{release}", methods=LOOKING, auth_level=ANONYMOUS)
def page_release(req: func.HttpRequest) -> func.HttpResponse:
    release_id = req.route_params["release"]

    def work(who: Visitor) -> Answer:
        try:
            after = number(req, "after", default=0, least=0, most=SEQUENCES)
        except BadInput as bad:
            return message(400, "Invalid parameter", str(bad))
        return release.show(parts().reader, release_id, after=after, visitor=who)

    return _reading(req, f"/releases/{quote(release_id, safe='')}", work)


@blueprint.function_name("page_release_changes")
@blueprint.route(route="releases/{release}/changes", methods=LOOKING, auth_level=ANONYMOUS)
def page_release_changes(req: func.HttpRequest) -> func.HttpResponse:
    """The full diff of the release's plan, as a text file."""
    release_id = req.route_params["release"]
    path = f"/releases/{quote(release_id, safe='')}/changes"
    return _reading(req, path, lambda _: release.changes(parts().reader, release_id))


@blueprint.function_name("page_evidence")
@blueprint.route(route="evidence/{digest}", methods=LOOKING, auth_level=ANONYMOUS)
def page_evidence(req: func.HttpRequest) -> func.HttpResponse:
    digest = req.route_params["digest"]
    path = f"/evidence/{quote(digest, safe='')}"
    save = req.params.get("download") == "1"
    return _reading(req, path, lambda _: documents.kept_document(digest, parts().reader.evidence, download=save))


@blueprint.function_name("page_stylesheet")
@blueprint.route(route="assets/slipway.css", methods=LOOKING, auth_level=ANONYMOUS)
def page_stylesheet(req: func.HttpRequest) -> func.HttpResponse:
    return _sent(req, templating.stylesheet(req.params.get("v", "")))


def with_query(path: str, parameters: Mapping[str, str]) -> str:
    """The requested address, to return to after signing in."""
    return f"{path}?{urlencode(parameters)}" if parameters else path


def _reading(req: func.HttpRequest, path: str, work: Callable[[Visitor], Answer]) -> func.HttpResponse:
    """The page, or a request to sign in."""
    who = visitor(req.headers, parts().settings.sign_in)
    if who is None:
        return as_response(sign_in(path))
    answer = guarded(lambda: work(who))
    return _sent(req, answer)


def _sent(req: func.HttpRequest, answer: Answer) -> func.HttpResponse:
    """Send 304 if the reader already has the page, and compress it if they accept that."""
    fresh = conditional(answer, req.headers.get("If-None-Match", ""))
    return as_response(compressed(fresh, req.headers.get("Accept-Encoding", "")))


def as_response(answer: Answer) -> func.HttpResponse:
    return func.HttpResponse(
        answer.body,
        status_code=answer.status,
        mimetype=answer.media_type,
        charset="utf-8",
        headers=dict(answer.headers),
    )

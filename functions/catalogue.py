"""The JSON API of the catalogue: apply, compare, remove, and the versions of each project and application."""

from collections.abc import Callable

import azure.functions as func
from pydantic import ValidationError

from slipway.api.catalogue import (
    Apply,
    CatalogueItem,
    CatalogueList,
    Changes,
    ChangeShown,
    ExportedFiles,
    ProblemShown,
    Removal,
    VersionHistory,
    VersionShown,
)
from slipway.api.inbox import ReceivedAnswer
from slipway.catalogue import ConfigError
from slipway.catalogue.stored import StoredDocument, read_stored
from slipway.commands.comparing import SubjectChange
from slipway.commands.saying import StatementReceipt
from slipway.commands.speakers import actor_of
from slipway.commands.submitting import ChangesReceipt, ToConfirm, gates_asked
from slipway.domain.errors import NotFound
from slipway.domain.inbox import Via
from slipway.domain.model import DIGEST_PATTERN, NAME_PATTERN
from slipway.domain.roles import Permission
from slipway.domain.versions import Subject, SubjectKind
from slipway.http.speaking import speaker
from slipway.inbound.reading import bad_input, read_as, read_json
from slipway.ledger.keys import INSTALLATION

from .commands import received, to_confirm
from .contract import Endpoint, Parameter, in_path, number, whole_number
from .guard import admit, caller_of_request, permit
from .http import EarlyResponse, ok, problem, request_body
from .shared import new_blueprint, parts

blueprint = new_blueprint()
LARGEST = 4 * 1024 * 1024
MOST_VERSIONS = 200
_SUBJECT = (
    Parameter(
        name="kind",
        where="path",
        description="`project` or `application`.",
        schema={"type": "string", "enum": [str(kind) for kind in SubjectKind]},
    ),
    in_path("name", "Its name.", NAME_PATTERN),
)
_LIMIT = whole_number("limit", f"At most this many; 1 to {MOST_VERSIONS}.", least=1, most=MOST_VERSIONS, default=20)
_WHO = (
    "Projects need the permission apply; applications need it too, or a role or client id that their project names "
    "among its owners."
)


@Endpoint(
    blueprint,
    name="api_apply",
    method="POST",
    path="catalogue",
    summary="Apply projects and applications, each judged by itself",
    description=f"{_WHO} `refused` lists the documents that the front finds wrong, or that the caller may not change; "
    "the others still count. If no other is left, the answer is 422 with every problem, or 409. The rest is received, "
    "not yet made: ask at `address` for the outcome of each. If a document weakens a guard of production, all of them "
    "wait until a person confirms them at `open`, by one sign-in made for it; then those that weaken gates wait for "
    "votes, and the others take effect. The same documents applied again change nothing.",
    tag="catalogue",
    permission=None,
    body=Apply,
    answer=ReceivedAnswer,
    status=202,
    refuses=(409, 415, 422),
)
def apply_documents(req: func.HttpRequest) -> func.HttpResponse:
    caller = admit(req, Permission.READ)
    body = _body(req)
    documents, who = _documents(body), speaker(caller, Via(body.channel))
    return _answer_of(lambda: parts().submitting.apply(documents, who, reason=body.reason, id=body.id or ""), who.via)


@Endpoint(
    blueprint,
    name="api_compare",
    method="POST",
    path="catalogue/difference",
    summary="The changes that applying the documents would make, and whether they would be refused",
    description="Changes nothing.",
    tag="catalogue",
    permission=None,
    body=Apply,
    answer=Changes,
    refuses=(415, 422),
)
def compare_documents(req: func.HttpRequest) -> func.HttpResponse:
    caller = admit(req, Permission.READ)
    body = _body(req)
    try:
        sorted_changes = parts().sorting.sort(_documents(body), actor_of(speaker(caller, Via(body.channel))))
    except ConfigError as error:
        raise EarlyResponse(_problems(error)) from error
    return ok(
        Changes(
            changes=tuple(map(_shown, sorted_changes.changes)), refused=bool(sorted_changes.refused), committed=False
        )
    )


@Endpoint(
    blueprint,
    name="api_catalogue",
    path="catalogue",
    summary="The projects and applications in force, with what is wrong with them",
    tag="catalogue",
    answer=CatalogueList,
)
def list_catalogue(req: func.HttpRequest) -> func.HttpResponse:  # noqa: ARG001 - the binding needs it
    catalogue = parts().live_catalogue
    items = [
        CatalogueItem(subject=f"project:{name}", document=project.document)
        for name, project in catalogue.projects.items()
    ]
    for name, entry in catalogue.entries.items():
        versions = entry.versions
        items.append(
            CatalogueItem(
                subject=f"application:{name}",
                project=entry.application.project,
                document=versions.application if versions else None,
                problems=entry.problems,
            )
        )
    items += [
        CatalogueItem(subject=broken.name, document=None, problems=broken.problems) for broken in catalogue.broken
    ]
    return ok(CatalogueList(items=tuple(items)))


@Endpoint(
    blueprint,
    name="api_versions",
    path="catalogue/{kind}/{name}",
    summary="The versions of a project or an application, newest first",
    tag="catalogue",
    parameters=(*_SUBJECT, _LIMIT),
    answer=VersionHistory,
    refuses=(404,),
)
def list_versions(req: func.HttpRequest) -> func.HttpResponse:
    subject = _subject(req)
    history = parts().versions.history(subject, limit=number(req, _LIMIT))
    field_names = set(VersionShown.model_fields)
    listed = tuple(VersionShown.model_validate(version.model_dump(include=field_names)) for version in history)
    if not listed:
        raise NotFound(parts().catalogue.not_found_message(subject))
    chain = subject.name if subject.kind is SubjectKind.APPLICATION else INSTALLATION
    return ok(VersionHistory(subject=str(subject), chain=chain, versions=listed))


@Endpoint(
    blueprint,
    name="api_export",
    path="catalogue/{kind}/{name}/files",
    summary="The files of a version, which applied again are that version",
    tag="catalogue",
    parameters=(
        *_SUBJECT,
        Parameter(
            name="document",
            description="Hash of the version; by default the one in force.",
            schema={"type": "string", "pattern": DIGEST_PATTERN},
        ),
    ),
    answer=ExportedFiles,
    refuses=(404,),
)
def export_files(req: func.HttpRequest) -> func.HttpResponse:
    subject = _subject(req)
    document = req.params.get("document") or parts().versions.current(subject).document
    documents = {version.document for version in parts().versions.history(subject, limit=MOST_VERSIONS)}
    content = parts().versions.document(document) if document in documents and document else None
    if content is None or document is None:
        no_version = f"there is no such version of {subject.kind} {subject.name!r}"
        raise NotFound(no_version if documents else parts().catalogue.not_found_message(subject))
    stored = read_stored(content)
    if stored.holds_secrets:
        permit(caller_of_request(req), Permission.SEE_SECRETS)
    return ok(ExportedFiles(subject=str(subject), document=document, files=dict(stored.exported())))


@Endpoint(
    blueprint,
    name="api_remove",
    method="POST",
    path="catalogue/{kind}/{name}/removal",
    summary="Take a project or an application out of the catalogue; its records and versions stay",
    description=f"{_WHO} It is received, not yet done: ask at `address` for the outcome.",
    tag="catalogue",
    permission=None,
    parameters=_SUBJECT,
    body=Removal,
    answer=ReceivedAnswer,
    status=202,
    refuses=(404, 409, 415, 422),
)
def remove_subject(req: func.HttpRequest) -> func.HttpResponse:
    caller = admit(req, Permission.READ)
    body = read_as(Removal, read_json(request_body(req) or b"{}"))
    subject, who = _subject(req), speaker(caller, Via(body.channel))
    return _answer_of(lambda: parts().submitting.remove(subject, who, reason=body.reason, id=body.id or ""), who.via)


def _answer_of(
    say: Callable[[], StatementReceipt | ToConfirm | tuple[SubjectChange, ...]], via: Via
) -> func.HttpResponse:
    """202 for a statement that was written down for the worker or waits for a person, 409 for one that is already
    refused, 422 with every problem."""
    try:
        outcome = say()
    except ConfigError as error:
        raise EarlyResponse(_problems(error)) from error
    if isinstance(outcome, StatementReceipt):
        left_out = outcome.refused if isinstance(outcome, ChangesReceipt) else ()
        return received(outcome, refused=tuple(map(_shown, left_out)))
    if isinstance(outcome, ToConfirm):
        refused = tuple(map(_shown, outcome.refused))
        return to_confirm(
            outcome.statement,
            via,
            content=outcome.content,
            compared=outcome.compared,
            asks=outcome.asks,
            refused=refused,
        )
    changes = [_shown(change).model_dump(mode="json") for change in outcome]
    detail = "; ".join(f"{change.subject}: {change.refused}" for change in outcome if change.refused)[:4000]
    wrong = [problem.model_dump(mode="json") for change in outcome for problem in change.problems]
    if wrong:
        return problem(422, "Not applied", detail, problems=wrong, changes=changes)
    return problem(409, "Refused", detail, changes=changes)


def _body(req: func.HttpRequest) -> Apply:
    return read_as(Apply, read_json(request_body(req), limit=LARGEST))


def _documents(body: Apply) -> list[StoredDocument]:
    try:
        return [StoredDocument.model_validate(document.model_dump()) for document in body.documents]
    except ValidationError as error:
        raise bad_input(error, at="documents") from error


def _subject(req: func.HttpRequest) -> Subject:
    kind, name = req.route_params["kind"], req.route_params["name"]
    try:
        return Subject.model_validate({"kind": kind, "name": name})
    except ValueError as error:
        raise NotFound(f"there is no {kind[:20]!r} {name[:80]!r}") from error


def _shown(change: SubjectChange) -> ChangeShown:
    return ChangeShown(
        subject=str(change.subject),
        outcome=change.outcome,
        number=0,
        before=change.before,
        after=change.after,
        difference=change.difference,
        refused=change.refused,
        opens=change.opens,
        asks=gates_asked([change]),
        problems=tuple(map(ProblemShown.of, change.problems)),
        weaker=change.weaker,
        stalled=change.stalled,
    )


def _problems(error: ConfigError) -> func.HttpResponse:
    problems = [ProblemShown.of(item).model_dump(mode="json") for item in error.problems]
    return problem(422, "Not applied", "\n".join(map(str, error.problems))[:4000], problems=problems)

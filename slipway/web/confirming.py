"""The page on which a person confirms a statement from the API or the command line that opens something: a command, a
change of the catalogue, or the approval of a proposed one.

It shows the statement, word for word, to people who may make it; their button leads to the identity provider.
"""

from collections.abc import Mapping
from urllib.parse import quote

from ..commands.foreseeing import WouldBeRefused
from ..domain.challenge import Pending
from ..domain.commands import PERMISSIONS, Verb
from ..domain.errors import NotFound
from ..domain.model import release_id
from ..domain.reports import FreezeShown
from ..domain.restored import Restored
from ..domain.statement import CatalogueStatement, ChangeVoteStatement, CommandStatement
from ..http.forms import FIELD
from ..http.places import home_of
from ..http.requests import RequestRefused
from ..http.saying import SENT, Declined
from ..inbound.reading import BadInput
from ..ledger.keys import INSTALLATION
from .answer import Answer, html, see_other
from .leading import lead_to_provider
from .messages import message, nothing_done
from .operating import PageSubject, blocks_of, check_permitted, effect_of_rollback, words_of_retry
from .services import FormServices
from .signin import Visitor
from .templating import render

ANSWER = "answer"
FIELDS = frozenset({FIELD, ANSWER})


def address_of(handle: str) -> str:
    return f"/confirm/{quote(handle, safe='')}"


def show_confirmation(services: FormServices, handle: str, who: Visitor) -> Answer:
    """Raises `NotFound`, `LedgerUnavailable`."""
    if confirmed := _page_if_answered(services, handle):
        return confirmed
    pending = _pending(services, handle)
    form_token, statement = services.forms.new(who.sid, address_of(handle)), pending.statement
    if isinstance(statement, CatalogueStatement):
        page = render(
            "confirm-change.html",
            statement=statement,
            compared=pending.compared,
            asks=pending.asks,
            form_token=form_token,
            reader=who,
        )
        return html(page)
    if isinstance(statement, ChangeVoteStatement):
        page = render(
            "confirm-vote.html",
            statement=statement,
            change=home_of(statement),
            compared=pending.compared,
            form_token=form_token,
            reader=who,
        )
        return html(page)
    title, effect = _title_and_effect(services, statement)
    page = render(
        "confirm.html",
        statement=statement,
        where=_target_of(statement),
        title=title,
        effect=effect,
        freezes=_blocks(services, statement),
        restored=_restored(services, statement),
        refused=services.foresight.refusal(statement),
        permission=PERMISSIONS[statement.verb],
        permitted=who.caller.may(PERMISSIONS[statement.verb]),
        form_token=form_token,
        reader=who,
    )
    return html(page)


def confirm(services: FormServices, handle: str, who: Visitor, headers: Mapping[str, str], body: bytes) -> Answer:
    """Raises `NotFound`, `LedgerUnavailable`."""
    try:
        fields = services.fields(who, address_of(handle), FIELDS, headers, body)
        if confirmed := _page_if_answered(services, handle):
            return confirmed
        pending = _pending(services, handle)
        if ANSWER in fields:
            services.saying.decline(handle)
            return see_other(address_of(handle))
        if isinstance(pending.statement, CommandStatement):
            check_permitted(pending.statement.verb, who.caller)
            services.foresight.check(pending.statement)
    except (RequestRefused, BadInput, WouldBeRefused) as refused:
        return nothing_done(refused, back=address_of(handle))
    browser, cookie = services.sessions.browser(headers)
    return lead_to_provider(
        services.saying.confirm(handle, pending, browser=browser, person=who.signed_in.object_id), cookie
    )


def _page_if_answered(services: FormServices, handle: str) -> Answer | None:
    """The page that follows the answer, for a person who returns here: a statement is answered once."""
    try:
        row = services.saying.confirmed(handle)
    except Declined:
        lines = "Somebody said no to it here.", "Nothing was recorded. A command that waits for it ends with an error."
        return message(410, "Nothing was done", *lines, link=("/", "Board"))
    return see_other(f"{SENT}/{quote(row[0], safe='')}/{quote(row[1], safe='')}") if row else None


def _pending(services: FormServices, handle: str) -> Pending:
    pending = services.saying.pending(handle)
    if pending is None:
        raise NotFound(
            "there is nothing to confirm here: it was answered, or has waited for 15 minutes; give the command again"
        )
    return pending


def _restored(services: FormServices, statement: CommandStatement) -> Restored | None:
    """The losses that a new epoch accepts, for the person who begins it to confirm; None for any other command."""
    return services.restored(statement.application or INSTALLATION) if statement.verb is Verb.FENCE_RESET else None


def _title_and_effect(services: FormServices, statement: CommandStatement) -> tuple[str, str]:
    """The title of the page, and the effect of the command, in the words of the page that orders one."""
    release_name = f"{statement.application}-{statement.release}"
    if (
        statement.verb is Verb.RETRY
        and (release := services.reader.release(release_name))
        and (retry := words_of_retry(release))
    ):
        return retry
    if statement.verb is not Verb.ROLLBACK or statement.application is None or statement.release is None:
        return f"{statement.verb.spoken.capitalize()} {_target_of(statement)}", ""
    lane = services.reader.ledger.lanes(statement.application).get(str(statement.environment))
    effect = effect_of_rollback(statement.application, statement.release, lane) if lane else ""
    return (
        f"Roll {statement.environment} back to {release_name}",
        effect,
    )  # not to be read like one that undoes the release


def _blocks(services: FormServices, statement: CommandStatement) -> tuple[FreezeShown, ...]:
    """The freezes and holds that the command ends or lets a release past."""
    if statement.verb not in (Verb.UNFREEZE, Verb.RESUME, Verb.OVERRIDE):
        return ()
    if statement.application is None:
        return services.blocks.of_everything()
    lane = PageSubject(application=statement.application, environment=statement.environment or "")
    return tuple(blocks_of(services, lane).read)


def _target_of(statement: CommandStatement) -> str:
    if statement.application is None:
        return "everything"
    target = (
        release_id(statement.application, statement.release) if statement.release is not None else statement.application
    )
    if statement.verb is Verb.CREATE:
        return f"a release of {statement.application}" + (
            f" from the artifact of {target}" if statement.release else ""
        )
    return f"{target} in {statement.environment}" if statement.environment else target

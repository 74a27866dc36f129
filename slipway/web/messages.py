"""Pages that only show a message: not found, sign in, try again, unusable link."""

import logging
from collections.abc import Callable
from urllib.parse import quote

from ..commands.foreseeing import WouldBeRefused
from ..domain.errors import NotFound
from ..domain.signing import KeysUnavailable
from ..domain.tones import Tone
from ..engine.handle import Contended
from ..http.requests import RequestRefused
from ..http.signing_in import NotSignedIn
from ..inbound.reading import BadInput
from ..ledger import LedgerUnavailable
from ..ledger.table import UnreadableRow
from .answer import Answer, html
from .signin import Visitor
from .templating import render

log = logging.getLogger(__name__)


def message(
    status: int,
    title: str,
    *lines: str,
    tone: Tone = Tone.QUIET,
    link: tuple[str, str] | None = None,
    headers: dict[str, str] | None = None,
    cookies: tuple[str, ...] = (),
) -> Answer:
    """A page with a title and a few sentences; `link` is a path of this app and its text."""
    return html(
        render("message.html", title=title, lines=lines, tone=tone, link=link, reader=None),
        status=status,
        headers=headers,
        cookies=cookies,
    )


def nothing_done(refused: RequestRefused | BadInput | WouldBeRefused, *, back: str) -> Answer:
    """The answer to a form that was not carried out; `back` is the path of its page."""
    match refused:
        case RequestRefused():
            status = refused.status
        case BadInput():
            status = 400
        case WouldBeRefused():
            status = 409
    link = (back, "Open the page again")
    return message(status, "Nothing was done", str(refused), tone=Tone.ASKS, link=link)


def not_found(reason: str) -> Answer:
    return message(404, "Not found", f"{reason[:1].upper()}{reason[1:]}.", link=("/", "Board"))


_MEANT = {
    "releases": ("/", "Board"),
    "approvals": ("/", "Board"),
    "applications": ("/catalogue", "Applications"),
    "catalogue": ("/catalogue", "Applications"),
    "changes": ("/catalogue", "Applications"),
    "audit": ("/audit", "Audit trail"),
    "history": ("/audit", "Audit trail"),
    "freezes": ("/operate", "Freezes and holds"),
    "operate": ("/operate", "Freezes and holds"),
    "numbers": ("/numbers", "Numbers"),
    "parked": ("/parked", "Parked input"),
}
"""For the beginning of an address: the path and title of the page that was probably wanted."""


def no_such_page(address: str) -> Answer:
    """There is no such page; links to the one that was probably meant."""
    meant = _MEANT.get(address.lower(), ("/", "Board"))
    return message(404, "There is no such page", "The address may be mistyped, or cut off.", link=meant)


def try_again(again: tuple[str, str] | None = None) -> Answer:
    return message(
        503,
        "Please try again in a moment",
        "A service that Slipway depends on is not responding. If you were submitting something, it is safe to"
        " submit it again: it takes effect once at most.",
        tone=Tone.ASKS,
        link=again,
        headers={"Retry-After": "5"},
    )


def ask_to_sign_in(path: str) -> Answer:
    """Ask the reader to sign in; `path` is where they return to afterwards."""
    return message(
        401,
        "Please sign in",
        "These pages show people in this organization which release runs where.",
        "Approvers also vote on releases here, in their own name.",
        link=(sign_in_address(path), "Sign in"),
        headers={"WWW-Authenticate": 'Session realm="slipway"'},
    )


def sign_in_address(path: str) -> str:
    return f"/sign-in?to={quote(path, safe='')}"


def session_over(path: str) -> Answer:
    """The answer to a form from a person who is no longer signed in; `path` is the page with the form."""
    return message(
        401,
        "You are no longer signed in",
        "Nothing was changed. Please sign in and send it again.",
        tone=Tone.ASKS,
        link=(sign_in_address(path), "Sign in"),
        headers={"WWW-Authenticate": 'Session realm="slipway"'},
    )


def not_signed_in(outcome: NotSignedIn) -> Answer:
    """Says why a sign-in did not succeed."""
    return message(
        503 if outcome.waits else 403,
        outcome.title,
        outcome.why,
        tone=Tone.ASKS,
        link=(sign_in_address(outcome.to), "Sign in"),
        headers={"Retry-After": "5"} if outcome.waits else None,
        cookies=outcome.cookies,
    )


def no_role(visitor: Visitor) -> Answer:
    """For a person who signed in and has no role here."""
    return message(
        403,
        "You have no role here",
        f"You are signed in as {visitor.name}, and nobody has given you a role in this installation. Ask the people "
        "who run it to assign one to you, then sign in again.",
        tone=Tone.ASKS,
        link=("/sign-out", "Sign out"),
    )


def or_message(work: Callable[[], Answer], *, again: tuple[str, str] | None = None) -> Answer:
    """The page, or one that says what is missing, unavailable or broken. The request is not logged: it may contain a
    secret.

    `again` is the address and the text of a link to where the reader can try again.
    """
    try:
        return work()
    except NotFound as missing:
        return not_found(str(missing))
    except BadInput as bad:
        return message(400, "Invalid parameter", str(bad))
    except UnreadableRow as unreadable:
        log.error("%s", unreadable)  # noqa: TRY400 - the message says it all
        return message(503, "This cannot be read", str(unreadable), tone=Tone.BAD, link=("/", "Board"))
    except (LedgerUnavailable, KeysUnavailable, Contended) as away:
        log.warning("a page could not be served: %s", away)
        return try_again(again)
    except Exception:
        log.exception("unhandled exception in a page")
        return message(
            500, "Something is wrong with Slipway", "The log of the app says what.", tone=Tone.BAD, link=again
        )

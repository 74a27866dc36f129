"""Pages that only say something: not found, sign in, try again, a link that cannot be used."""

import logging
from collections.abc import Callable
from urllib.parse import quote

from ..domain.errors import NotFound
from ..domain.tokens import KeysUnavailable
from ..domain.tones import Tone
from ..engine.handle import Contended
from ..ledger import LedgerUnavailable
from .answer import Answer, html
from .templating import render

log = logging.getLogger(__name__)


def message(
    status: int,
    title: str,
    *lines: str,
    tone: Tone = Tone.QUIET,
    link: tuple[str, str] | None = None,
    headers: dict[str, str] | None = None,
) -> Answer:
    """A page with a title and a few sentences; `link` is an address of ours and its text."""
    return html(
        render("message.html", title=title, lines=lines, tone=tone, link=link, reader=None),
        status=status,
        headers=headers,
    )


def not_found(what: str) -> Answer:
    return message(404, "Not found", f"{what[:1].upper()}{what[1:]}.", link=("/", "Board"))


def try_again() -> Answer:
    return message(
        503,
        "Please try again in a moment",
        "A service that Slipway needs does not answer right now. Nothing was changed by this request,"
        " or it was changed once: sending it again is safe.",
        tone=Tone.ASKS,
        headers={"Retry-After": "5"},
    )


def sign_in(path: str) -> Answer:
    """Reading pages needs a person who is signed in; `path` is where they wanted to go."""
    return message(
        401,
        "Please sign in",
        "These pages show what is delivered where, to people of this organization.",
        "Who may decide about a release decides here too, in their own name.",
        link=(f"/.auth/login/aad?post_login_redirect_uri={quote(path, safe='')}", "Sign in"),
        headers={"WWW-Authenticate": 'Bearer realm="slipway"'},
    )


def guarded(work: Callable[[], Answer]) -> Answer:
    """The page, or a page that says what is missing or away. Nothing of the request is logged: it may be a secret."""
    try:
        return work()
    except NotFound as missing:
        return not_found(str(missing))
    except (LedgerUnavailable, KeysUnavailable, Contended) as away:
        log.warning("a page could not be served: %s", away)
        return try_again()

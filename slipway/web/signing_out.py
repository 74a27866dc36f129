"""The page that signs people out, and the page that they see afterwards.

The browser loses its cookie at once. The worker is told which sessions are over, so that a copy of the cookie ends too.
"""

import logging
from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum
from typing import Final

from ..commands.saying import CommandRequest
from ..domain.commands import Verb
from ..domain.inbox import Via
from ..domain.sessions import session_hash
from ..domain.tones import Tone
from ..http.forms import FIELD, FormTokens
from ..http.requests import RequestRefused
from ..http.speaking import speaker
from ..ledger import LedgerUnavailable
from .answer import Answer, html, see_other
from .messages import message, sign_in_address
from .services import FormServices
from .signin import Visitor
from .templating import render

log = logging.getLogger(__name__)

PATH: Final = "/sign-out"
OVER: Final = "/signed-out"
WHERE: Final = "where"


class SignOutScope(StrEnum):
    """The sessions that a person ends."""

    HERE = "here"
    """The one in this browser, with every copy of it."""
    EVERYWHERE = "everywhere"
    """All sessions of the person."""


def show_sign_out(forms: FormTokens, who: Visitor) -> Answer:
    return html(render("sign-out.html", form_token=forms.new(who.sid, PATH), reader=who))


def end_session(services: FormServices, who: Visitor, headers: Mapping[str, str], body: bytes) -> Answer:
    """End the session in this browser, and tell the worker. Raises `KeysUnavailable`."""
    try:
        fields = services.fields(who, PATH, frozenset({FIELD, WHERE}), headers, body)
        where = _requested_scope(fields.get(WHERE, ""))
    except RequestRefused as refused:
        return message(
            refused.status, "You are still signed in", str(refused), tone=Tone.ASKS, link=(PATH, "Open the page again")
        )
    session = session_hash(who.sid) if where is SignOutScope.HERE else ""
    command = CommandRequest(verb=Verb.SESSION_END, person=who.signed_in.object_id, session=session)
    try:
        services.writer.command(command, speaker(who.caller, Via.PAGE))
    except LedgerUnavailable as away:
        log.warning("a session could be ended in its browser only: %s", away)
        return _ended_here_only(services.sessions.end())
    return see_other(OVER, services.sessions.end())


def _requested_scope(text: str) -> SignOutScope:
    if text not in set(SignOutScope):
        raise RequestRefused(400, f"{WHERE}: expected {' or '.join(SignOutScope)}.")
    return SignOutScope(text)


def _ended_here_only(cookie: str) -> Answer:
    page = message(
        503,
        "You are signed out in this browser only",
        "It could not be recorded, so sessions elsewhere, and copies of this one, last until they expire. "
        "To end those too, sign in again in a moment and sign out everywhere.",
        tone=Tone.ASKS,
        link=(sign_in_address(PATH), "Sign in again"),
    )
    return replace(page, cookies=(cookie,))


def signed_out_page() -> Answer:
    return message(
        200,
        "You are signed out",
        "Of Slipway. Sessions that you ended elsewhere close within a minute. You may still be signed in to your "
        "organization.",
        link=(sign_in_address("/"), "Sign in again"),
    )

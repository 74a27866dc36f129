"""The page that signs people out, and the one that they see afterwards."""

from collections.abc import Mapping

from ..domain.tones import Tone
from ..http.forms import FIELD, Forms
from ..http.requests import RequestRefused, check_own_page
from ..http.sessions import Sessions
from .answer import Answer, html, see_other
from .form import read_fields
from .messages import message, sign_in_address
from .signin import Visitor
from .templating import render

PATH = "/sign-out"
OVER = "/signed-out"


def show(forms: Forms, who: Visitor) -> Answer:
    return html(render("sign-out.html", mark=forms.new(who.sid, PATH), reader=who))


def end(forms: Forms, sessions: Sessions, who: Visitor, headers: Mapping[str, str], body: bytes, *, own: str) -> Answer:
    """End the session in this browser. Raises `KeysUnavailable`."""
    try:
        check_own_page(headers, own)
        fields = read_fields(headers, body, frozenset({FIELD}))
        forms.check(fields.get(FIELD, ""), who.sid, PATH)
    except RequestRefused as refused:
        return message(
            refused.status, "You are still signed in", str(refused), tone=Tone.ASKS, link=(PATH, "Open the page again")
        )
    return see_other(OVER, sessions.end())


def over() -> Answer:
    return message(
        200,
        "You are signed out",
        "Of Slipway, in this browser. You may still be signed in to your organization.",
        link=(sign_in_address("/"), "Sign in again"),
    )

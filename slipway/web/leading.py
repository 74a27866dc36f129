"""Leads a browser on to the identity provider after a form was sent.

It does not redirect: browsers apply the policy's `form-action` to the redirects that follow a form, and our policy
names only ourselves. Instead a page of our own ends the form's navigation, and the browser goes on from there.
"""

from dataclasses import replace

from ..domain.tones import Tone
from ..http.saying import NothingSent, ProviderRedirect, WhyNothingSent
from .answer import Answer, html
from .messages import message
from .templating import render


def onward(address: str, *cookies: str) -> Answer:
    """A page that leads on without a script, in every browser. `address` is the provider's, with the request in its
    query."""
    return replace(html(render("onward.html", address=address, reader=None)), cookies=cookies)


def lead_to_provider(outcome: ProviderRedirect | NothingSent, cookie: str | None) -> Answer:
    """The page that leads to the provider, with the cookie of a new browser; or the reason why not."""
    return (
        onward(outcome.to, *([cookie] if cookie else []))
        if isinstance(outcome, ProviderRedirect)
        else nothing_sent(outcome)
    )


def nothing_sent(outcome: NothingSent) -> Answer:
    """The page for a statement that was not made in the person's name: the reason, and the way back to the button."""
    why = outcome.why
    return message(
        why.status,
        "Nothing was sent",
        why.sentence,
        "Nothing was counted and nothing was recorded in your name.",
        tone=Tone.ASKS,
        link=(outcome.back, "Back to where you were" if why is not WhyNothingSent.UNKNOWN else "Board"),
    )

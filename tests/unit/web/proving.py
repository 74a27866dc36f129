"""Plays a person who confirms at the identity provider what they sent from a page."""

import html
import re
from datetime import timedelta
from typing import Any

from slipway.http.cookies import Cookie
from slipway.http.saying import NothingSent, ProviderRedirect
from slipway.testing import Installation
from slipway.web.answer import Answer
from tests.unit.web.installation import ScriptedInstallation
from tests.unit.web.visitors import token_person


def next_address(answer: Answer) -> str:
    """The address to which the page leads, by itself and by its button."""
    assert answer.status == 200, answer
    page = answer.body.decode()
    refresh = re.search(r'http-equiv="refresh" content="0; url=([^"]+)"', page)
    button = re.search(r'class="button" href="([^"]+)"', page)
    assert refresh is not None
    assert button is not None
    assert refresh[1] == button[1]
    return html.unescape(refresh[1])


def browser_of(home: Installation, answer: Answer) -> str:
    """The id that the answer's cookie gives to the browser."""
    name = home.app.sessions.cookies.name(Cookie.BROWSER)
    return next(
        cookie.partition(";")[0].partition("=")[2] for cookie in answer.cookies if cookie.startswith(f"{name}=")
    )


def confirm(
    home: ScriptedInstallation,
    answer: Answer,
    who: str,
    *,
    browser: str = "",
    ago: timedelta = timedelta(0),
    **claims: Any,
) -> ProviderRedirect | NothingSent:
    """Sign in at the provider, and come back."""
    state, code = home.votes.signs_in(next_address(answer), token_person(who), ago=ago, **claims)
    return home.app.saying.handle_return(state=state, code=code, error="", browser=browser or browser_of(home, answer))


def count_vote(home: ScriptedInstallation, answer: Answer, who: str) -> str:
    """Sign in, come back, let the worker read the inbox; gives the path of the page that follows the vote."""
    outcome = confirm(home, answer, who)
    assert isinstance(outcome, ProviderRedirect), outcome
    home.hear()
    return outcome.to

"""Approves at a gate that asks for a proof, as a person with a browser does: signs in, presses Approve, signs the vote.

It follows redirects between the app and the identity provider, keeps both sites' cookies, chooses the person on the
provider's page, and waits on the app's page until the vote was counted.
"""

import re
import time
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urlencode, urljoin, urlsplit

import urllib3

from .approver import PageRefused

MOST_STEPS = 20
BAD_REQUEST = 400
COUNTED = ("It was carried out, and is recorded in the audit trail.", "It is recorded in the audit trail.")
"""Headings of the page once a vote was counted: done, or waiting for the votes of others."""
REFUSED = "The refusal is recorded in the audit trail."
"""The page's words after a refusal."""
WITHIN = 30.0
"""Seconds until it has to be counted."""


@dataclass(kw_only=True)
class Form:
    """A form of a page: its address, and its fields."""

    action: str = ""
    hidden: dict[str, str] = field(default_factory=dict)
    buttons: dict[str, set[str]] = field(default_factory=dict)
    """Name of each button, and its values."""


class _Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.links: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = {name: value or "" for name, value in attrs}
        if tag == "a" and told.get("href"):
            self.links.append(told["href"])
        elif tag == "form":
            self.forms.append(Form(action=told.get("action", "")))
        elif not self.forms or not told.get("name"):
            return
        elif tag == "input" and told.get("type") == "hidden":
            self.forms[-1].hidden[told["name"]] = told.get("value", "")
        elif tag == "button" or (tag == "input" and told.get("type") == "radio"):
            self.forms[-1].buttons.setdefault(told["name"], set()).add(told.get("value", ""))


@dataclass
class Signer:
    """One person at one browser."""

    oid: str
    """Object id of the person, as the provider knows it."""
    cookies: dict[str, dict[str, str]] = field(default_factory=dict)
    """Cookies by host. The paths that the provider names do not matter here, and an empty `domain`, which the Functions
    host writes and browsers ignore, would make `http.cookiejar` drop a cookie."""

    http: urllib3.PoolManager = field(
        default_factory=lambda: urllib3.PoolManager(retries=False, timeout=30), repr=False
    )

    def read(self, address: str) -> tuple[str, str]:
        """The page that an address leads to, after signing in if need be; its address and its text."""
        return self._walk(address, None)

    def form(self, address: str) -> tuple[str, dict[str, str]]:
        """The target of a page's first form, and its fields. Raises `PageRefused`."""
        where, text = self.read(address)
        form = next((each for each in _Page(text).forms if each.hidden), None)
        if form is None:
            raise PageRefused(f"the page has no form: {_words(text)}")
        return urljoin(where, form.action), form.hidden

    def decide(self, address: str, decision: str, reason: str = "") -> str:
        """Press a button of the approval page, sign the vote, and return the text of the page once it was counted. If
        the page has a form but not that button, the person at the browser writes one into it.

        Raises `PageRefused`.
        """
        where, text = self.read(address)
        form = next((form for form in _Page(text).forms if "decision" in form.buttons), None)
        if form is None:
            raise PageRefused("the page has no form: the gate is not open, or this person may not decide")
        return self._sign(where, form, {**form.hidden, "decision": decision, "reason": reason})

    def confirm(self, address: str) -> str:
        """Press the button of the page that the command line names, sign what it says, and return the text of the
        page once it was counted. Raises `PageRefused`."""
        where, text = self.read(address)
        form = next(iter(_Page(text).forms), None)
        if form is None:
            raise PageRefused(f"the page has no form: this person may not confirm it: {_words(text)}")
        return self._sign(where, form, form.hidden)

    def _sign(self, where: str, form: Form, filled: dict[str, str]) -> str:
        where, text = self._walk(urljoin(where, form.action), filled)
        own = urlsplit(where).netloc
        onward = [link for link in _Page(text).links if urlsplit(link).netloc not in ("", own)]
        if onward:  # what stops something needs no proof
            where, text = self._walk(onward[0], None, own=own)
        end = time.monotonic() + WITHIN
        while not any(each in text for each in COUNTED):
            if REFUSED in text:
                raise PageRefused(f"it was refused: {_words(text)}")
            if time.monotonic() > end:
                raise PageRefused(f"it was not counted within {WITHIN:.0f} s: {_words(text)}")
            time.sleep(0.3)
            where, text = self.read(where)
        return text

    def _walk(self, address: str, form: dict[str, str] | None, *, own: str = "") -> tuple[str, str]:
        own = own or urlsplit(address).netloc
        for _ in range(MOST_STEPS):
            status, location, text = self._ask(address, form)
            form = None
            if location is not None:
                address = urljoin(address, location)
                continue
            if status >= BAD_REQUEST:
                raise PageRefused(f"{urlsplit(address).path} answered {status}: {_words(text)}")
            if urlsplit(address).netloc == own:
                return address, text
            (shown, *_) = _Page(text).forms  # the provider's page
            form = {"who": self.oid} if "who" in shown.buttons else shown.hidden
            address = urljoin(address, shown.action)
        raise PageRefused(f"{MOST_STEPS} steps led nowhere")

    def _ask(self, address: str, form: dict[str, str] | None) -> tuple[int, str | None, str]:
        parts = urlsplit(address)
        jar = self.cookies.setdefault(parts.hostname or "", {})
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in jar.items())}
        body = None
        if form is not None:
            headers |= {"Origin": f"{parts.scheme}://{parts.netloc}", "Sec-Fetch-Site": "same-origin"}
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            body = urlencode(form)
        answer = self.http.request("POST" if body else "GET", address, headers=headers, body=body, redirect=False)
        for line in answer.headers.getlist("Set-Cookie"):
            name, _, value = line.partition(";")[0].strip().partition("=")
            jar[name] = value
        return answer.status, answer.headers.get("Location"), answer.data.decode()


def _words(text: str) -> str:
    """The text of a page that a person would read, in short."""
    return " ".join(re.sub(r"<style.*?</style>|<script.*?</script>|<[^>]+>", " ", text, flags=re.DOTALL).split())[:300]

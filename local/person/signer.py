"""Approves at a gate that requires a proof, like a person with a browser: signs in, presses Approve, signs the vote.

It follows redirects between the app and the identity provider, keeps the cookies of both sites, chooses the person on
the provider's page, and waits on the app's page until the vote was counted.
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
"""Headings of the page once a vote was counted: carried out, or waiting for the votes of others."""
REFUSED = "The refusal is recorded in the audit trail."
"""The text of the page after a refusal."""
WITHIN = 30.0
"""Seconds within which the vote has to be counted."""


@dataclass(kw_only=True)
class Form:
    """A form of a page: its target and its fields."""

    action: str = ""
    hidden: dict[str, str] = field(default_factory=dict)
    buttons: dict[str, set[str]] = field(default_factory=dict)
    """The values of the buttons, by the buttons' name."""


class _Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.links: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        if tag == "a" and attributes.get("href"):
            self.links.append(attributes["href"])
        elif tag == "form":
            self.forms.append(Form(action=attributes.get("action", "")))
        elif not self.forms or not attributes.get("name"):
            return
        elif tag == "input" and attributes.get("type") == "hidden":
            self.forms[-1].hidden[attributes["name"]] = attributes.get("value", "")
        elif tag == "button" or (tag == "input" and attributes.get("type") == "radio"):
            self.forms[-1].buttons.setdefault(attributes["name"], set()).add(attributes.get("value", ""))


@dataclass
class Signer:
    """One person at one browser."""

    oid: str
    """The person's object id at the provider."""
    cookies: dict[str, dict[str, str]] = field(default_factory=dict)
    """Cookies by host. The paths that the provider sets do not matter here, and an empty `domain`, which the Functions
    host writes and browsers ignore, would make `http.cookiejar` drop a cookie."""

    http: urllib3.PoolManager = field(
        default_factory=lambda: urllib3.PoolManager(retries=False, timeout=30), repr=False
    )

    def read(self, address: str) -> tuple[str, str]:
        """The page at an address, after signing in if need be; returns its address and its text."""
        return self._walk(address, None)

    def form(self, address: str) -> tuple[str, dict[str, str]]:
        """The target of a page's first form, and its hidden fields. Raises `PageRefused`."""
        page_address, text = self.read(address)
        form = next((form for form in _Page(text).forms if form.hidden), None)
        if form is None:
            raise PageRefused(f"the page has no form: {_words(text)}")
        return urljoin(page_address, form.action), form.hidden

    def decide(self, address: str, decision: str, reason: str = "") -> str:
        """Press a button of the approval page, sign the vote, and return the text of the page once the vote was
        counted. If the page has a form but not that button, the decision is sent all the same.

        Raises `PageRefused`.
        """
        page_address, text = self.read(address)
        form = next((form for form in _Page(text).forms if "decision" in form.buttons), None)
        if form is None:
            raise PageRefused("the page has no form: the gate is not open, or this person may not decide")
        return self._sign(page_address, form, {**form.hidden, "decision": decision, "reason": reason})

    def confirm(self, address: str) -> str:
        """Press the button of the page that the command line printed, sign its statement, and return the text of the
        page once it was counted. Raises `PageRefused`."""
        page_address, text = self.read(address)
        form = next(iter(_Page(text).forms), None)
        if form is None:
            raise PageRefused(f"the page has no form: this person may not confirm it: {_words(text)}")
        return self._sign(page_address, form, form.hidden)

    def _sign(self, page_address: str, form: Form, fields: dict[str, str]) -> str:
        page_address, text = self._walk(urljoin(page_address, form.action), fields)
        own_host = urlsplit(page_address).netloc
        provider_links = [link for link in _Page(text).links if urlsplit(link).netloc not in ("", own_host)]
        if provider_links:  # only what opens something needs a proof
            page_address, text = self._walk(provider_links[0], None, own_host=own_host)
        end = time.monotonic() + WITHIN
        while not any(heading in text for heading in COUNTED):
            if REFUSED in text:
                raise PageRefused(f"it was refused: {_words(text)}")
            if time.monotonic() > end:
                raise PageRefused(f"it was not counted within {WITHIN:.0f} s: {_words(text)}")
            time.sleep(0.3)
            page_address, text = self.read(page_address)
        return text

    def _walk(self, address: str, form: dict[str, str] | None, *, own_host: str = "") -> tuple[str, str]:
        own_host = own_host or urlsplit(address).netloc
        for _ in range(MOST_STEPS):
            status, location, text = self._ask(address, form)
            form = None
            if location is not None:
                address = urljoin(address, location)
                continue
            if status >= BAD_REQUEST:
                raise PageRefused(f"{urlsplit(address).path} responded with {status}: {_words(text)}")
            if urlsplit(address).netloc == own_host:
                return address, text
            (provider_form, *_) = _Page(text).forms  # the provider's page
            form = {"who": self.oid} if "who" in provider_form.buttons else provider_form.hidden
            address = urljoin(address, provider_form.action)
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
        response = self.http.request("POST" if body else "GET", address, headers=headers, body=body, redirect=False)
        for line in response.headers.getlist("Set-Cookie"):
            name, _, value = line.partition(";")[0].strip().partition("=")
            jar[name] = value
        return response.status, response.headers.get("Location"), response.data.decode()


def _words(text: str) -> str:
    """The text of a page that a person would read, shortened."""
    return " ".join(re.sub(r"<style.*?</style>|<script.*?</script>|<[^>]+>", " ", text, flags=re.DOTALL).split())[:300]

"""Walks a sign-in as a browser would, without one: follows redirects, keeps cookies, presses the button on the page.

It stops when the provider leads back to the app: the result is that address, with `code` or `error`.
"""

import base64
import hashlib
import secrets
import urllib.request
from dataclasses import dataclass, field
from html.parser import HTMLParser
from http.cookiejar import CookieJar
from urllib.error import HTTPError
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

MOST_STEPS = 12
CANCEL = ""
"""The button of the page that chooses nobody."""


class SignInStuck(Exception):  # noqa: N818
    """The provider neither led back nor showed its page; the message holds what it showed."""


@dataclass(frozen=True, kw_only=True)
class Pkce:
    """A verifier and its challenge (S256)."""

    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(32))

    @property
    def challenge(self) -> str:
        return base64.urlsafe_b64encode(hashlib.sha256(self.verifier.encode()).digest()).decode().rstrip("=")


@dataclass(frozen=True, kw_only=True)
class CameBack:
    """The provider's answer when it led back."""

    address: str
    pages: int
    """The number of times the person was asked for their credential."""

    @property
    def said(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.address).query))


class _StayHere(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        """A redirect is an answer like others."""


class _Page(HTMLParser):
    """The target of a page's form, its fields, and the words that a person would read."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.action: str | None = None
        self.hidden: dict[str, str] = {}
        self.buttons: set[str] = set()
        self._words: list[str] = []
        self._style = False
        self.feed(text)

    @property
    def words(self) -> str:
        return " ".join(" ".join(self._words).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = {name: value or "" for name, value in attrs}
        self._style = tag in ("style", "script")
        if tag == "form":
            self.action = told.get("action", "")
        elif tag == "input" and "name" in told:
            self.hidden[told["name"]] = told.get("value", "")
        elif tag == "button" and "name" in told:
            self.buttons.add(told["name"])

    def handle_endtag(self, tag: str) -> None:
        self._style = self._style and tag not in ("style", "script")

    def handle_data(self, data: str) -> None:
        if not self._style:
            self._words.append(data)


@dataclass
class Browser:
    """One browser: its cookies are its session at the provider."""

    cookies: CookieJar = field(default_factory=CookieJar)

    def go(self, address: str, *, back_to: str, who: str | None = None) -> CameBack:
        """Follow an authorization request. `who` is the object id of the person to choose, or `CANCEL`.

        Raises `SignInStuck` if nobody is chosen and the page asks, or if an error is shown instead of being sent to the
        app.
        """
        pages, form = 0, None
        for _ in range(MOST_STEPS):
            status, location, text = self._ask(address, form)
            if location is not None:
                address, form = urljoin(address, location), None
                if address.startswith(back_to):
                    return CameBack(address=address, pages=pages)
                continue
            shown = _Page(text)
            if status >= 400 or shown.action is None:
                raise SignInStuck(f"{status} {shown.words}")
            if "who" in shown.buttons:
                if who is None:
                    raise SignInStuck("the page asks who it is")
                pages, form = pages + 1, {"who": who}
            else:  # a page that a browser's script would post: the session of another person ends first
                form = shown.hidden
            address = urljoin(address, shown.action)
        raise SignInStuck(f"{MOST_STEPS} steps led nowhere; the last was {address}")

    def page(self, address: str) -> str:
        """The page that an authorization request ends at."""
        for _ in range(MOST_STEPS):
            _, location, text = self._ask(address, None)
            if location is None:
                return text
            address = urljoin(address, location)
        raise SignInStuck(f"{MOST_STEPS} steps led nowhere; the last was {address}")

    def _ask(self, address: str, form: dict[str, str] | None) -> tuple[int, str | None, str]:
        opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.cookies), _StayHere)
        data = None if form is None else urlencode(form).encode()
        try:
            with opener.open(urllib.request.Request(address, data=data), timeout=30) as answer:
                return answer.status, None, answer.read().decode()
        except HTTPError as error:
            with error:
                return error.code, error.headers["Location"], error.read().decode()

"""Goes through a sign-in as a browser would, without one: follows redirects, keeps cookies, presses the page's button.

It stops when the provider redirects to the app: the result is that address, with `code` or `error`.
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
"""The value of the page's button that chooses nobody."""


class SignInStuck(Exception):  # noqa: N818
    """The provider neither redirected to the app nor showed its page; the message holds what it showed."""


@dataclass(frozen=True, kw_only=True)
class Pkce:
    """A verifier and its challenge (S256)."""

    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(32))

    @property
    def challenge(self) -> str:
        return base64.urlsafe_b64encode(hashlib.sha256(self.verifier.encode()).digest()).decode().rstrip("=")


@dataclass(frozen=True, kw_only=True)
class Callback:
    """The provider's redirect to the app."""

    address: str
    pages: int
    """How often the person was asked to sign in."""

    @property
    def parameters(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.address).query))


class _StayHere(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        """Follow no redirects: they are returned like other responses."""


class _Page(HTMLParser):
    """A page's form (its target and fields), and the text that a person would read."""

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
        attributes = {name: value or "" for name, value in attrs}
        self._style = tag in ("style", "script")
        if tag == "form":
            self.action = attributes.get("action", "")
        elif tag == "input" and "name" in attributes:
            self.hidden[attributes["name"]] = attributes.get("value", "")
        elif tag == "button" and "name" in attributes:
            self.buttons.add(attributes["name"])

    def handle_endtag(self, tag: str) -> None:
        self._style = self._style and tag not in ("style", "script")

    def handle_data(self, data: str) -> None:
        if not self._style:
            self._words.append(data)


@dataclass
class Browser:
    """One browser: its cookies are its session at the provider."""

    cookies: CookieJar = field(default_factory=CookieJar)

    def go(self, address: str, *, back_to: str, who: str | None = None) -> Callback:
        """Follow an authorization request. `who` is the object id of the person to choose, or `CANCEL`.

        Raises `SignInStuck` if nobody is chosen and the page asks, or if an error is shown instead of being sent to
        the app.
        """
        pages, form = 0, None
        for _ in range(MOST_STEPS):
            status, location, text = self._ask(address, form)
            if location is not None:
                address, form = urljoin(address, location), None
                if address.startswith(back_to):
                    return Callback(address=address, pages=pages)
                continue
            page = _Page(text)
            if status >= 400 or page.action is None:
                raise SignInStuck(f"{status} {page.words}")
            if "who" in page.buttons:
                if who is None:
                    raise SignInStuck("the page asks who is signing in")
                pages, form = pages + 1, {"who": who}
            else:  # a page whose script submits it in a browser, to end another person's session first
                form = page.hidden
            address = urljoin(address, page.action)
        raise SignInStuck(f"{MOST_STEPS} steps led nowhere; the last was {address}")

    def page(self, address: str) -> str:
        """The page at which an authorization request ends."""
        for _ in range(MOST_STEPS):
            _, location, text = self._ask(address, None)
            if location is None:
                return text
            address = urljoin(address, location)
        raise SignInStuck(f"{MOST_STEPS} steps led nowhere; the last was {address}")

    def _ask(self, address: str, form: dict[str, str] | None) -> tuple[int, str | None, str]:
        opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.cookies), _StayHere)
        body = None if form is None else urlencode(form).encode()
        try:
            with opener.open(urllib.request.Request(address, data=body), timeout=30) as response:
                return response.status, None, response.read().decode()
        except HTTPError as error:
            with error:
                return error.code, error.headers["Location"], error.read().decode()

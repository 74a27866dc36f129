"""The identity provider in memory, as the pages' sign-in sees it, and a browser that keeps cookies."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit

from ..domain.identity import CannotVerify, IdentityRefused, IdToken, TokenPerson, Verdict
from ..effects.identity import AccessTokens, IdTokens
from ..http.signing_in import PendingSignIn
from .identity import TENANT, MemoryIssuer, person_claims

if TYPE_CHECKING:
    from ..bootstrap import App

SIGN_IN_CLIENT: Final = "cccccccc-0000-4000-8000-000000000001"
VOTES_CLIENT: Final = "cccccccc-0000-4000-8000-000000000002"
COMMAND_CLIENT: Final = "cccccccc-0000-4000-8000-000000000003"
SCOPE: Final = "user_impersonation"


def person(number: int, name: str, *roles: str) -> TokenPerson:
    """A person of the tenant, with these roles on the registration of sign-in."""
    oid = f"aaaaaaaa-0000-4000-8000-{number:012d}"
    return TokenPerson(tenant=TENANT, oid=oid, name=name, roles=roles or ("reader",), groups=())


@dataclass
class Browser:
    """Keeps cookies as browsers do, as far as the app can tell."""

    jar: dict[str, str] = field(default_factory=dict)

    @property
    def headers(self) -> dict[str, str]:
        return {"Cookie": "; ".join(f"{name}={value}" for name, value in self.jar.items())}

    def take(self, *cookies: str) -> None:
        for cookie in cookies:
            name, _, value = cookie.partition(";")[0].partition("=")
            if "Max-Age=0;" in cookie:
                self.jar.pop(name, None)
            else:
                self.jar[name] = value


class MemoryProvider:
    """Plays the provider: the person at its page, and the codes that it gave out."""

    def __init__(self) -> None:
        self.issuer = MemoryIssuer()
        self.at_home: TokenPerson | None = None
        """The person signed in at the provider, in this browser."""
        self.away = False
        self.codes: dict[str, tuple[str, str, TokenPerson]] = {}

    def address(self, pending: PendingSignIn, redirect_uri: str) -> str | CannotVerify:
        if self.away:
            return CannotVerify(why="the provider is away")
        prompt = "none" if pending.quiet else ""
        query = {"state": pending.state, "nonce": pending.nonce, "redirect_uri": redirect_uri, "prompt": prompt}
        return f"{self.issuer.url}/authorize?{urlencode(query)}"

    def redeem(self, pending: PendingSignIn, redirect_uri: str, code: str, *, at: datetime) -> Verdict[IdToken]:
        if self.away:
            return CannotVerify(why="the provider is away")
        verifier, nonce, who = self.codes.pop(code, ("", "", None))
        if who is None or verifier != redirect_uri:
            return IdentityRefused(why="the code was used")
        token = self.issuer.id_token(SIGN_IN_CLIENT, who, nonce=nonce, at=at)
        return IdTokens(self.issuer, SIGN_IN_CLIENT).verify(token, nonce=pending.nonce, at=at)

    def answer(self, address: str, who: TokenPerson | None = None) -> dict[str, str]:
        """The provider's answer once this person has signed in, or has cancelled if there is nobody."""
        query = dict(parse_qsl(urlsplit(address).query))
        who = who or self.at_home
        if who is None:
            error = "login_required" if query.get("prompt") == "none" else "access_denied"
            return {"error": error, "state": query["state"]}
        self.at_home = who
        code = f"code-{len(self.codes)}-{query['state']}"
        self.codes[code] = (query["redirect_uri"], query["nonce"], who)
        return {"code": code, "state": query["state"]}

    def access_token(self, who: TokenPerson, *, at: datetime, **more: Any) -> str:
        """An access token for our registration, with which a person calls. `more` adds claims or replaces them; None
        leaves one out."""
        claims = self.issuer.claims(SIGN_IN_CLIENT, at=at) | person_claims(who)
        return self.issuer.sign(claims | {"scp": SCOPE, "azp": COMMAND_CLIENT} | more)

    def access_tokens(self) -> AccessTokens:
        """The product's reader of access tokens, over this issuer's keys."""
        return AccessTokens(
            source=self.issuer,
            client_id=SIGN_IN_CLIENT,
            scope=SCOPE,
            never=frozenset({VOTES_CLIENT}),
        )


def bearer(app: "App", who: TokenPerson) -> dict[str, str]:
    """The header with which this person calls the API."""
    provider = app.ports.provider()
    if not isinstance(provider, MemoryProvider):
        raise TypeError("only the provider in memory signs whatever a test wants")
    return {"Authorization": f"Bearer {provider.access_token(who, at=app.clock())}"}


def signed_in(app: "App", who: TokenPerson) -> Browser:
    """A browser in which this person signed in a moment ago."""
    browser = Browser()
    browser_id, cookie = app.sessions.browser(browser.headers)
    _, session = app.sessions.begin(who, browser=browser_id)
    browser.take(*([cookie] if cookie else []), session)
    return browser

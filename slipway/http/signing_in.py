"""Signs people in for the pages: OpenID Connect's authorization code flow with PKCE.

`begin` sends a browser to the provider, and `handle_return` handles its return. In between, the request is kept in that
browser, sealed, for ten minutes; several tabs may sign in at once. If only the roles of a session have to be renewed,
the provider is told to show no page (`prompt=none`).
"""

import hmac
import logging
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from pydantic import TypeAdapter, ValidationError

from ..clock import Clock
from ..domain.identity import CannotVerify, IdentityRefused, IdToken, Verdict, VerifiedToken
from ..domain.model import Record
from .cookies import VALUE_LIMIT, Cookie
from .sealing import KeyPurpose, Seal
from .sessions import Sessions

log = logging.getLogger(__name__)

BACK: Final = "/sign-in/back"
"""The path to which the provider sends people back: the registration's redirect URI."""
GOOD_FOR: Final = timedelta(minutes=10)
MOST_TABS: Final = 4
LONGEST: Final = 4096
"""The most characters of a parameter in the return."""
_ASK_THE_PERSON: Final = frozenset({"login_required", "interaction_required", "consent_required"})
"""The provider's answers to `prompt=none` if it would have to show a page."""


class SignInProvider(Protocol):
    """The provider, towards the registration that signs people in."""

    def address(self, pending: "PendingSignIn", redirect_uri: str) -> str | CannotVerify:
        """The address to send the browser to."""
        ...

    def redeem(self, pending: "PendingSignIn", redirect_uri: str, code: str, *, at: datetime) -> Verdict[IdToken]:
        """The verified ID token for the code that came back."""
        ...


class PendingSignIn(Record):
    """A sign-in that was begun in this browser."""

    state: str
    nonce: str
    verifier: str
    """Proves to the provider that the app that redeems the code is the one that began (PKCE)."""
    to: str
    """The page that the person wanted."""
    at: int
    """Seconds since 1970."""
    quiet: bool
    """Only the roles of a session are renewed: the provider may show no page."""


_ALL_ASKED: Final = TypeAdapter(tuple[PendingSignIn, ...])


@dataclass(frozen=True, kw_only=True)
class SignInRedirect:
    """Send the browser on."""

    to: str
    cookies: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class NotSignedIn:
    """Tell the person that they were not signed in."""

    title: str
    why: str
    to: str = "/"
    """The page that they wanted."""
    waits: bool = False
    """The provider is away: trying again later may help."""
    cookies: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class SignIn:
    """The sign-in of one installation. `headers` must be case-insensitive."""

    provider: SignInProvider
    sessions: Sessions
    seal: Seal
    clock: Clock
    public_url: str
    is_page: Callable[[str], bool]
    """Whether an address is one of our pages: people are sent nowhere else after signing in."""

    def begin(self, headers: Mapping[str, str], to: str, *, quiet: bool = False) -> SignInRedirect | NotSignedIn:
        """Send the person to the provider. Raises `KeysUnavailable`."""
        path = to if self.is_page(to) else "/"
        pending = PendingSignIn(
            state=secrets.token_urlsafe(16),
            nonce=secrets.token_urlsafe(32),
            verifier=secrets.token_urlsafe(32),
            to=path,
            at=self._now(),
            quiet=quiet,
        )
        address = self.provider.address(pending, self.public_url + BACK)
        if isinstance(address, CannotVerify):
            return _provider_away(address, path)
        return SignInRedirect(to=address, cookies=(self._cookie((*self._under_way(headers), pending)),))

    def handle_return(self, headers: Mapping[str, str], parameters: Mapping[str, str]) -> SignInRedirect | NotSignedIn:
        """Handle the return and sign the person in. Raises `KeysUnavailable`, `LedgerUnavailable`."""
        under_way = self._under_way(headers)
        state = parameters.get("state", "")
        pending = next((each for each in under_way if _equal(each.state, state)), None)
        if pending is None:
            return self._unasked_return(headers)
        rest = self._cookie(tuple(each for each in under_way if each is not pending))
        if "error" in parameters:
            return self._failed(headers, pending, parameters["error"], rest)
        code = parameters.get("code", "")
        match self.provider.redeem(pending, self.public_url + BACK, code, at=self.clock()):
            case VerifiedToken(value=token):
                return SignInRedirect(to=pending.to, cookies=(*self._session(headers, pending, token), rest))
            case IdentityRefused(why=why):
                log.warning("a sign-in was refused: %s", why)
                return NotSignedIn(
                    title="You could not be signed in",
                    why="The sign-in page's answer is not valid. Please try again.",
                    to=pending.to,
                    cookies=(rest,),
                )
            case CannotVerify() as later:
                return _provider_away(later, pending.to, rest)

    def _session(self, headers: Mapping[str, str], pending: PendingSignIn, token: IdToken) -> tuple[str, ...]:
        browser, browser_cookie = self.sessions.browser(headers)
        before = self.sessions.read(headers) if pending.quiet else None
        same = before is not None and (before.tid, before.oid) == (token.person.tenant, token.person.oid)
        _, session_cookie = self.sessions.begin(token.person, browser=browser, renews=before if same else None)
        return (session_cookie, browser_cookie) if browser_cookie else (session_cookie,)

    def _unasked_return(self, headers: Mapping[str, str]) -> SignInRedirect | NotSignedIn:
        """The answer to a return that this browser did not ask for: Back, a reload or a restored tab after the sign-in,
        or another browser's."""
        if self.sessions.read(headers) is not None:
            return SignInRedirect(to="/")
        return NotSignedIn(
            title="This sign-in is over",
            why="It was begun more than ten minutes ago or in another browser, or your browser keeps no cookies here.",
        )

    def _failed(
        self, headers: Mapping[str, str], pending: PendingSignIn, error: str, rest: str
    ) -> SignInRedirect | NotSignedIn:
        if pending.quiet and error in _ASK_THE_PERSON:
            again = self.begin(headers, pending.to)
            ended = self.sessions.end()
            return (
                SignInRedirect(to=again.to, cookies=(*again.cookies, ended))
                if isinstance(again, SignInRedirect)
                else again
            )
        if error == "access_denied":
            return NotSignedIn(
                title="You did not sign in", why="The sign-in was cancelled.", to=pending.to, cookies=(rest,)
            )
        log.warning("the provider answered a sign-in with an error: %s", _error_name(error))
        why = f"The sign-in page answered with an error: {_error_name(error)}."
        return NotSignedIn(title="You could not be signed in", why=why, to=pending.to, cookies=(rest,))

    def _under_way(self, headers: Mapping[str, str]) -> tuple[PendingSignIn, ...]:
        content = self.seal.open(KeyPurpose.SIGN_IN, self.sessions.cookies.read(headers, Cookie.SIGN_IN))
        try:
            under_way = _ALL_ASKED.validate_json(content or b"[]")
        except ValidationError:
            return ()
        return tuple(pending for pending in under_way if self._now() - pending.at < GOOD_FOR.total_seconds())

    def _cookie(self, under_way: tuple[PendingSignIn, ...]) -> str:
        """The `Set-Cookie` header with the begun sign-ins; if there are too many, the oldest are dropped."""
        cookies = self.sessions.cookies
        for count in range(min(len(under_way), MOST_TABS), 0, -1):
            sealed = self.seal.close(KeyPurpose.SIGN_IN, _ALL_ASKED.dump_json(under_way[-count:]))
            if len(sealed) <= VALUE_LIMIT:
                return cookies.keep(Cookie.SIGN_IN, sealed, GOOD_FOR)
        return cookies.drop(Cookie.SIGN_IN)

    def _now(self) -> int:
        return int(self.clock().timestamp())


def _provider_away(later: CannotVerify, to: str, *cookies: str) -> NotSignedIn:
    log.warning("nobody can sign in: %s", later.why)
    return NotSignedIn(
        title="Nobody can sign in right now",
        why="Your organization's sign-in does not answer, or its answer cannot be checked. Please try again in a "
        "moment.",
        to=to,
        waits=True,
        cookies=cookies,
    )


def _equal(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other[:LONGEST].encode())


def _error_name(error: str) -> str:
    """An error name from OAuth's list, or a neutral text: a stranger may have written it."""
    is_a_name = len(error) <= 60 and error.isascii() and error.replace("_", "").isalpha()  # noqa: PLR2004
    return error if is_a_name else "an unknown one"

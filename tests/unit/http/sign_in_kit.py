"""A browser, a provider in memory and the sign-in between them."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlencode, urlsplit

from slipway.domain.identity import CannotVerify, IdToken, Refused, TokenPerson, Verdict
from slipway.domain.tokens import FixedKeys
from slipway.effects.identity import IdTokens
from slipway.http.cookies import Cookies
from slipway.http.sealing import Seal
from slipway.http.sessions import Session, Sessions
from slipway.http.signing_in import Asked, Go, NotSignedIn, SignIn
from slipway.testing.identity import TENANT, MemoryIssuer

BASE = "https://slipway.example.com"
CLIENT = "cccccccc-0000-4000-8000-000000000001"
ADA = TokenPerson(tenant=TENANT, oid="aaaaaaaa-0000-4000-8000-000000000001", name="Ada", roles=("reader",), groups=())
BEN = TokenPerson(tenant=TENANT, oid="aaaaaaaa-0000-4000-8000-000000000002", name="Ben", roles=(), groups=())


@dataclass
class Time:
    now: datetime = datetime(2026, 11, 28, 9, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def wait(self, time: timedelta) -> None:
        self.now += time


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
    """Plays the provider: whoever is at its page, and the codes that it gave out."""

    def __init__(self, time: Time) -> None:
        self.time, self.issuer = time, MemoryIssuer()
        self.at_home: TokenPerson | None = None
        """Who is signed in at the provider, in this browser."""
        self.away = False
        self.codes: dict[str, tuple[str, TokenPerson]] = {}

    def address(self, asked: Asked, redirect_uri: str) -> str | CannotVerify:
        if self.away:
            return CannotVerify(why="the provider is away")
        prompt = "none" if asked.quiet else ""
        told = {"state": asked.state, "nonce": asked.nonce, "redirect_uri": redirect_uri, "prompt": prompt}
        return f"{self.issuer.url}/authorize?{urlencode(told)}"

    def redeem(self, asked: Asked, redirect_uri: str, code: str, *, at: datetime) -> Verdict[IdToken]:
        assert redirect_uri == f"{BASE}/sign-in/back"
        if self.away:
            return CannotVerify(why="the provider is away")
        nonce, person = self.codes.pop(code, ("", None))
        if person is None:
            return Refused(why="the code was used")
        token = self.issuer.id_token(CLIENT, person, nonce=nonce, at=at)
        return IdTokens(self.issuer, CLIENT).verify(token, nonce=asked.nonce, at=at)

    def answer(self, address: str, person: TokenPerson | None = None) -> dict[str, str]:
        """What the provider sends back once somebody signed in; nobody cancels."""
        told = dict(parse_qsl(urlsplit(address).query))
        person = person or self.at_home
        if person is None:
            error = "login_required" if told.get("prompt") == "none" else "access_denied"
            return {"error": error, "state": told["state"]}
        self.at_home = person
        code = f"code-{len(self.codes)}-{told['state']}"
        self.codes[code] = (told["nonce"], person)
        return {"code": code, "state": told["state"]}


class Scene:
    """One installation, one browser."""

    def __init__(self) -> None:
        self.time = Time()
        self.provider = MemoryProvider(self.time)
        self.ended: dict[str, datetime] = {}
        seal = Seal(FixedKeys({"k": b"k" * 32}))
        self.sessions = Sessions(
            cookies=Cookies(BASE), seal=seal, clock=self.time, not_before=lambda _, oid: self.ended.get(oid)
        )
        self.sign_in = SignIn(
            provider=self.provider,
            sessions=self.sessions,
            seal=seal,
            clock=self.time,
            public_url=BASE,
            is_page=lambda address: address in {"/", "/audit", "/releases/shop-1?after=3"},
        )
        self.browser = Browser()

    def begin(self, to: str = "/audit", *, quiet: bool = False) -> str:
        """The provider's address that the browser is sent to."""
        begun = self.sign_in.begin(self.browser.headers, to, quiet=quiet)
        assert isinstance(begun, Go), begun
        self.browser.take(*begun.cookies)
        return begun.to

    def back(self, parameters: dict[str, str]) -> Go | NotSignedIn:
        outcome = self.sign_in.back(self.browser.headers, parameters)
        self.browser.take(*outcome.cookies)
        return outcome

    def signs_in(self, person: TokenPerson = ADA, to: str = "/audit") -> Session:
        self.back(self.provider.answer(self.begin(to), person))
        return self.session()

    def session(self) -> Session:
        session = self.sessions.read(self.browser.headers)
        assert session is not None
        return session

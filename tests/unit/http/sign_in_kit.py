"""A browser, a provider in memory and the sign-in between them."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from slipway.domain.identity import TokenPerson
from slipway.domain.sessions import EndedSessions
from slipway.domain.signing import FixedKeys
from slipway.http.cookies import Cookies
from slipway.http.sealing import Seal
from slipway.http.sessions import EndedSessionCache, Session, Sessions
from slipway.http.signing_in import NotSignedIn, SignIn, SignInRedirect
from slipway.testing.sign_in import Browser, MemoryProvider, person

BASE = "https://slipway.example.com"
ADA, BEN = person(1, "Ada"), person(2, "Ben")


@dataclass
class Time:
    now: datetime = datetime(2026, 11, 28, 9, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def wait(self, time: timedelta) -> None:
        self.now += time


class Scene:
    """One installation, one browser."""

    def __init__(self) -> None:
        self.time = Time()
        self.provider = MemoryProvider()
        self.ended: dict[str, EndedSessions] = {}
        seal = Seal(FixedKeys({"k": b"k" * 32}))
        self.sessions = Sessions(
            cookies=Cookies(BASE),
            seal=seal,
            clock=self.time,
            ended=EndedSessionCache(
                lambda _, oid: self.ended.get(oid, EndedSessions()), monotonic=lambda: self.time().timestamp()
            ),
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
        outcome = self.sign_in.begin(self.browser.headers, to, quiet=quiet)
        assert isinstance(outcome, SignInRedirect), outcome
        self.browser.take(*outcome.cookies)
        return outcome.to

    def back(self, parameters: dict[str, str]) -> SignInRedirect | NotSignedIn:
        outcome = self.sign_in.handle_return(self.browser.headers, parameters)
        self.browser.take(*outcome.cookies)
        return outcome

    def signs_in(self, person: TokenPerson = ADA, to: str = "/audit") -> Session:
        self.back(self.provider.answer(self.begin(to), person))
        return self.session()

    def session(self) -> Session:
        session = self.sessions.read(self.browser.headers)
        assert session is not None
        return session

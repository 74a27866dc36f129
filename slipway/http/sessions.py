"""Sessions of the pages. A session is a sealed cookie; nothing about it is stored here.

A session lasts eight hours, or one hour if it is not used, and its roles are asked for again every hour. It opens pages
and nothing else: the API takes access tokens, and a gate opens only with a token made for that purpose.
"""

import hashlib
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, Literal

from pydantic import Field, ValidationError

from ..clock import Clock
from ..domain.identity import TokenPerson
from ..domain.model import Record
from ..domain.people import Guid
from ..domain.sessions import SESSION_LASTS, EndedSessions
from .cookies import VALUE_LIMIT, Cookie, Cookies
from .sealing import KeyPurpose, Seal

IDLE: Final = timedelta(hours=1)
ROLES_HOLD: Final = timedelta(hours=1)
"""After this time the provider is asked again who the person is."""
NOTED_EVERY: Final = timedelta(minutes=5)
"""The interval at which a session's last use is updated in its cookie."""
ASKED_EVERY: Final = timedelta(minutes=1)
"""The interval at which the front looks up whether a reader's sessions were ended elsewhere."""
MOST_RECALLED: Final = 10_000
BROWSER_KEPT: Final = timedelta(days=400)
"""The longest that browsers keep a cookie."""

type Ended = Callable[[str, str], EndedSessions]
"""By tenant and object id: which sessions of the person were ended. Raises `LedgerUnavailable`."""


class EndedSessionCache:
    """Asks at most once a minute for each person who reads pages."""

    def __init__(self, ask: Ended, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._ask, self._monotonic = ask, monotonic
        self._known: dict[tuple[str, str], tuple[float, EndedSessions]] = {}

    def of_person(self, tenant: str, person: str, *, sure: bool) -> EndedSessions:
        """With `sure` it asks in any case. Raises `LedgerUnavailable`."""
        now, who = self._monotonic(), (tenant, person)
        cached = self._known.get(who)
        if cached is not None and not sure and now - cached[0] < ASKED_EVERY.total_seconds():
            return cached[1]
        ended = self._ask(tenant, person)
        if len(self._known) >= MOST_RECALLED:
            self._known.clear()
        self._known[who] = (now, ended)
        return ended


class Session(Record):
    """The content of the cookie. Times are seconds since 1970."""

    v: Literal[1] = 1
    sid: Annotated[str, Field(min_length=16, max_length=64)]
    tid: Guid
    oid: Guid
    name: Annotated[str, Field(max_length=256)]
    """For display only."""
    roles: tuple[str, ...]
    """App roles on the registration of sign-in."""
    groups: tuple[Guid, ...] | None
    """None if the person is in more groups than the token, or the cookie, can hold."""
    browser: str
    """Hash of the browser's id."""
    iat: int
    """When the provider last said who the person is and which roles they have."""
    seen: int
    exp: int
    """The session's end, which renewing does not change."""

    @property
    def began(self) -> datetime:
        """When the person signed in."""
        return datetime.fromtimestamp(self.exp, UTC) - SESSION_LASTS


@dataclass(frozen=True, kw_only=True)
class Sessions:
    """Reads and writes the session of a request. `headers` must be case-insensitive."""

    cookies: Cookies
    seal: Seal
    clock: Clock
    ended: EndedSessionCache

    def read(self, headers: Mapping[str, str], *, sure: bool = False) -> Session | None:
        """The valid session, if there is one; `sure` looks up at once whether it was ended elsewhere. Raises
        `KeysUnavailable`, `LedgerUnavailable`."""
        content = self.seal.open(KeyPurpose.SESSION, self.cookies.read(headers, Cookie.SESSION))
        if content is None:
            return None
        try:
            session = Session.model_validate_json(content)
        except ValidationError:
            return None
        return session if self._in_force(session, headers, sure=sure) else None

    def _in_force(self, session: Session, headers: Mapping[str, str], *, sure: bool) -> bool:
        now = self._now()
        browser = self.cookies.read(headers, Cookie.BROWSER)
        if now >= session.exp or now - session.seen >= IDLE.total_seconds() or session.browser != hashed(browser):
            return False
        return not self.ended.of_person(session.tid, session.oid, sure=sure).is_over(session.sid, session.began)

    def is_stale(self, session: Session) -> bool:
        """Whether the roles are too old for showing a page."""
        return self._now() - session.iat >= ROLES_HOLD.total_seconds()

    def begin(self, person: TokenPerson, *, browser: str, renews: Session | None = None) -> tuple[Session, str]:
        """A session, and the `Set-Cookie` header that keeps it. `renews` is the same person's session whose roles were
        asked for again: the new session keeps its id, so that forms in other tabs stay valid, and its end."""
        now = self._now()
        session = Session(
            sid=renews.sid if renews else secrets.token_urlsafe(18),
            tid=person.tenant,
            oid=person.oid,
            name=person.name,
            roles=person.roles,
            groups=person.groups,
            browser=hashed(browser),
            iat=now,
            seen=now,
            exp=renews.exp if renews else now + int(SESSION_LASTS.total_seconds()),
        )
        sealed = self._sealed(session)
        if len(sealed) > VALUE_LIMIT:
            # Hundreds of groups: better unknown than in a cookie that the browser silently drops.
            session = session.evolve(groups=None)
            sealed = self._sealed(session)
        return session, self._cookie(session, sealed)

    def cookie_noting_use(self, session: Session) -> str | None:
        """The `Set-Cookie` header that notes the use, if that is due."""
        now = self._now()
        if now - session.seen < NOTED_EVERY.total_seconds():
            return None
        session = session.evolve(seen=now)
        return self._cookie(session, self._sealed(session))

    def end(self) -> str:
        """The `Set-Cookie` header that ends the session in this browser."""
        return self.cookies.drop(Cookie.SESSION)

    def browser(self, headers: Mapping[str, str]) -> tuple[str, str | None]:
        """The browser's id, and the `Set-Cookie` header that gives it one if it has none."""
        if browser_id := self.cookies.read(headers, Cookie.BROWSER):
            return browser_id, None
        made = secrets.token_urlsafe(24)
        return made, self.cookies.keep(Cookie.BROWSER, made, BROWSER_KEPT)

    def _sealed(self, session: Session) -> str:
        return self.seal.close(KeyPurpose.SESSION, session.model_dump_json().encode())

    def _cookie(self, session: Session, sealed: str) -> str:
        return self.cookies.keep(Cookie.SESSION, sealed, timedelta(seconds=session.exp - self._now()))

    def _now(self) -> int:
        return int(self.clock().timestamp())


def hashed(browser: str) -> str:
    """The form in which a browser's id is stored."""
    return hashlib.sha256(browser.encode()).hexdigest()

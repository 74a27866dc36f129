"""The parts that face people: callers, sign-in, and the way of people's statements to the worker."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..commands.foreseeing import Foresight
from ..commands.saying import InboxWriter
from ..domain.signing import FixedKeys
from ..engine.links import Links
from ..http.callers import Access
from ..http.cookies import Cookies
from ..http.forms import FormTokens
from ..http.places import home_of, is_page
from ..http.saying import Saying
from ..http.sealing import Seal
from ..http.sessions import EndedSessionCache, Sessions
from ..http.signing_in import SignIn
from ..queries.health import LedgerHealth
from .changed import Catalogued
from .lazy import lazy

if TYPE_CHECKING:
    from ..commands.submitting import Submitting


@dataclass(frozen=True)
class Facing(Catalogued):
    """Callers, sessions, and statements."""

    @lazy
    def submitting(self) -> "Submitting":
        from ..commands.submitting import Submitting

        return Submitting(sorting=self.sorting, writer=self.inbox_writer, incoming=lambda: self.incoming)

    @lazy
    def access(self) -> Access:
        return Access(
            tokens=self.ports.access_tokens(),
            clock=self.clock,
            host_keys=self.settings.api_access == "host-keys",
            keys={name: key.sha256 for name, key in self.settings.api_keys.items()},
        )

    @lazy
    def health(self) -> LedgerHealth:
        return LedgerHealth(self.ledger, lambda: sorted(self.catalogue.entries), self.clock)

    @lazy
    def links(self) -> Links:
        return Links(base=self.settings.public_url, signer=self.signer)

    @lazy
    def seal(self) -> Seal:
        keys = {kid: key.get_secret_value() for kid, key in self.settings.session_keys.items()}
        return Seal(FixedKeys(keys))

    @lazy
    def forms(self) -> FormTokens:
        return FormTokens(seal=self.seal)

    @lazy
    def sessions(self) -> Sessions:
        return Sessions(
            cookies=Cookies(self.settings.public_url),
            seal=self.seal,
            clock=self.clock,
            ended=EndedSessionCache(self.signed_out.of),
        )

    @lazy
    def sign_in(self) -> SignIn:
        return SignIn(
            provider=self.ports.provider(),
            sessions=self.sessions,
            seal=self.seal,
            clock=self.clock,
            public_url=self.settings.public_url,
            is_page=is_page,
        )

    @lazy
    def inbox_writer(self) -> InboxWriter:
        return InboxWriter(
            inbox=self.inbox,
            bus=self.bus,
            reader=self.reader,
            installation=self.settings.installation_name,
            clock=self.clock,
        )

    @lazy
    def foresight(self) -> Foresight:
        return Foresight(reader=self.reader, inbox=self.inbox, clock=self.clock)

    @lazy
    def saying(self) -> Saying:
        return Saying(
            provider=self.ports.votes(),
            challenges=self.challenges,
            sender=self.inbox_writer,
            home=home_of,
            clock=self.clock,
        )

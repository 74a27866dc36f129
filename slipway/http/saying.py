"""How a person proves a statement: from the button to the identity provider, and back into the inbox.

The statement is kept as a challenge, and its hash goes to the provider as the nonce of a sign-in. The return is a GET,
which a browser may repeat (Back, reload, a restored tab), which a stranger may try, and which comes once for each tab.
So a challenge is answered once, in the browser in which it was made, and every repeat leads to the same place.

No decision is made here: the worker verifies the proof again, from the inbox row alone.
"""

import logging
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Final, Literal, Protocol
from urllib.parse import quote

from ..clock import Clock
from ..domain.challenge import Challenge, Pending, UsedChallenge, browser_hash
from ..domain.changing import ComparedSubject
from ..domain.commands import FRESH
from ..domain.identity import CannotVerify, IdentityRefused, IdToken, Verdict, VerifiedToken
from ..domain.inbox import InboxId, InboxKind, InboxRow, Speaker, Via, inbox_id
from ..domain.proof import Proof, claimed_person, freshness
from ..domain.rules import not_passed
from ..domain.statement import (
    SALT_BYTES,
    CatalogueStatement,
    ChangeVoteStatement,
    CommandStatement,
    Statement,
    salt_of,
)

log = logging.getLogger(__name__)

BACK: Final = "/say/back"
"""The path to which the provider leads back: the redirect URI of the votes' registration."""
INSTALLATION: Final = "_installation"
SENT: Final = "/said"
"""The pages on which a person waits for the answer to their statement."""
_STATE: Final = re.compile(r"[0-9]{8}-[A-Za-z0-9_-]{43}")
LONGEST_CODE: Final = 4096


class VotesProvider(Protocol):
    """The registration of the votes (`effects/identity/provider.py`)."""

    def address(
        self,
        *,
        state: str,
        nonce: str,
        verifier: str,
        fresh: timedelta | None = None,
        prompt: Literal["login"] | None = None,
    ) -> str | CannotVerify: ...
    def redeem(self, code: str, verifier: str) -> Verdict[str]: ...
    def verify(self, token: str, *, nonce: str, at: datetime) -> Verdict[IdToken]: ...


class ChallengeTable(Protocol):
    """The table of statements on their way through the identity provider (`ledger/challenges.py`)."""

    def add(self, state: str, challenge: Challenge) -> None: ...
    def find(self, state: str) -> Challenge | None: ...
    def used(self, state: str) -> UsedChallenge | None: ...
    def mark(self, state: str, used: UsedChallenge) -> UsedChallenge:
        """The mark that is now in force: this one, or an earlier one."""
        ...

    def add_pending(self, handle: str, pending: Pending) -> None: ...
    def pending(self, handle: str) -> Pending | None: ...
    def mark_confirmed(self, handle: str, used: UsedChallenge) -> UsedChallenge:
        """As `mark`."""
        ...

    def confirmed(self, handle: str) -> UsedChallenge | None: ...


class Sender(Protocol):
    """Adds statements to the inbox and wakes the worker (`commands/saying.py`)."""

    def say(self, partition: str, row: InboxRow, *, id: str = "") -> object: ...


@dataclass(frozen=True, kw_only=True)
class ProviderRedirect:
    """Send the browser to this address."""

    to: str


class WhyNothingSent(Enum):
    """Why no statement was made in the person's name."""

    status: int
    """The status in HTTP."""
    sentence: str

    def __init__(self, status: int, sentence: str) -> None:
        self.status, self.sentence = status, sentence

    UNKNOWN = 404, "This address is not known here, or it is more than a day old."
    ELSEWHERE = 403, "It was begun in another browser, and can only be finished there."
    TOO_LATE = 410, "More than a quarter of an hour passed before you came back."
    CANCELLED = 200, "You cancelled the sign-in."
    FAILED = 502, "The identity provider ended the sign-in with an error."
    INCOMPLETE = 400, "The identity provider's answer is incomplete."
    REFUSED = 403, "The identity provider's answer does not belong to what you were confirming."
    SOMEBODY_ELSE = 403, "The person who signed in there is not the one who pressed the button here."
    DECLINED = 410, "Somebody has said no to it meanwhile."
    AWAY = 503, "The identity provider does not answer at the moment, or its answer cannot be checked."


class Declined(Exception):  # noqa: N818 - it is an answer
    """A person said no to a pending statement, so that nobody can confirm it any more."""


@dataclass(frozen=True, kw_only=True)
class NothingSent:
    """No statement was made in the person's name; the page says why, and leads back to where they can try again."""

    why: WhyNothingSent
    back: str = "/"
    """Path of the page with the button."""


@dataclass(frozen=True, kw_only=True)
class Saying:
    """Takes statements with a proof. Its methods raise `LedgerUnavailable`, and can be repeated without harm."""

    provider: VotesProvider
    challenges: ChallengeTable
    sender: Sender
    home: Callable[[Statement], str]
    """Path of the page on which a statement is made."""
    clock: Clock
    random: Callable[[int], bytes] = secrets.token_bytes

    def begin(
        self,
        statement: Statement,
        *,
        browser: str,
        person: str,
        fresh: timedelta | None,
        via: Via = Via.PAGE,
        again: bool = False,
        pending: str = "",
        content: tuple[str, ...] = (),
    ) -> ProviderRedirect | NothingSent:
        """Keep the statement and lead the person to the provider. `browser` is the id in the browser's cookie, `person`
        the object id of the person who pressed the button."""
        now = self.clock()
        state, verifier = f"{now:%Y%m%d}-{secrets.token_urlsafe(32)}", secrets.token_urlsafe(32)
        address = self.provider.address(
            state=state, nonce=statement.nonce, verifier=verifier, fresh=fresh, prompt="login" if again else None
        )
        if isinstance(address, CannotVerify):
            log.warning("nobody can prove what they say: %s", address.why)
            return NothingSent(why=WhyNothingSent.AWAY, back=self.home(statement))
        challenge = Challenge(
            statement=statement,
            browser=browser_hash(browser),
            person=person,
            verifier=verifier,
            made_at=now,
            again=again,
            via=via,
            fresh=fresh,
            pending=pending,
            content=content,
        )
        self.challenges.add(state, challenge)
        return ProviderRedirect(to=address)

    # ---- statements that wait for a person to confirm them
    def keep_pending(
        self,
        statement: CommandStatement | CatalogueStatement | ChangeVoteStatement,
        via: Via,
        *,
        content: tuple[str, ...] = (),
        compared: tuple[ComparedSubject, ...] = (),
        asks: tuple[str, ...] = (),
        fresh: timedelta | None = FRESH,
    ) -> str:
        """Keep a statement that lets something through until a person confirms it. Returns the handle that leads to
        it."""
        now = self.clock()
        handle = f"{now:%Y%m%d}-{secrets.token_urlsafe(32)}"
        pending = Pending(
            statement=statement, made_at=now, via=via, content=content, compared=compared, asks=asks, fresh=fresh
        )
        self.challenges.add_pending(handle, pending)
        return handle

    def pending(self, handle: str) -> Pending | None:
        """The pending statement; None if there is none, or if it has waited too long."""
        pending = self.challenges.pending(handle) if _STATE.fullmatch(handle) else None
        return pending if pending is not None and pending.in_time(self.clock()) else None

    def confirmed(self, handle: str) -> tuple[str, str] | None:
        """Partition and id of the inbox row with the statement; None while nobody has confirmed it. Raises
        `Declined`."""
        used = self.challenges.confirmed(handle) if _STATE.fullmatch(handle) else None
        if used is not None and used.inbox is None:
            raise Declined
        pending = self.challenges.pending(handle) if used else None
        return (partition_of(pending.statement), used.inbox) if pending and used and used.inbox else None

    def decline(self, handle: str) -> None:
        """Note that a person said no. A statement that was confirmed before stays confirmed."""
        self.challenges.mark_confirmed(handle, UsedChallenge(inbox=None, at=self.clock()))

    def confirm(self, handle: str, pending: Pending, *, browser: str, person: str) -> ProviderRedirect | NothingSent:
        """Lead the person who pressed the button to the provider, with the statement that they have read."""
        statement = pending.statement.evolve(salt=salt_of(self.random(SALT_BYTES)))
        return self.begin(
            statement,
            browser=browser,
            person=person,
            fresh=pending.fresh,
            via=pending.via,
            pending=handle,
            content=pending.content,
        )

    def handle_return(self, *, state: str, code: str, error: str, browser: str) -> ProviderRedirect | NothingSent:
        """Handle the return from the provider. `browser` is the id in the browser's cookie; empty if it sent none."""
        challenge = self.challenges.find(state) if _STATE.fullmatch(state) else None
        if challenge is None:
            return NothingSent(why=WhyNothingSent.UNKNOWN)
        if not browser or browser_hash(browser) != challenge.browser:
            return NothingSent(why=WhyNothingSent.ELSEWHERE)
        if used := self.challenges.used(state):
            return self._follow(challenge, used.inbox)
        home = self.home(challenge.statement)
        if not challenge.in_time(self.clock()):
            return NothingSent(why=WhyNothingSent.TOO_LATE, back=home)
        if error:
            return NothingSent(
                why=WhyNothingSent.CANCELLED if error == "access_denied" else WhyNothingSent.FAILED, back=home
            )
        if not 0 < len(code) <= LONGEST_CODE:
            return NothingSent(why=WhyNothingSent.INCOMPLETE, back=home)
        return self._redeem(state, code, challenge, browser)

    def _redeem(self, state: str, code: str, challenge: Challenge, browser: str) -> ProviderRedirect | NothingSent:
        """The code can be redeemed only once, so the mark comes first: if two returns come at once, one of them goes
        on."""
        now = self.clock()
        mine = inbox_id(now, self.random(8))
        used = self.challenges.mark(state, UsedChallenge(inbox=mine, at=now))
        if used.inbox != mine:
            return self._follow(challenge, used.inbox)
        home = self.home(challenge.statement)
        match self.provider.redeem(code, challenge.verifier):
            case VerifiedToken(value=token):
                return self._send(token, challenge, mine, browser)
            case IdentityRefused(why=why):
                log.warning("a code was not redeemed: %s", why)
                return NothingSent(why=WhyNothingSent.REFUSED, back=home)
            case CannotVerify(why=why):
                log.warning("a code could not be redeemed: %s", why)
                return NothingSent(why=WhyNothingSent.AWAY, back=home)

    def _send(self, token: str, challenge: Challenge, mine: InboxId, browser: str) -> ProviderRedirect | NothingSent:
        statement = challenge.statement
        verdict = self.provider.verify(token, nonce=statement.nonce, at=self.clock())
        if isinstance(verdict, IdentityRefused):
            log.warning("an ID token was refused: %s", verdict.why)
            return NothingSent(why=WhyNothingSent.REFUSED, back=self.home(statement))
        if (who := claimed_person(token)) != challenge.person:
            log.warning("%s signed in for what %s says", who, challenge.person)
            return NothingSent(why=WhyNothingSent.SOMEBODY_ELSE, back=self.home(statement))
        if isinstance(verdict, CannotVerify):
            log.warning("an ID token cannot be verified here, the worker will try: %s", verdict.why)
        elif not challenge.again and not_passed(freshness(verdict.value, self.clock(), challenge.fresh)):
            # The provider let an older sign-in pass, or is not set up to send `auth_time`: ask once more, with the
            # credential.
            return self.begin(
                statement,
                browser=browser,
                person=challenge.person,
                fresh=challenge.fresh,
                via=challenge.via,
                again=True,
                pending=challenge.pending,
                content=challenge.content,
            )
        if challenge.pending:
            confirmed = self.challenges.mark_confirmed(challenge.pending, UsedChallenge(inbox=mine, at=self.clock()))
            if confirmed.inbox != mine:  # the pending statement was confirmed before, and is made only once
                return self._follow(challenge, confirmed.inbox)
        row = InboxRow(
            kind=InboxKind(statement.kind),
            proof=Proof(statement=statement, id_token=token),
            speaker=_speaker(verdict, challenge.via),
            content=challenge.content,
        )
        self.sender.say(partition_of(statement), row, id=mine)
        return self._follow(challenge, mine)

    def _follow(self, challenge: Challenge, row: InboxId | None) -> ProviderRedirect | NothingSent:
        if row is None:
            return NothingSent(why=WhyNothingSent.DECLINED, back=self.home(challenge.statement))
        return ProviderRedirect(to=f"{SENT}/{quote(partition_of(challenge.statement))}/{row}")


def partition_of(statement: Statement) -> str:
    """The inbox's partition for the statement: its application, or the whole installation."""
    if isinstance(statement, CatalogueStatement | ChangeVoteStatement):
        return INSTALLATION
    return statement.application or INSTALLATION


def _speaker(verdict: VerifiedToken[IdToken] | CannotVerify, via: Via) -> Speaker:
    if isinstance(verdict, CannotVerify):
        return Speaker(via=via)
    person = verdict.value.person
    return Speaker(tid=person.tenant, oid=person.oid, roles=person.roles, via=via)

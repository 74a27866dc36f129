"""The proof of who said something: the statement, and an ID token whose nonce is the statement's hash.

`judge_times` has the rules about times. Their only clock is the time at which the table service received the inbox row;
neither a front's clock nor the challenge's time proves anything.
"""

import base64
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, Literal, Protocol

from pydantic import Field

from ..strict_json import strictly
from ..text import exact_moment
from .identity import TOKEN_LIMIT
from .model import Digest, Record, Timestamp, canonical, sha256
from .people import Guid
from .rules import Rule, RuleResult
from .statement import StoredStatement

BACK_DATED: Final = timedelta(minutes=5)
"""How far a provider may date a token back: Entra does so."""
OLDEST: Final = BACK_DATED + timedelta(minutes=5)
"""The longest time between a token's issue and its row."""
AHEAD: Final = timedelta(minutes=1)
"""How much later than its row a token may be dated, since the issuer's clock may be ahead."""
TOLERANCE: Final = timedelta(minutes=2)
"""Added to the age of a sign-in that a gate allows: for the way back from the provider, and for differences of
clocks."""


_BEGINS: Final = b'{"id_token":'
"""The beginning of the canonical form of a kept proof; no other kept document begins so."""
_NEVER: Final = datetime.max.replace(tzinfo=UTC)


class Proof(Record):
    """A statement and the signed ID token of the person who made it."""

    v: Literal[1] = 1
    statement: StoredStatement
    id_token: Annotated[str, Field(min_length=1, max_length=TOKEN_LIMIT, repr=False)]
    """A credential for the votes' client until it expires: until then it appears on no page, and never in a log."""


class KeptProof(Proof):
    """A proof as it is kept: all that somebody needs to verify it, years later and without us."""

    issuer: Annotated[str, Field(max_length=1024)]
    keys: Digest
    """The published key set of the issuer that verified the signature; it is kept, too."""

    @property
    def canonical(self) -> bytes:
        return canonical(self.model_dump(mode="json", exclude_none=True))

    @property
    def hash(self) -> str:
        return sha256(self.canonical)


def hidden_until(document: bytes) -> datetime | None:
    """When readers may see a stored document. None if it holds no proof. If the proof's token has no readable time: the
    last possible moment, which means never."""
    if not document.startswith(_BEGINS):
        return None
    try:
        expires = _claims(KeptProof.model_validate_json(document).id_token).get("exp")
        return datetime.fromtimestamp(expires, UTC) if isinstance(expires, int) else _NEVER
    except (ValueError, OverflowError, OSError):
        return _NEVER


def claimed_person(token: str) -> str:
    """The object id that an ID token names, even if the provider did not sign it; empty if it names none."""
    try:
        return str(_claims(token).get("oid", "")).casefold()
    except ValueError:
        return ""


def _claims(token: str) -> dict[str, Any]:
    """The claims of a token, unverified. Raises `ValueError`."""
    payload = token.partition(".")[2].partition(".")[0]
    claims = strictly(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return claims if isinstance(claims, dict) else {}


class SignInTimes(Protocol):
    """The times in a verified token."""

    @property
    def issued_at(self) -> datetime: ...
    @property
    def expires_at(self) -> datetime: ...
    @property
    def authenticated_at(self) -> datetime | None:
        """When the person last gave their credential; None if the token does not say."""
        ...


class ProofFacts(Record):
    """The facts that a valid proof adds to a statement: its author, and when they signed in to make it."""

    proof: Digest
    """Hash of the kept proof."""
    statement: StoredStatement
    tenant: Guid
    issued_at: Timestamp
    expires_at: Timestamp
    authenticated_at: Timestamp | None


def judge_times(times: SignInTimes, received_at: datetime, fresh: timedelta | None) -> tuple[RuleResult, ...]:
    """The rules of time that a verified token must meet to prove a statement.

    `received_at` is the time of the inbox row; `fresh`, if given, is the greatest age of the credential.
    """
    return (Rule.PROOF_IS_IN_TIME.judged(*_in_time(times, received_at)), *freshness(times, received_at, fresh))


def _in_time(times: SignInTimes, received_at: datetime) -> tuple[bool, str]:
    came = f"received at {exact_moment(received_at)}"
    if received_at >= times.expires_at:
        return False, f"the sign-in had expired at {exact_moment(times.expires_at)}, {came}"
    if times.issued_at < received_at - OLDEST:
        return (
            False,
            f"the sign-in is from {exact_moment(times.issued_at)}, more than {_minutes(OLDEST)} before it was {came}",
        )
    if times.issued_at > received_at + AHEAD:
        return False, f"the sign-in is from {exact_moment(times.issued_at)}, later than it was {came}"
    return True, f"the sign-in is from {exact_moment(times.issued_at)}, {came}"


def freshness(times: SignInTimes, received_at: datetime, fresh: timedelta | None) -> tuple[RuleResult, ...]:
    """Whether the person gave their credential as recently as is required; no rule if nothing is required."""
    if fresh is None:
        return ()
    demand = f"a sign-in within the last {_minutes(fresh)} is required"
    if times.authenticated_at is None:
        return (Rule.SIGN_IN_IS_FRESH.fails(f"{demand}, and the token does not say when it was (auth_time)"),)
    is_fresh = times.authenticated_at >= received_at - fresh - TOLERANCE
    return (Rule.SIGN_IN_IS_FRESH.judged(is_fresh, f"{demand}, it was at {exact_moment(times.authenticated_at)}"),)


def _minutes(time: timedelta) -> str:
    minutes = time.total_seconds() / 60
    return f"{minutes:.0f} min" if minutes >= 1 else f"{time.total_seconds():.0f} s"

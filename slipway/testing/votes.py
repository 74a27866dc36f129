"""The identity provider in memory, for votes: the person at its page, and codes that can be redeemed once."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from ..domain.identity import CannotVerify, IdentityRefused, IdToken, TokenPerson, Verdict, VerifiedToken
from ..effects.identity import IdTokens
from .identity import MemoryIssuer
from .sign_in import VOTES_CLIENT


@dataclass
class MemoryVotes:
    """Sends people to an address, and redeems each code once, for the request that it belongs to."""

    issuer: MemoryIssuer
    clock: Callable[[], datetime]
    away: bool = False
    pending: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Nonce and verifier by `state`."""
    codes: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Token and verifier by code."""

    def address(
        self, *, state: str, nonce: str, verifier: str, fresh: timedelta | None = None, prompt: str | None = None
    ) -> str | CannotVerify:
        if self.away:
            return CannotVerify(why="the provider is away")
        self.pending[state] = (nonce, verifier)
        fields = {"state": state, "prompt": prompt, "max_age": None if fresh is None else int(fresh.total_seconds())}
        query = urlencode({name: value for name, value in fields.items() if value is not None})
        return f"{self.issuer.url}/authorize?{query}"

    def signs_in(
        self, address: str, who: TokenPerson, *, ago: timedelta = timedelta(0), **claims: Any
    ) -> tuple[str, str]:
        """A person signs in at the address: returns `state` and `code` of their return. `ago` is how old the sign-in
        is; `claims` adds claims to the token or replaces them."""
        state = parse_qs(urlsplit(address).query)["state"][0]
        nonce, verifier = self.pending[state]
        token_claims: dict[str, Any] = {"nonce": nonce, "auth_time": int((self.clock() - ago).timestamp())} | claims
        token = self.issuer.id_token(VOTES_CLIENT, who, at=self.clock(), **token_claims)
        code = f"code-{len(self.codes)}-{state}"
        self.codes[code] = (token, verifier)
        return state, code

    def redeem(self, code: str, verifier: str) -> Verdict[str]:
        if self.away:
            return CannotVerify(why="the provider is away")
        token, expected = self.codes.pop(code, ("", ""))
        return (
            VerifiedToken(value=token)
            if token and verifier == expected
            else IdentityRefused(why="the code is unknown, used, or of another sign-in")
        )

    def verify(self, token: str, *, nonce: str, at: datetime) -> Verdict[IdToken]:
        return IdTokens(self.issuer, VOTES_CLIENT).verify(token, nonce=nonce, at=at)

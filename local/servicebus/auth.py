"""Who may attach: tokens put on `$cbs`, and the grants that they give to one connection.

A SAS token is checked as by the service: the name of the key must be among the rules of its queue or of the namespace;
signature and expiry must be valid; and the resource for which it was signed must cover the entity. Sending needs one
claim; receiving and peeking another. A bearer token is compared with that of the settings, as a local stand-in for
Entra.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote_plus

from .errors import Condition, Refusal
from .queues.broker import path_of
from .settings import BusSettings, Claim

_SAS_PREFIX = "SharedAccessSignature "
_MAX_GRANTS = 1000
_FOREVER = float("inf")


ALL_CLAIMS = frozenset(Claim)


@dataclass(frozen=True, kw_only=True)
class TokenClaims:
    """The claims of a valid token."""

    path: str
    """The entity for which it was signed; empty for the namespace."""
    until: float
    claims: frozenset[Claim]


def check_sas(token: str, settings: BusSettings, *, now: float) -> TokenClaims:
    """The claims of a valid token, or a `Refusal` with the fault of an invalid one."""
    fields = dict(parse_qsl(token.removeprefix(_SAS_PREFIX)))
    missing = [name for name in ("sr", "sig", "se", "skn") if name not in fields]
    if missing:
        raise _invalid(f"the field {missing[0]!r} is missing")
    if not fields["se"].isascii() or not fields["se"].isdigit() or len(fields["se"]) > 12:
        raise _invalid("the expiry 'se' must be a number of seconds")
    path = path_of(fields["sr"])
    key, claims = _rule(settings, path, fields["skn"])
    string_to_sign = f"{quote_plus(fields['sr'])}\n{fields['se']}".encode()
    expected = hmac.digest(key.encode(), string_to_sign, hashlib.sha256)
    try:
        signature = base64.b64decode(fields["sig"], validate=True)
    except (binascii.Error, ValueError):
        signature = b""
    if not hmac.compare_digest(signature, expected):
        raise _invalid("the signature is wrong")
    if int(fields["se"]) <= now:
        raise _invalid("it has expired")
    return TokenClaims(path=path, until=float(fields["se"]), claims=claims)


def _rule(settings: BusSettings, path: str, name: str) -> tuple[str, frozenset[Claim]]:
    """Key and claims of the rule with this name: of the path's queue, or else of the namespace."""
    for queue in settings.queues:
        if _covers(queue.name.casefold(), path):
            for rule in queue.rules:
                if rule.name == name:
                    return rule.key.get_secret_value(), rule.claims
    if name != settings.key_name:
        raise _invalid("there is no key of this name")
    return settings.key.get_secret_value(), ALL_CLAIMS


class Grants:
    """The entities for which one connection has presented tokens."""

    def __init__(self, settings: BusSettings, now: Callable[[], float]) -> None:
        self._settings = settings
        self._now = now
        self._tokens: dict[str, TokenClaims] = {}

    def put(self, *, token: str, audience: str) -> None:
        """Accept a token for an entity, or refuse it."""
        path = path_of(audience)
        if token.startswith(_SAS_PREFIX):
            signed = check_sas(token, self._settings, now=self._now())
            if not _covers(signed.path, path):
                raise _invalid("it was signed for another entity")
        else:
            self._check_bearer(token)
            signed = TokenClaims(path=path, until=_FOREVER, claims=ALL_CLAIMS)
        if path not in self._tokens and len(self._tokens) >= _MAX_GRANTS:
            raise _invalid(f"this connection has presented {_MAX_GRANTS} tokens already")
        self._tokens[path] = signed

    def check(self, path: str, claim: Claim | None = None) -> None:
        """Refuse unless a valid token covers the path and holds the claim; with None, any claim will do."""
        now = self._now()
        valid = [token for granted, token in self._tokens.items() if token.until > now and _covers(granted, path)]
        if not valid:
            raise Refusal(
                Condition.UNAUTHORIZED,
                f"Unauthorized access to '{path:.260}': this connection has presented no valid token for it.",
            )
        if claim is not None and not any(claim in token.claims for token in valid):
            raise Refusal(
                Condition.UNAUTHORIZED,
                f"Unauthorized access. '{claim.capitalize()}' claim(s) are required to perform this operation. "
                f"Resource: '{path:.260}'.",
            )

    def _check_bearer(self, token: str) -> None:
        accepted = self._settings.bearer_token
        if accepted is None:
            raise _invalid("this bus accepts shared access signatures only")
        if not hmac.compare_digest(token.encode(), accepted.get_secret_value().encode()):
            raise _invalid("it is not the bearer token of this bus")


def _covers(granted: str, path: str) -> bool:
    return not granted or path == granted or path.startswith(granted + "/")


def _invalid(why: str) -> Refusal:
    return Refusal(Condition.UNAUTHORIZED, f"InvalidToken: the token is refused: {why}.")

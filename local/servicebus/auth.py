"""Who may attach to what: tokens put on `$cbs`, and what they grant to one connection.

A SAS token is checked as the service does: name of the key, signature, expiry, and that the resource it was signed
for covers the entity. A bearer token is compared with the one in the settings; it is a local stand-in for Entra.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable
from urllib.parse import parse_qsl, quote_plus

from .errors import Condition, Refusal
from .queues.broker import path_of
from .settings import BusSettings

_SAS_PREFIX = "SharedAccessSignature "
_MAX_GRANTS = 1000
_FOREVER = float("inf")


def check_sas(token: str, *, key_name: str, key: str, now: float) -> tuple[str, float]:
    """The path a valid token was signed for, and when it expires; a `Refusal` that says what is wrong with another."""
    fields = dict(parse_qsl(token.removeprefix(_SAS_PREFIX)))
    missing = [name for name in ("sr", "sig", "se", "skn") if name not in fields]
    if missing:
        raise _invalid(f"the field {missing[0]!r} is missing")
    if not fields["se"].isascii() or not fields["se"].isdigit() or len(fields["se"]) > 12:
        raise _invalid("the expiry 'se' must be a number of seconds")
    if fields["skn"] != key_name:
        raise _invalid("there is no key of this name")
    signed = f"{quote_plus(fields['sr'])}\n{fields['se']}".encode()
    expected = hmac.digest(key.encode(), signed, hashlib.sha256)
    try:
        came = base64.b64decode(fields["sig"], validate=True)
    except (binascii.Error, ValueError):
        came = b""
    if not hmac.compare_digest(came, expected):
        raise _invalid("the signature does not fit")
    if int(fields["se"]) <= now:
        raise _invalid("it has expired")
    return path_of(fields["sr"]), float(fields["se"])


class Grants:
    """What one connection has shown tokens for."""

    def __init__(self, settings: BusSettings, now: Callable[[], float]) -> None:
        self._settings = settings
        self._now = now
        self._until: dict[str, float] = {}

    def put(self, *, token: str, audience: str) -> None:
        """Take a token for an entity, or refuse it."""
        path = path_of(audience)
        if token.startswith(_SAS_PREFIX):
            key = self._settings.key.get_secret_value()
            signed, until = check_sas(token, key_name=self._settings.key_name, key=key, now=self._now())
            if not _covers(signed, path):
                raise _invalid("it was signed for another entity")
        else:
            self._check_bearer(token)
            until = _FOREVER
        if path not in self._until and len(self._until) >= _MAX_GRANTS:
            raise _invalid(f"this connection has shown {_MAX_GRANTS} tokens already")
        self._until[path] = until

    def check(self, path: str) -> None:
        """Refuse unless a token that is still valid covers the path."""
        now = self._now()
        if not any(until > now and _covers(granted, path) for granted, until in self._until.items()):
            raise Refusal(
                Condition.UNAUTHORIZED,
                f"Unauthorized access to '{path:.260}': this connection has shown no valid token for it.",
            )

    def _check_bearer(self, token: str) -> None:
        accepted = self._settings.bearer_token
        if accepted is None:
            raise _invalid("this bus takes shared access signatures only")
        if not hmac.compare_digest(token.encode(), accepted.get_secret_value().encode()):
            raise _invalid("it is not the bearer token of this bus")


def _covers(granted: str, path: str) -> bool:
    return not granted or path == granted or path.startswith(granted + "/")


def _invalid(why: str) -> Refusal:
    return Refusal(Condition.UNAUTHORIZED, f"InvalidToken: the token is refused: {why}.")

"""Signing keys as text, and their rotation: a new key signs, those before it go on verifying until they are retired.

The text is `id:base64,id:base64` (or one a line): the first one signs. It is what the setting holds, or a file.
"""

import base64
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from .tokens import KEY_BYTES

ID_PATTERN = r"[A-Za-z0-9._-]{1,40}"
VAULT_SECRET = "slipway-signing-key"  # noqa: S105 - its name
"""The secret in Key Vault whose versions are the keys, each as base64."""
MOST = 5
"""Keys that may be live at once. Two are, where the time between rotations is longer than links live."""
LINKS_LIVE = timedelta(days=60)
"""How long links of a key that signs no more are kept good: a gate's deadline of up to a month, and the 30 days after
it in which a link explains itself."""
_DAY = re.compile(r"(\d{8})(?:-\d+)?")
_NEVER = datetime.min.replace(tzinfo=UTC)


def parse_keys(text: str) -> dict[str, bytes]:
    """ValueError tells what is wrong by its place in the list, and never repeats a key."""
    keys: dict[str, bytes] = {}
    for position, item in enumerate(filter(None, re.split(r"[,\s]+", text)), start=1):
        key_id, colon, encoded = item.partition(":")
        if not colon or not re.fullmatch(ID_PATTERN, key_id):
            raise ValueError(f"item {position}: expected id:base64, the id of at most 40 letters, digits, dots, dashes")
        if key_id in keys:
            raise ValueError(f"item {position}: expected another id, got that of an item before it")
        keys[key_id] = decode_key(encoded, f"item {position}: expected base64 after the colon", f"item {position}")
    return keys


def decode_key(encoded: str, not_base64: str, where: str) -> bytes:
    """One key. ValueError with the given words."""
    try:
        key = base64.b64decode(encoded, validate=True)
    except ValueError:
        raise ValueError(not_base64) from None
    if len(key) < KEY_BYTES:
        raise ValueError(f"{where}: expected a key of at least {KEY_BYTES} bytes, got {len(key)}")
    return key


def format_keys(keys: Mapping[str, bytes], *, separator: str = ",") -> str:
    return separator.join(f"{key_id}:{base64.b64encode(key).decode()}" for key_id, key in keys.items())


def new_id(taken: Iterable[str], *, now: datetime) -> str:
    """Named by the day, which `made_on` reads again."""
    known, day = set(taken), f"{now:%Y%m%d}"
    names = (day, *(f"{day}-{number}" for number in range(2, len(known) + 3)))
    return next(name for name in names if name not in known)


def made_on(key_id: str) -> datetime | None:
    """The day that a key of a file was made, as its name says; nothing where people named it."""
    match = _DAY.fullmatch(key_id)
    try:
        return datetime.strptime(match[1], "%Y%m%d").replace(tzinfo=UTC) if match else None
    except ValueError:
        return None


@dataclass(frozen=True, kw_only=True)
class LiveKey:
    """A key by its id, without the key."""

    id: str
    made: datetime | None
    """Nothing where it is not known."""


@dataclass(frozen=True, kw_only=True)
class Version:
    """A version of the secret in a vault, as the vault describes it."""

    id: str
    made: datetime | None
    enabled: bool
    not_before: datetime | None = None
    expires: datetime | None = None


def live_versions(versions: Iterable[Version], *, now: datetime) -> list[LiveKey]:
    """Those that may be used now, the newest first, which signs."""
    usable = [
        version
        for version in versions
        if version.enabled
        and (version.not_before or _NEVER) <= now
        and (version.expires is None or now < version.expires)
    ]
    usable.sort(key=lambda version: (version.made or _NEVER, version.id), reverse=True)
    return [LiveKey(id=version.id, made=version.made) for version in usable]


def needed_until(keys: Sequence[LiveKey], position: int) -> datetime | None:
    """When the links of the key in this place are over; nothing for the first one, which signs, and where it is not
    known when the one after it was made. `keys`: the newest first."""
    made = keys[position - 1].made if position else None
    return made + LINKS_LIVE if made else None


def over(keys: Sequence[LiveKey], *, now: datetime) -> tuple[str, ...]:
    """Ids of the keys that no good link can have any more. `keys`: the newest first."""
    untils = ((key.id, needed_until(keys, position)) for position, key in enumerate(keys))
    return tuple(key_id for key_id, until in untils if until is not None and until <= now)

"""Signing keys as text, and their rotation: the newest key signs; older ones still verify until they are retired.

The text is `id:base64,id:base64`, or one key a line; the first key signs. A setting or a file contains it.
"""

import base64
import hashlib
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ..ed25519 import KEY_BYTES
from .signing import RETIRED

ID_PATTERN = r"[A-Za-z0-9._-]{1,40}"
VAULT_SECRET = "slipway-signing-key"  # noqa: S105 - its name
"""The secret in Key Vault whose versions are the keys, each as base64."""
PUBLIC_SECRET = "slipway-public-keys"  # noqa: S105 - its name
"""The vault entry with the public keys, `id:base64,id:base64`: not secret, but kept beside the private keys."""
MOST = 5
"""The most keys that may be live at once. Two suffice if the time between rotations is longer than the life of
links."""
LINKS_LIVE = timedelta(days=60)
"""How long links outlive the rotation of their key: a gate's deadline of up to a month, and the 30 days after it in
which a link still explains itself."""
SIGNED_ANEW = timedelta(hours=26)
"""The time after which all trails end with the signature of a new key: the apps know its public key within a day, and
the timer that signs the ends anew runs every hour."""
_DAY = re.compile(r"(\d{8})(?:-\d+)?")
_NEVER = datetime.min.replace(tzinfo=UTC)


def parse_keys(text: str) -> dict[str, bytes]:
    """Parse `id:base64` items. The ValueError names an item by its position and never quotes a key."""
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
    """Decode one key. Raises ValueError with the given texts."""
    try:
        key = base64.b64decode(encoded, validate=True)
    except ValueError:
        raise ValueError(not_base64) from None
    if len(key) != KEY_BYTES:
        raise ValueError(f"{where}: expected a key of {KEY_BYTES} bytes, got {len(key)}")
    return key


def format_keys(keys: Mapping[str, bytes], *, separator: str = ",") -> str:
    return separator.join(f"{key_id}:{base64.b64encode(key).decode()}" for key_id, key in keys.items())


def with_retired(public: Mapping[str, bytes], keep: Collection[str]) -> dict[str, bytes]:
    """The public keys, with each that is not in `keep` marked as retired."""
    return {id if id in keep else RETIRED + id.removeprefix(RETIRED): key for id, key in public.items()}


def fingerprint(public_key: bytes) -> str:
    """The id of a key without a name: 16 hexadecimal digits of the hash of its public key."""
    return hashlib.sha256(public_key).hexdigest()[:16]


def new_key_id(taken: Iterable[str], *, now: datetime) -> str:
    """A new id, named by the day so that `key_creation_day` can read it back."""
    ids, day = {id.removeprefix(RETIRED) for id in taken}, f"{now:%Y%m%d}"
    names = (day, *(f"{day}-{number}" for number in range(2, len(ids) + 3)))
    return next(name for name in names if name not in ids)


def key_creation_day(key_id: str) -> datetime | None:
    """The day on which a key was made, from its id; None for ids that people chose."""
    match = _DAY.fullmatch(key_id)
    try:
        return datetime.strptime(match[1], "%Y%m%d").replace(tzinfo=UTC) if match else None
    except ValueError:
        return None


@dataclass(frozen=True, kw_only=True)
class LiveKey:
    """A key's id and age, without the key."""

    id: str
    made: datetime | None
    """None if unknown."""


def with_settled_retired(
    public: Mapping[str, bytes], live: Sequence[LiveKey], keep: Collection[str], *, now: datetime
) -> dict[str, bytes]:
    """As `with_retired`, for a rotation. While trails may end with the signature of a key from before the newest of
    `live`, which are newest first, all of them still have to count."""
    made = live[0].made if live else None
    return with_retired(public, keep) if made is not None and now - made >= SIGNED_ANEW else dict(public)


@dataclass(frozen=True, kw_only=True)
class SecretVersion:
    """A version of the secret in a vault, as the vault describes it."""

    id: str
    made: datetime | None
    enabled: bool
    not_before: datetime | None = None
    expires: datetime | None = None


def live_versions(versions: Iterable[SecretVersion], *, now: datetime) -> list[LiveKey]:
    """The keys that may be used now, newest first; the first one signs."""
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
    """When the last link signed with the key at this index expires. None for the first key, which still signs, and if
    the time of its successor is unknown. `keys` are newest first."""
    successor_made = keys[position - 1].made if position else None
    return successor_made + LINKS_LIVE if successor_made else None


def ended_keys(keys: Sequence[LiveKey], *, now: datetime) -> tuple[str, ...]:
    """Ids of the keys that no valid link can use any more. `keys` are newest first."""
    untils = ((key.id, needed_until(keys, position)) for position, key in enumerate(keys))
    return tuple(key_id for key_id, until in untils if until is not None and until <= now)

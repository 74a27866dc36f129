"""Signing keys in a file, for the local stack; their public keys in a file beside it. Each is replaced atomically,
because the app may be reading it.

The newest key comes first; a key is named after the day on which it was created. Public keys stay for good, oldest
first, because records have to be verified as long as they are kept.
"""

import tempfile
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from slipway.domain.keyring import (
    LiveKey,
    format_keys,
    key_creation_day,
    new_key_id,
    parse_keys,
    with_retired,
    with_settled_retired,
)
from slipway.ed25519 import public_key

from .errors import CliError

LIMIT = 64 * 1024


def public_file(path: Path) -> Path:
    """The file of the public keys beside a file of keys."""
    return path.with_name(f"{path.name}.pub")


class SigningKeysFile:
    """One file. Every method raises `CliError`, in which case nothing was changed."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def live(self, *, now: datetime) -> list[LiveKey]:  # noqa: ARG002 - as in a vault, where keys have an end
        """Newest first; empty if there is no file."""
        return [LiveKey(id=key_id, made=key_creation_day(key_id)) for key_id in self._read()]

    def rotate(self, key: bytes, retired: tuple[str, ...], *, now: datetime) -> LiveKey:
        """Add the public key first, so that every signature of the new key can be verified; then put the key itself in
        front, and remove the retired ones. The public keys of those that were removed before are said to be retired,
        once no trail ends with their signature."""
        before, public, live = self._read(), self.public(), self.live(now=now)
        added = LiveKey(id=new_key_id({*before, *public}, now=now), made=now)
        stay = {id: value for id, value in before.items() if id not in retired}
        public = with_settled_retired(public, live, {*stay, *list(before)[:1]}, now=now)
        _write(public_file(self._path), public | {added.id: public_key(key)})
        _write(self._path, {added.id: key} | stay)
        return added

    def retire(self) -> dict[str, bytes]:
        """Say of each public key without its private key that it is retired; all public keys then."""
        public = with_retired(self.public(), self._read())
        _write(public_file(self._path), public)
        return public

    def public(self) -> dict[str, bytes]:
        """The public keys, oldest first."""
        made = {id: public_key(key) for id, key in reversed(self._read().items())}
        return _read(public_file(self._path)) or made

    def _read(self) -> dict[str, bytes]:
        return _read(self._path)


def _read(path: Path) -> dict[str, bytes]:
    try:
        with path.open("rb") as opened:
            return parse_keys(opened.read(LIMIT).decode("ascii"))
    except FileNotFoundError:
        return {}
    except UnicodeDecodeError:
        raise CliError(f"{path}: expected ASCII; nothing was changed") from None
    except ValueError as error:
        raise CliError(f"{path}: {error}; nothing was changed") from None
    except OSError as error:
        raise CliError(f"{path}: cannot be read ({type(error).__name__}); nothing was changed") from None


def _write(path: Path, keys: Mapping[str, bytes]) -> None:
    """Only the owner can read the file, since temporary files are created that way."""
    temporary: Path | None = None
    try:
        with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            temporary = Path(file.name)
            file.write(format_keys(keys, separator="\n") + "\n")
        temporary.replace(path)
    except OSError as error:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        raise CliError(f"{path}: cannot be written ({type(error).__name__})") from None

"""Signing keys in a file, for the local stack. The file is replaced atomically, because the app may be reading it.

The first key signs; a key is named after the day on which it was created.
"""

import tempfile
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from slipway.domain.keyring import LiveKey, format_keys, made_on, new_id, parse_keys

from .errors import CliError

LIMIT = 64 * 1024


class KeysInFile:
    """One file. Every method raises `CliError`, in which case nothing was changed."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def live(self, *, now: datetime) -> list[LiveKey]:  # noqa: ARG002 - as in a vault, where keys have an end
        """Newest first; empty if there is no file."""
        return [LiveKey(id=key_id, made=made_on(key_id)) for key_id in self._read()]

    def rotate(self, key: bytes, retired: tuple[str, ...], *, now: datetime) -> LiveKey:
        """Add the new key in front and remove the retired ones, in one write."""
        before = self._read()
        added = LiveKey(id=new_id(before, now=now), made=now)
        self._write({added.id: key} | {id: value for id, value in before.items() if id not in retired})
        return added

    def _read(self) -> dict[str, bytes]:
        try:
            with self._path.open("rb") as opened:
                return parse_keys(opened.read(LIMIT).decode("ascii"))
        except FileNotFoundError:
            return {}
        except UnicodeDecodeError:
            raise CliError(f"{self._path}: expected ASCII; nothing was changed") from None
        except ValueError as error:
            raise CliError(f"{self._path}: {error}; nothing was changed") from None
        except OSError as error:
            raise CliError(f"{self._path}: cannot be read ({type(error).__name__}); nothing was changed") from None

    def _write(self, keys: Mapping[str, bytes]) -> None:
        """Only the owner can read the file, since temporary files are created that way."""
        temporary: Path | None = None
        try:
            with tempfile.NamedTemporaryFile(
                "w", dir=self._path.parent, prefix=f".{self._path.name}.", delete=False
            ) as file:
                temporary = Path(file.name)
                file.write(format_keys(keys, separator="\n") + "\n")
            temporary.replace(self._path)
        except OSError as error:
            if temporary is not None:
                temporary.unlink(missing_ok=True)
            raise CliError(f"{self._path}: cannot be written ({type(error).__name__}); nothing was changed") from None

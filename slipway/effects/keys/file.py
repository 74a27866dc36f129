"""Signing keys from a file, for use on a laptop. `slipway keys rotate` writes it."""

from collections.abc import Mapping
from pathlib import Path

from ...domain.keyring import parse_keys
from ...domain.signing import KeysUnavailable

LIMIT = 64 * 1024


class KeyFile:
    """One file, read as a whole."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> Mapping[str, bytes]:
        """The keys by id. Raises `KeysUnavailable` if the file cannot be read, and ValueError for invalid content."""
        try:
            with self._path.open("rb") as opened:
                text = opened.read(LIMIT).decode("ascii")
        except OSError as error:
            raise KeysUnavailable(f"{self._path}: cannot be read ({type(error).__name__})") from None
        except UnicodeDecodeError:
            raise ValueError(f"{self._path}: expected ASCII") from None
        return parse_keys(text)

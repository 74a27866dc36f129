"""Plain or gzipped text files, read line by line."""

import gzip
import io
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from .errors import CliError, Exit

GZIP = b"\x1f\x8b"
LONGEST = 16 * 1024 * 1024
"""Characters of one line; a record is far shorter."""


def open_text(file: Path, *, size: int | None = None) -> IO[str]:
    """The file as text with its line ends, or only its first `size` bytes. Raises `CliError`."""
    try:
        raw: IO[bytes] = file.open("rb")
        packed = raw.read(2) == GZIP
        raw.seek(0)
    except OSError as error:
        raise CliError(f"{file}: {error.strerror or type(error).__name__}", exit_code=Exit.USAGE) from error
    if size is not None:
        raw = io.BufferedReader(_FileStart(raw, size))
    unpacked = gzip.GzipFile(fileobj=raw) if packed else raw
    return io.TextIOWrapper(unpacked, encoding="utf-8", newline="")


def lines_of(file: Path, *, size: int | None = None, ends: bool = False) -> Iterator[str]:
    """Its lines, with or without line ends. Raises `CliError` for invalid text or a truncated gzip file."""
    with open_text(file, size=size) as text:
        try:
            while line := text.readline(LONGEST + 1):
                if len(line) > LONGEST:
                    raise CliError(f"{file}: a line is longer than {LONGEST} characters")
                yield line if ends else line.rstrip("\r\n")
        except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
            raise CliError(f"{file}: cannot be read to the end: {error}") from error


class _FileStart(io.RawIOBase):
    """The first bytes of a file."""

    def __init__(self, raw: IO[bytes], size: int) -> None:
        self._raw, self._left = raw, size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "bytearray | memoryview") -> int:  # type: ignore[override]
        chunk = self._raw.read(min(len(buffer), self._left))
        self._left -= len(chunk)
        buffer[: len(chunk)] = chunk
        return len(chunk)

    def close(self) -> None:
        self._raw.close()
        super().close()

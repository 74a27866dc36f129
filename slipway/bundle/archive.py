"""The layer of a bundle: a gzipped tar of manifests. Written so that equal files give equal bytes, read as hostile
input.

The writer fixes order, times, owners, modes and the gzip header, and has an entry for each folder, without which `oras
pull` cannot unpack it. The reader accepts only plain files and folders of POSIX's ustar: no links, no devices, and none
of the extended headers that could make two readers see two names or two sizes.
"""

import gzip
import io
import re
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from typing import Final

MOST_FILES: Final = 1000
LARGEST_LAYER: Final = 20 * 1024 * 1024
"""Bytes, packed or unpacked."""
LARGEST_RATIO: Final = 50
"""Unpacked to packed bytes. It counts from `RATIO_FROM` on: many small files are mostly the zeros between them."""
RATIO_FROM: Final = 1024 * 1024
LARGEST_FILE: Final = 1536 * 1024
LONGEST_PATH: Final = 200

_BLOCK: Final = 512
_CHUNK: Final = 64 * 1024
_PART: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,98}[A-Za-z0-9_-])?")
_RESERVED: Final = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?", re.IGNORECASE)
_FILE, _OLD_FILE, _FOLDER = b"0", b"\0", b"5"
_TYPES: Final = {
    b"1": "a hard link",
    b"2": "a symbolic link",
    b"3": "a device",
    b"4": "a device",
    b"6": "a pipe",
    b"7": "a contiguous file",
    b"x": "an extended header",
    b"g": "a global extended header",
    b"L": "a GNU long name",
    b"K": "a GNU long link",
    b"S": "a sparse file",
}

Files = Mapping[str, bytes]
"""Contents by path, such as `environments/staging/service.yaml`."""


class BadArchive(ValueError):  # noqa: N818 - it is what was found
    """The layer is not a bundle's; the message says where and why."""


def write_tar(files: Files) -> bytes:
    """The tar of these files. Raises `BadArchive` for a name or a size that a reader would refuse."""
    _check(files)
    folders = {"/".join(path.split("/")[:depth]) for path in files for depth in range(1, path.count("/") + 1)}
    written = io.BytesIO()
    # Closing the archive would pad it to 10 KiB; some tools stop after the two empty blocks that end a tar.
    archive = tarfile.open(fileobj=written, mode="w", format=tarfile.USTAR_FORMAT)  # noqa: SIM115
    for path in sorted([*files, *folders], key=lambda path: path.encode()):
        archive.addfile(*_entry(path, files.get(path)))
    return written.getvalue() + bytes(2 * _BLOCK)


def _entry(path: str, content: bytes | None) -> tuple[tarfile.TarInfo, io.BytesIO | None]:
    info = tarfile.TarInfo(path)
    if content is None:
        info.type, info.mode = tarfile.DIRTYPE, 0o755
        return info, None
    info.size, info.mode = len(content), 0o644
    return info, io.BytesIO(content)


def compress(tar: bytes) -> bytes:
    """The same bytes for the same tar, given the same compressor. Raises `BadArchive` beyond a limit."""
    packed = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", compresslevel=9, mtime=0, fileobj=packed) as stream:
        stream.write(tar)
    if too_large := _exceeded_limit(len(packed.getvalue()), len(tar)):
        raise BadArchive(too_large)
    return packed.getvalue()


def decompress(packed: bytes) -> bytes:
    """The tar. Raises `BadArchive` as soon as it is larger than any bundle may be, or if it is not gzip to its last
    byte."""
    if len(packed) > LARGEST_LAYER:
        raise BadArchive(f"expected at most {LARGEST_LAYER} bytes, got {len(packed)}")
    stream = zlib.decompressobj(wbits=31)
    tar = bytearray()
    waiting = packed
    try:
        while not stream.eof:
            chunk = stream.decompress(waiting, _CHUNK)
            waiting = stream.unconsumed_tail
            tar += chunk
            if too_large := _exceeded_limit(len(packed), len(tar)):
                raise BadArchive(too_large)
            if not chunk and not waiting:
                break
    except zlib.error as error:
        raise BadArchive(f"not gzip: {error}") from None
    if not stream.eof:
        raise BadArchive("the gzip stream is cut off")
    if stream.unused_data:
        raise BadArchive(f"{len(stream.unused_data)} bytes follow the end of the gzip stream")
    return bytes(tar)


def _exceeded_limit(packed: int, unpacked: int) -> str:
    """The exceeded limit; empty if there is none."""
    if unpacked > LARGEST_LAYER:
        return f"expected at most {LARGEST_LAYER} bytes unpacked, got more"
    if unpacked > RATIO_FROM and unpacked > LARGEST_RATIO * packed:
        return f"expected at most {LARGEST_RATIO} times its packed size, got more"
    return ""


def read_tar(tar: bytes) -> dict[str, bytes]:
    """The files, by path. Raises `BadArchive` for anything but plain files and folders under portable names."""
    files: dict[str, bytes] = {}
    folders: set[str] = set()
    for name, kind, content in _entries(tar):
        if kind == _FOLDER:
            path = _portable(name.removesuffix("/"))
            if path in folders:
                raise BadArchive(f"{path}: the folder occurs twice")
            folders.add(path)
            continue
        path = _portable(name)
        if path in files:
            raise BadArchive(f"{path}: the file occurs twice")
        files[path] = content
        if len(files) > MOST_FILES:
            raise BadArchive(f"expected at most {MOST_FILES} files, got more")
    _check(files, frozenset(folders))
    return files


def _entries(tar: bytes) -> Iterator[tuple[str, bytes, bytes]]:
    """Name, type and content of each entry, up to the two empty blocks at the end."""
    at = 0
    while True:
        header = tar[at : at + _BLOCK]
        if len(header) < _BLOCK:
            raise BadArchive("the tar is cut off")
        if not any(header):
            if any(tar[at:]):
                raise BadArchive("something follows the end of the tar")
            if len(tar) - at < 2 * _BLOCK:
                raise BadArchive("the tar is cut off")
            return
        name, kind, size = _header(header)
        at += _BLOCK
        content = tar[at : at + size]
        if len(content) < size:
            raise BadArchive(f"{name[:100]}: the tar is cut off")
        yield name, kind, content
        at += -(-size // _BLOCK) * _BLOCK


def _header(header: bytes) -> tuple[str, bytes, int]:
    if header[257:265] != b"ustar\x0000":
        raise BadArchive("expected a tar in POSIX ustar format, got another format")
    if _octal(header[148:156], "checksum") != sum(header) - sum(header[148:156]) + 8 * ord(" "):
        raise BadArchive("an entry's checksum is wrong")
    prefix, name = _text(header[345:500]), _text(header[:100])
    path = f"{prefix}/{name}" if prefix else name
    kind = header[156:157]
    size = _octal(header[124:136], "size")
    if kind == _FOLDER:
        if size:
            raise BadArchive(f"{path[:100]}: expected a folder without content, got {size} bytes")
        return path, kind, 0
    if kind not in (_FILE, _OLD_FILE):
        raise BadArchive(f"{path[:100]}: expected a file or a folder, got {_TYPES.get(kind, 'something else')}")
    if size > LARGEST_FILE:
        raise BadArchive(f"{path[:100]}: expected at most {LARGEST_FILE // 1024} KiB, got {size} bytes")
    return path, _FILE, size


def _octal(field: bytes, what: str) -> int:
    digits = field.rstrip(b"\0 ").lstrip(b" ")
    if not re.fullmatch(rb"[0-7]{1,12}", digits):
        raise BadArchive(f"an entry's {what} is not a number in octal digits")
    return int(digits, 8)


def _text(field: bytes) -> str:
    text, _, rest = field.partition(b"\0")
    if any(rest):
        raise BadArchive("an entry's name has text after its end")
    if not text.isascii():
        raise BadArchive(f"expected a name of ASCII characters, got {text[:100]!r}")
    return text.decode("ascii")


def _portable(path: str) -> str:
    """The path, if every system takes it for the same file. Raises `BadArchive`."""
    parts = path.split("/")
    if len(path) > LONGEST_PATH or not all(_PART.fullmatch(part) and not _RESERVED.fullmatch(part) for part in parts):
        expected = "a relative path of letters, digits, dots, dashes and underscores"
        raise BadArchive(f"expected {expected}, got {path[:100]!r}")
    return path


def _check(files: Files, folders: frozenset[str] = frozenset()) -> None:
    if len(files) > MOST_FILES:
        raise BadArchive(f"expected at most {MOST_FILES} files, got {len(files)}")
    spelt: dict[str, str] = {}
    for path in (*files, *folders):
        parts = _portable(path).split("/")
        for depth in range(1, len(parts) + 1):
            part = "/".join(parts[:depth])
            if spelt.setdefault(part.casefold(), part) != part:
                raise BadArchive(f"{part}: differs from {spelt[part.casefold()]} in upper and lower case only")
            if part in files and (depth < len(parts) or path in folders):
                raise BadArchive(f"{part}: it is both a file and a folder")
    for path, content in files.items():
        if len(content) > LARGEST_FILE:
            raise BadArchive(f"{path}: expected at most {LARGEST_FILE // 1024} KiB, got {len(content)} bytes")

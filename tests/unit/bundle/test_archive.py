"""The layer: equal files give equal bytes, and a hostile archive is refused before it costs anything."""

import gzip
import io
import tarfile
import zlib
from collections.abc import Callable
from string import ascii_lowercase, digits

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway.bundle.archive import (
    LARGEST_FILE,
    LARGEST_LAYER,
    MOST_FILES,
    BadArchive,
    compress,
    decompress,
    read_tar,
    write_tar,
)
from slipway.domain.model import sha256

ALPHANUMERIC = st.sampled_from(ascii_lowercase + digits)
INNER = st.text(f"{ascii_lowercase}{digits}._-", max_size=8)
names = (ALPHANUMERIC | st.tuples(ALPHANUMERIC, INNER, ALPHANUMERIC).map("".join)).filter(
    lambda name: not name.startswith(("con", "prn", "aux", "nul", "com", "lpt"))
)
paths = st.lists(names, min_size=1, max_size=4).map("/".join)


def _without_clashes(files: dict[str, bytes]) -> dict[str, bytes]:
    return {
        path: data for path, data in files.items() if not any(other_path.startswith(path + "/") for other_path in files)
    }


trees = st.dictionaries(paths, st.binary(max_size=2000), max_size=12).map(_without_clashes)


@given(trees)
def test_a_written_archive_reads_back_unchanged(files: dict[str, bytes]) -> None:
    assert read_tar(decompress(compress(write_tar(files)))) == files


@given(trees, st.randoms())
def test_the_order_in_which_files_are_given_does_not_matter(files: dict[str, bytes], random: object) -> None:
    shuffled = list(files.items())
    random.shuffle(shuffled)  # type: ignore[attr-defined] # hypothesis gives a random.Random
    assert compress(write_tar(dict(shuffled))) == compress(write_tar(files))


@given(trees)
def test_python_reads_the_same_files_and_finds_an_entry_for_each_folder(files: dict[str, bytes]) -> None:
    with tarfile.open(fileobj=io.BytesIO(compress(write_tar(files)))) as archive:
        members = archive.getmembers()
        assert {m.name: _content(archive, m) for m in members if m.isfile()} == files
        assert {m.name for m in members if m.isdir()} == {
            "/".join(path.split("/")[:depth]) for path in files for depth in range(1, path.count("/") + 1)
        }
        assert {(m.mtime, m.uid, m.gid, m.uname, m.gname) for m in members} <= {(0, 0, 0, "", "")}


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = archive.extractfile(member)
    assert file is not None
    return file.read()


def test_the_bytes_of_the_tar_and_of_the_frame_of_the_gzip_are_pinned() -> None:
    """Pinned, so that a change of the format, or of a library that writes it, does not go unnoticed. The deflated part
    is left out: each build of zlib has its own, and what is in it is the tar."""
    tar = write_tar({"environments/staging/a.yaml": b"kind: Service\n"})
    packed = compress(tar)
    assert (len(tar), sha256(tar)) == (
        6 * 512,
        "sha256:11e3355c9e2c81e86465995853ff0446c93afdaf09c97693ec2ea472a0dd769a",
    )
    assert packed[:10] == bytes.fromhex("1f8b08000000000002ff")
    assert packed[-8:] == zlib.crc32(tar).to_bytes(4, "little") + len(tar).to_bytes(4, "little")
    assert zlib.decompress(packed[10:-8], wbits=-15) == tar


@given(st.binary(max_size=3000))
def test_arbitrary_bytes_are_read_or_refused_as_a_bad_archive(data: bytes) -> None:
    for reader in (decompress, read_tar):
        try:
            reader(data)
        except BadArchive:
            continue


@given(trees.filter(bool), st.integers(0, 4000), st.integers(0, 255))
def test_a_changed_byte_is_refused_or_read_as_plain_files(files: dict[str, bytes], at: int, value: int) -> None:
    tar = bytearray(write_tar(files))
    tar[at % len(tar)] = value
    try:
        contents = read_tar(bytes(tar))
    except BadArchive:
        return
    assert all(".." not in path.split("/") and not path.startswith("/") for path in contents)


def tar_of(*entries: tarfile.TarInfo | tuple[str, bytes], format: int = tarfile.USTAR_FORMAT) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=format) as archive:
        for entry in entries:
            if isinstance(entry, tuple):
                info = tarfile.TarInfo(entry[0])
                info.size = len(entry[1])
                archive.addfile(info, io.BytesIO(entry[1]))
            else:
                archive.addfile(entry)
    return buffer.getvalue()


def special(name: str, kind: bytes, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


def with_pax(**headers: str) -> bytes:
    info = tarfile.TarInfo("environments/a/x.yaml")
    info.pax_headers = headers
    return tar_of(info, format=tarfile.PAX_FORMAT)


@pytest.mark.parametrize(
    ("tar", "message"),
    [
        (tar_of(("../etc/passwd", b"")), "expected a relative path"),
        (tar_of(("environments/../../x.yaml", b"")), "expected a relative path"),
        (tar_of(("/etc/passwd", b"")), "expected a relative path"),
        (tar_of(("./environments/x.yaml", b"")), "expected a relative path"),
        (tar_of(("environments//x.yaml", b"")), "expected a relative path"),
        (tar_of(("environments\\x.yaml", b"")), "expected a relative path"),
        (tar_of(("C:/x.yaml", b"")), "expected a relative path"),
        (tar_of(("environments/nul.yaml", b"")), "expected a relative path"),
        (tar_of(("environments/x.yaml.", b"")), "expected a relative path"),
        (tar_of(("environments/.sops.yaml", b"")), "expected a relative path"),
        (tar_of(("environments/x y.yaml", b"")), "expected a relative path"),
        (tar_of(("", b"")), "expected a relative path"),
        (tar_of(("environments/ü.yaml", b"")), "ASCII characters"),
        (tar_of(("a.yaml", b"1"), ("a.yaml", b"2")), "a.yaml: the file occurs twice"),
        (tar_of(("a/x.yaml", b""), ("A/y.yaml", b"")), "A: differs from a in upper and lower case only"),
        (tar_of(("a.yaml", b""), ("A.yaml", b"")), "in upper and lower case only"),
        (tar_of(("a", b""), ("a/x.yaml", b"")), "a: it is both a file and a folder"),
        (tar_of(special("a", tarfile.DIRTYPE), ("a", b"")), "a: it is both a file and a folder"),
        (tar_of(special("a", tarfile.DIRTYPE), special("a", tarfile.DIRTYPE)), "the folder occurs twice"),
        (tar_of(special("a", tarfile.DIRTYPE), special("A", tarfile.DIRTYPE)), "in upper and lower case only"),
        (tar_of(special("a.yaml", tarfile.SYMTYPE, "/etc/passwd")), "got a symbolic link"),
        (tar_of(special("a.yaml", tarfile.LNKTYPE, "b.yaml")), "got a hard link"),
        (tar_of(special("a.yaml", tarfile.CHRTYPE)), "got a device"),
        (tar_of(special("a.yaml", tarfile.BLKTYPE)), "got a device"),
        (tar_of(special("a.yaml", tarfile.FIFOTYPE)), "got a pipe"),
        (with_pax(path="../../etc/passwd"), "got an extended header"),
        (with_pax(size="99999999999"), "got an extended header"),
        (tar_of(("n" * 300, b""), format=tarfile.GNU_FORMAT), "POSIX ustar format"),
        (tar_of(("a.yaml", bytes(LARGEST_FILE + 1))), "expected at most 1536 KiB"),
        (tar_of(*((f"{number}.yaml", b"") for number in range(MOST_FILES + 1))), f"at most {MOST_FILES} files"),
        (b"", "the tar is cut off"),
        (bytes(512), "the tar is cut off"),
        (bytes(1024) + b"x", "something follows the end of the tar"),
        (tar_of(("a.yaml", b"1" * 600))[: 512 + 300], "the tar is cut off"),
    ],
)
def test_hostile_archives_are_refused(tar: bytes, message: str) -> None:
    with pytest.raises(BadArchive, match=message):
        read_tar(tar)


def _header(change: Callable[[bytearray], None]) -> bytes:
    tar = bytearray(tar_of(("environments/a/x.yaml", b"x")))
    change(tar)
    total = sum(tar[:512]) - sum(tar[148:156]) + 8 * ord(" ")
    tar[148:156] = f"{total:06o}\0 ".encode()
    return bytes(tar)


def _put(at: int, data: bytes) -> Callable[[bytearray], None]:
    def change(tar: bytearray) -> None:
        tar[at : at + len(data)] = data

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_put(124, b"\x80\0\0\0\0\0\0\x7f\xff\xff\xff\xff"), "size is not a number"),  # GNU's binary form
        (_put(124, b"77777777777\0"), "expected at most 1536 KiB"),
        (_put(124, b"-0000000001\0"), "size is not a number"),
        (_put(50, b"hidden"), "text after its end"),
        (_put(257, b"ustar  \0"), "POSIX ustar format"),
        (_put(156, b"V"), "got something else"),
    ],
)
def test_headers_that_two_readers_read_differently_are_refused(
    change: Callable[[bytearray], None], message: str
) -> None:
    with pytest.raises(BadArchive, match=message):
        read_tar(_header(change))


def test_a_wrong_checksum_is_refused() -> None:
    tar = bytearray(tar_of(("a.yaml", b"x")))
    tar[0] = ord("b")
    with pytest.raises(BadArchive, match="checksum is wrong"):
        read_tar(bytes(tar))


def test_a_bomb_is_refused_at_the_limit_and_its_end_is_never_read() -> None:
    squeezer = zlib.compressobj(9, wbits=31)
    bomb = b"".join(squeezer.compress(bytes(1024 * 1024)) for _ in range(300)) + squeezer.flush()
    assert len(bomb) < 512 * 1024
    with pytest.raises(BadArchive, match="expected at most 50 times its packed size"):
        decompress(bomb)
    read = len(bomb) // 10  # it unpacks to a tenth of 300 MiB, which is beyond both limits
    broken_later = bomb[:read] + bytes(range(256)) * 1024
    with pytest.raises(zlib.error, match="invalid"):
        zlib.decompressobj(wbits=31).decompress(broken_later)
    with pytest.raises(BadArchive, match="expected at most 50 times its packed size"):
        decompress(broken_later)


def test_a_layer_that_is_too_large_unpacked_is_refused_whatever_its_ratio() -> None:
    noise = bytes(zlib.adler32(str(n).encode()) % 251 for n in range(100_000)) * 230
    packed = gzip.compress(noise, compresslevel=0)
    with pytest.raises(BadArchive):
        decompress(packed)
    assert len(noise) > LARGEST_LAYER


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "cut off"),
        (b"PK\x03\x04", "not gzip"),
        (compress(write_tar({"a.yaml": b"x"}))[:-9], "cut off"),
        (compress(write_tar({"a.yaml": b"x"})) + b"\0", "follow the end"),
        (compress(write_tar({"a.yaml": b"x"})) * 2, "follow the end"),
        (bytes(LARGEST_LAYER + 1), "expected at most"),
    ],
)
def test_broken_gzip_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(BadArchive, match=message):
        decompress(data)


def test_many_small_files_are_not_a_bomb() -> None:
    files = {f"environments/staging/service-{number}.yaml": b"kind: Service\n" for number in range(MOST_FILES)}
    assert read_tar(decompress(compress(write_tar(files)))) == files

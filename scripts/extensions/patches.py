"""Patches as git writes them, taken apart into hunks, of which one can be left out."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
AIM = re.compile(r"^# Aim: (\d+)$", re.MULTILINE)
TESTS = re.compile(r"^# Tests: (.+)$", re.MULTILINE)


class NoPatch(ValueError):  # noqa: N818 - the message is the point
    """The file is not a patch with a header; the message says what is missing."""


@dataclass(frozen=True)
class Hunk:
    """One change: lines that belong together, in one file."""

    path: str
    line: int
    """Its place in the file once the whole patch has been applied."""
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}"


@dataclass(frozen=True)
class Change:
    """A patch's change of one file."""

    path: str
    head: str
    hunks: tuple[Hunk, ...]

    @property
    def is_new(self) -> bool:
        return "\nnew file mode " in self.head

    @property
    def is_test(self) -> bool:
        """Whether it is one of the tests, which are counted apart."""
        return self.path.startswith("tests/")


@dataclass(frozen=True)
class Patch:
    """An extension."""

    name: str
    aim: int
    """The most files of the product that it may touch."""
    tests: tuple[str, ...]
    """The tests that show that it works, and that notice when a part of it is missing."""
    changes: tuple[Change, ...]

    @property
    def product(self) -> tuple[Change, ...]:
        return tuple(change for change in self.changes if not change.is_test)

    @property
    def parts(self) -> tuple[Hunk, ...]:
        """The hunks of the product, any of which somebody could forget."""
        return tuple(hunk for change in self.product for hunk in change.hunks)

    def text(self, *, without: Hunk | None = None) -> str:
        """The patch for `git apply`, whole or without one hunk."""
        return "".join(_texts(self.changes, without))


def _texts(changes: tuple[Change, ...], without: Hunk | None) -> Iterator[str]:
    for change in changes:
        hunks = [hunk.text for hunk in change.hunks if hunk != without]
        if hunks:
            yield from (change.head, *hunks)


def read_patches(folder: Path = HERE) -> list[Patch]:
    return [read_patch(path) for path in sorted(folder.glob("*.patch"))]


def read_patch(path: Path) -> Patch:
    """Raises `NoPatch`."""
    header, *files = re.split(r"^(?=diff --git )", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    aim = AIM.search(header)
    tests = tuple(name for line in TESTS.findall(header) for name in line.split())
    if not header.startswith("# ") or aim is None or not tests:
        raise NoPatch(f"{path.name}: expected comments that say what it adds, `# Aim: <files>` and `# Tests: <files>`")
    changes = tuple(_change(path.name, text) for text in files)
    if not any(change.path.startswith("tests/") for change in changes):
        raise NoPatch(f"{path.name}: expected a test of what it adds")
    return Patch(name=path.stem, aim=int(aim[1]), tests=tests, changes=changes)


def _change(name: str, text: str) -> Change:
    head, *hunks = re.split(r"^(?=@@ )", text, flags=re.MULTILINE)
    target = re.search(r"^\+\+\+ b/(.+)$", head, re.MULTILINE)
    if target is None or not hunks:
        raise NoPatch(f"{name}: expected changed or new text files, got {head.partition(chr(10))[0]!r}")
    path = target[1]
    return Change(path=path, head=head, hunks=tuple(Hunk(path, _line(hunk), hunk) for hunk in hunks))


def _line(hunk: str) -> int:
    """The first changed line: a hunk begins with lines that stay."""
    start = re.match(r"@@ -\S+ \+(\d+)", hunk)
    lines = hunk.splitlines()[1:]
    before = next((number for number, line in enumerate(lines) if line[:1] in ("+", "-")), 0)
    return int(start[1]) + before if start else 0

"""Two states of the code side by side: files that moved, and tests that were renamed.

A table of moves is a text file of lines `old<TAB>new`; a folder stands for all that is in it. In a table for tests,
`new` may be empty, and the third column says why there is none. Empty lines and lines that begin with `#` do not count.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from .counts import statements
from .sources import Module, folder_of


@dataclass(frozen=True)
class Move:
    old: str
    new: str
    reason: str = ""


class WrongLine(ValueError):  # noqa: N818 - it says what is wrong with the table
    """A line of a table of moves that cannot be read."""


def read_moves(text: str) -> list[Move]:
    return list(_read(text))


def _read(text: str) -> Iterator[Move]:
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        old, new, reason = ([part.strip() for part in line.split("\t")] + ["", ""])[:3]
        if not old or not (new or reason):
            raise WrongLine(f"line {number}: expected `old<TAB>new` or `old<TAB><TAB>reason`, got {line!r}")
        yield Move(old, new, reason)


def move_of(path: str, moves: Iterable[Move]) -> Move | None:
    """The move that a path takes: its own before that of its nearest folder, with `new` filled in for this path."""
    by_old = {move.old.rstrip("/"): move for move in moves}
    file = path.partition("::")[0]
    candidates = [path, file, *map(str, PurePosixPath(file).parents)]
    for candidate in candidates:
        if move := by_old.get(candidate):
            suffix = path[len(candidate) :]
            return Move(path, move.new.rstrip("/") + suffix if move.new else "", move.reason)
    return None


# ---- statements


@dataclass(frozen=True)
class Folder:
    name: str
    before: int
    after: int

    @property
    def change(self) -> int:
        return self.after - self.before


def statements_before_and_after(old: list[Module], new: list[Module], moves: list[Move]) -> list[Folder]:
    """Statements before and after, by the folders of the new tree: one that moved counts for its new folder both times.

    A file that is gone without a move counts for its old folder.
    """
    before, after = dict[str, int](), dict[str, int]()
    for module in old:
        move = move_of(str(module.path), moves)
        folder = folder_of(PurePosixPath(move.new)) if move and move.new else module.folder
        before[folder] = before.get(folder, 0) + statements(module)
    for module in new:
        after[module.folder] = after.get(module.folder, 0) + statements(module)
    return [Folder(name, before.get(name, 0), after.get(name, 0)) for name in sorted(before | after)]


# ---- tests


@dataclass(frozen=True)
class Names:
    before: int
    after: int
    missing: list[str]
    """Collected before, not after, and no line says why."""
    dropped: dict[str, str]
    """Gone, with the reason."""
    untrue: list[str]
    """Lines of the table that nothing corresponds to."""

    @property
    def complete(self) -> bool:
        return not self.missing and not self.untrue


def compare_names(before: Iterable[str], after: Iterable[str], moves: list[Move]) -> Names:
    """Test functions by id, without parameters: each has to be there, to have moved, or to be gone with a reason."""
    old, new = functions_of(before), functions_of(after)
    missing, dropped, used = [], {}, set[str]()
    for name in sorted(old):
        move = move_of(name, moves)
        if move is not None:
            used.add(name)
        if name in new or (move is not None and move.new in new):
            continue
        if move is not None and move.reason:
            dropped[name] = move.reason
        else:
            missing.append(name)
    idle = [move.old for move in moves if not any(_covers(move.old, name) for name in used)]
    untrue = [f"{name}: nothing was collected under this name before" for name in idle]
    return Names(len(old), len(new), missing, dropped, untrue)


def _covers(old: str, name: str) -> bool:
    old = old.rstrip("/")
    return name == old or name.startswith((f"{old}/", f"{old}::"))


def functions_of(ids: Iterable[str]) -> set[str]:
    """The test functions in the output of `pytest --collect-only -q`: an id on each line, an empty line, and a
    summary."""
    stripped = (line.strip() for line in ids)
    return {line.partition("[")[0] for line in stripped if line and (" " not in line.partition("[")[0])}

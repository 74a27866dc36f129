"""The proof of one patch: it works, and no part of it can be left out unnoticed."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from .patches import Hunk, Patch
from .scratch import ProgramResult

ALWAYS = ("tests/architecture", "tests/docs")
"""Tests that every extension has to pass."""


class ScratchCopy(Protocol):
    """A copy of the checkout, in which patches are tried."""

    def apply(self, patch: str) -> ProgramResult: ...
    def types(self) -> ProgramResult: ...
    def tests(self, *names: str) -> ProgramResult: ...
    def docs(self) -> ProgramResult: ...
    def lint(self) -> ProgramResult: ...


@dataclass(frozen=True)
class Omission:
    """A hunk that was left out, and the check that noticed it; the text is empty if none did."""

    hunk: Hunk
    noticed_by: str


@dataclass(frozen=True)
class Proof:
    """The outcome of trying one patch."""

    patch: Patch
    broken: str = ""
    """The failure of the whole patch, with its output; empty if there was none."""
    omissions: tuple[Omission, ...] = ()

    @property
    def problems(self) -> tuple[str, ...]:
        return tuple(self._problems())

    def _problems(self) -> Iterator[str]:
        name, touched = self.patch.name, len(self.patch.product)
        if self.broken:
            yield f"{name}: {self.broken}"
        if touched > self.patch.aim:
            yield f"{name}: touches {touched} files of the product, and should touch {self.patch.aim} at most"
        for omission in self.omissions:
            if not omission.noticed_by:
                yield f"{name}: nobody notices where {omission.hunk} is left out"


def prove(patch: Patch, scratch: ScratchCopy) -> Proof:
    """Try the whole patch, then the patch without each of its parts."""
    broken = _fault(patch, scratch)
    if broken:
        return Proof(patch, broken)
    return Proof(patch, omissions=tuple(Omission(hunk, _noticed_by(patch, hunk, scratch)) for hunk in patch.parts))


def _fault(patch: Patch, scratch: ScratchCopy) -> str:
    """What is wrong with the whole patch; empty if nothing is. Tests that fail on it could not show that a part is
    missing."""
    steps: tuple[tuple[str, Callable[[], ProgramResult]], ...] = (
        ("does not apply", lambda: scratch.apply(patch.text())),
        ("fails the type check", scratch.types),
        ("fails its own tests", lambda: scratch.tests(*patch.tests)),
        ("spoils the docs", scratch.docs),
        ("fails the checks", scratch.lint),
        ("fails the tests of structure and docs", lambda: scratch.tests(*ALWAYS)),
    )
    for fault, step in steps:
        result = step()
        if not result.passed:
            return f"{fault}\n{result.end}"
    return ""


def _noticed_by(patch: Patch, hunk: Hunk, scratch: ScratchCopy) -> str:
    """What notices that the hunk is missing, or nothing. The type check comes first, since it is quicker."""
    if not scratch.apply(patch.text(without=hunk)).passed:
        return "git: the rest does not apply"
    if not scratch.types().passed:
        return "the type check"
    return "" if scratch.tests(*patch.tests).passed else "a test"

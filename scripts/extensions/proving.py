"""The proof of one patch: it works, and no part of it can be left out unnoticed."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from .patches import Hunk, Patch
from .scratch import Said

ALWAYS = ("tests/architecture", "tests/docs")
"""Tests that every extension has to pass."""


class Tried(Protocol):
    """A scratch copy."""

    def apply(self, patch: str) -> Said: ...
    def types(self) -> Said: ...
    def tests(self, *names: str) -> Said: ...
    def docs(self) -> Said: ...
    def lint(self) -> Said: ...


@dataclass(frozen=True)
class Missed:
    """A hunk, and the check that noticed its absence; nothing noticed it if the text is empty."""

    hunk: Hunk
    noticed_by: str


@dataclass(frozen=True)
class Proof:
    """Everything that was found out about one patch."""

    patch: Patch
    broken: str = ""
    """The failure of the whole patch, with its output; empty if there was none."""
    missed: tuple[Missed, ...] = ()

    @property
    def problems(self) -> tuple[str, ...]:
        return tuple(self._problems())

    def _problems(self) -> Iterator[str]:
        name, touched = self.patch.name, len(self.patch.product)
        if self.broken:
            yield f"{name}: {self.broken}"
        if touched > self.patch.aim:
            yield f"{name}: touches {touched} files of the product, and should touch {self.patch.aim} at most"
        for each in self.missed:
            if not each.noticed_by:
                yield f"{name}: nobody notices where {each.hunk} is left out"


def prove(patch: Patch, scratch: Tried) -> Proof:
    """Try the whole patch, then the patch without each of its parts."""
    broken = _fault(patch, scratch)
    if broken:
        return Proof(patch, broken)
    return Proof(patch, missed=tuple(Missed(hunk, _noticed(patch, hunk, scratch)) for hunk in patch.parts))


def _fault(patch: Patch, scratch: Tried) -> str:
    """The tests that are asked about missing parts later have to pass on the whole, or their red would say nothing."""
    steps: tuple[tuple[str, Callable[[], Said]], ...] = (
        ("does not apply", lambda: scratch.apply(patch.text())),
        ("fails the type check", scratch.types),
        ("fails its own tests", lambda: scratch.tests(*patch.tests)),
        ("spoils the docs", scratch.docs),
        ("fails the checks", scratch.lint),
        ("fails the tests of the house", lambda: scratch.tests(*ALWAYS)),
    )
    for fault, step in steps:
        said = step()
        if not said.passed:
            return f"{fault}\n{said.end}"
    return ""


def _noticed(patch: Patch, hunk: Hunk, scratch: Tried) -> str:
    """The judge that notices the missing hunk; the quicker of the two is asked first."""
    if not scratch.apply(patch.text(without=hunk)).passed:
        return "git: the rest does not apply"
    if not scratch.types().passed:
        return "the type check"
    return "" if scratch.tests(*patch.tests).passed else "a test"

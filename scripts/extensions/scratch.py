"""A copy of this checkout to try patches in, and the programs that check it."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MOST_SHOWN = 2000
"""Number of characters that are shown of a program's output: its end, which holds the reason."""


@dataclass(frozen=True)
class ProgramResult:
    """Whether a program succeeded, and its output."""

    passed: bool
    text: str

    @property
    def end(self) -> str:
        return self.text[-MOST_SHOWN:].strip()


@dataclass(frozen=True)
class Scratch:
    """The copy. The programs are those of the environment that runs this."""

    folder: Path

    def apply(self, patch: str) -> ProgramResult:
        """Put the patch on top of the unchanged copy."""
        for undo in (("reset", "-q", "--hard"), ("clean", "-q", "-f", "-d")):
            _git(self.folder, *undo)
        return self._run("git", "apply", "--whitespace=nowarn", "-", stdin=patch)

    def types(self) -> ProgramResult:
        return self._module("mypy")

    def tests(self, *names: str) -> ProgramResult:
        return self._module("pytest", "-q", "-x", "--no-header", "-p", "no:randomly", *names)

    def docs(self) -> ProgramResult:
        return self._run(sys.executable, "scripts/check_docs.py", "--write")

    def lint(self) -> ProgramResult:
        lint = self._module("ruff", "check", "--quiet", ".")
        formatting = self._module("ruff", "format", "--check", "--quiet", ".") if lint.passed else lint
        return self._run(str(Path(sys.executable).with_name("lint-imports"))) if formatting.passed else formatting

    def _module(self, name: str, *arguments: str) -> ProgramResult:
        return self._run(sys.executable, "-m", name, *arguments)

    def _run(self, *command: str, stdin: str = "") -> ProgramResult:
        process = subprocess.run(
            command,
            cwd=self.folder,
            input=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return ProgramResult(passed=process.returncode == 0, text=process.stdout)


def commit_of_checkout(checkout: Path = ROOT) -> str:
    """A commit of the checkout's files as they are now, without those that git does not track."""
    # Uncommitted changes get a commit that belongs to no branch.
    return _git(checkout, "stash", "create") or _git(checkout, "rev-parse", "HEAD")


@contextmanager
def scratch_copy(commit: str, checkout: Path = ROOT) -> Iterator[Scratch]:
    with tempfile.TemporaryDirectory(prefix="slipway-extensions-") as folder:
        copy = Path(folder) / "copy"
        _git(checkout, "worktree", "add", "--quiet", "--detach", str(copy), commit)
        try:
            yield Scratch(copy)
        finally:
            _git(checkout, "worktree", "remove", "--force", str(copy))


def _git(folder: Path, *arguments: str) -> str:
    """Raises `subprocess.CalledProcessError`, after git has said why."""
    process = subprocess.run(["git", *arguments], cwd=folder, check=True, stdout=subprocess.PIPE, text=True)
    return process.stdout.strip()

"""The table of guards, read strictly: for each finding the guard that mends it, or the part of it that is left."""

import tomllib
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
TABLE = HERE / "guards.toml"
FINDINGS = tuple(
    f"{kind}-{number:02}" for kind, most in (("S", 24), ("I", 22), ("A", 32)) for number in range(1, most + 1)
)
"""Every way past the checks of an earlier Slipway (S-) and every misreading of its input (I-); A- were found by acting
as accounts with few rights. Each has an entry in the table."""

type Finding = Annotated[str, Field(pattern=r"^[SIA]-[0-9]{2}$")]
type Text = Annotated[str, Field(min_length=1)]


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Guard(_Row):
    """A place in the code without which an attack gets further."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")]
    findings: tuple[Finding, ...] = Field(min_length=1)
    stops: Text
    file: Text
    before: Text
    after: str
    """The text in the place of `before` while the guard is taken out."""
    tests: tuple[Text, ...] = Field(min_length=1)

    def removed_from(self, source: str) -> str:
        """The file's text without the guard. Raises `ValueError` if it is not there exactly once."""
        if (count := source.count(self.before)) != 1:
            raise ValueError(
                f"{self.name}: expected {self.before.strip()!r} once in {self.file}, found it {count} times"
            )
        return source.replace(self.before, self.after)


class Tested(_Row):
    """A finding that is mended, and for which nothing can be taken out."""

    finding: Finding
    now: Text
    tests: tuple[Text, ...] = Field(min_length=1)


class Open(_Row):
    """What is left of a finding."""

    finding: Finding
    left: Text


class WithstoodAttack(_Row):
    """An attack that an earlier Slipway withstood, and the tests by which it still does."""

    tried: Text
    tests: tuple[Text, ...] = Field(min_length=1)


class Table(_Row):
    """The whole table."""

    guard: tuple[Guard, ...]
    tested: tuple[Tested, ...]
    held: tuple[WithstoodAttack, ...]
    open: tuple[Open, ...]

    @property
    def tests(self) -> frozenset[str]:
        """Every test that is named, by its path and name."""
        of_guards = (test for guard in self.guard for test in guard.tests)
        of_findings = (test for row in self.tested for test in row.tests)
        return frozenset((*of_guards, *of_findings, *(test for row in self.held for test in row.tests)))

    @property
    def covered(self) -> frozenset[str]:
        """Every finding that has an entry in the table."""
        mended = (finding for guard in self.guard for finding in guard.findings)
        tested, unmended = (row.finding for row in self.tested), (row.finding for row in self.open)
        return frozenset((*mended, *tested, *unmended))


def read_table(path: Path = TABLE) -> Table:
    """Raises `ValueError` for a table that is malformed."""
    return Table.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))

"""The list of stages, of permitted skips and of real parts: `.ci/stages.toml`, read strictly."""

import os
import shutil
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, model_validator

LIST = Path(__file__).resolve().parents[2] / ".ci" / "stages.toml"


@dataclass(frozen=True)
class Machine:
    """The programs and variables of this machine."""

    which: Callable[[str], str | None] = shutil.which
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Need(_Entry):
    """A program on the PATH, or a variable of the environment."""

    program: str = ""
    variable: str = ""

    @model_validator(mode="after")
    def _check_need(self) -> "Need":
        if bool(self.program) == bool(self.variable):
            raise ValueError("needs either a program or a variable")
        return self

    def missing(self, machine: Machine) -> str:
        """Why it is not there; empty if it is."""
        if self.program:
            return "" if machine.which(self.program) else f"{self.program} is not on the PATH"
        return "" if machine.environ.get(self.variable) else f"{self.variable} is not set"


class Stage(_Entry):
    name: str
    minutes: float = Field(gt=0)
    run: str
    tests: bool = False
    needs: Need | None = None


class Skip(_Entry):
    """A reason for which a test may be skipped, as long as what it needs is missing."""

    reason: str = Field(min_length=8)
    needs: Need | None = None

    def permits(self, reason: str, machine: Machine) -> bool:
        return reason.startswith(self.reason) and (self.needs is None or bool(self.needs.missing(machine)))


class Part(_Entry):
    """A real program or service, and the tests that run against it; or the reason why none does."""

    name: str
    tests: str = ""
    case: str = ""
    never: str = ""

    @model_validator(mode="after")
    def _check_tests_or_reason(self) -> "Part":
        if bool(self.tests) == bool(self.never):
            raise ValueError("needs either tests or the reason why there are none")
        return self

    def is_met_by(self, test: str) -> bool:
        parameters = test.partition("[")[2].removesuffix("]")
        return test.startswith(self.tests) and self.case in parameters


class Plan(_Entry):
    stages: tuple[Stage, ...] = Field(min_length=1)
    skips: tuple[Skip, ...] = ()
    parts: tuple[Part, ...] = ()

    @model_validator(mode="after")
    def _check_names(self) -> "Plan":
        for entries in (self.stages, self.parts):
            names = [entry.name for entry in entries]
            if len(set(names)) < len(names):
                raise ValueError(f"a name occurs twice in {names}")
        return self


def read_plan(path: Path = LIST) -> Plan:
    """Raises `tomllib.TOMLDecodeError`, or `pydantic.ValidationError` naming the entry and the field."""
    return Plan.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))


def as_markdown(plan: Plan) -> str:
    """The list of stages as a table, for CONTRIBUTING.md."""
    rows = [f"| {s.name} | {s.minutes:g} | `{s.run}` | {_condition(s.needs)} |" for s in plan.stages]
    total = sum(stage.minutes for stage in plan.stages)
    return "\n".join(
        [
            "| stage | minutes | command | only with |",
            "|---|---:|---|---|",
            *rows,
            f"| **all** | **{total:g}** | `bash .ci/run` | |",
        ]
    )


def _condition(need: Need | None) -> str:
    if need is None:
        return ""
    return f"`{need.program}` on the PATH" if need.program else f"`{need.variable}` set"

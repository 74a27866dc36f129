"""The results of a run: judged against the list, and put into words. Pure; `__main__` runs the stages."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from .outcomes import Outcome, Result
from .stages import Machine, Part, Plan, Stage


class State(StrEnum):
    CHECKED = "checked"
    FAILED = "failed"
    LEFT_OUT = "not checked"
    """A part that the stage needs is missing."""


@dataclass(frozen=True)
class Done:
    """One stage that was begun, or left out for a reason."""

    name: str
    state: State
    seconds: float = 0.0
    why: str = ""
    outcomes: tuple[Outcome, ...] = field(default=(), repr=False)


def problems(plan: Plan, done: Sequence[Done], machine: Machine) -> list[str]:
    """Why the run has not passed; none when it has."""
    return [*_of_stages(plan, done, machine), *_of_skips(plan, done, machine), *_of_parts(plan, done)]


def _of_stages(plan: Plan, done: Sequence[Done], machine: Machine) -> Iterator[str]:
    by_name = {one.name: one for one in done}
    for stage in plan.stages:
        one = by_name.get(stage.name)
        if one is None:
            yield f"{stage.name}: was not run to its end"
        elif one.state is State.FAILED:
            yield f"{stage.name}: {one.why}"
        elif one.state is State.LEFT_OUT and not (stage.needs and stage.needs.missing(machine)):
            yield f"{stage.name}: was left out, although it has what it needs"
        elif one.state is State.CHECKED and stage.tests and not one.outcomes:
            yield f"{stage.name}: ran no test"
    for name in by_name.keys() - {stage.name for stage in plan.stages}:
        yield f"{name}: is not in the list of stages"


def _of_skips(plan: Plan, done: Sequence[Done], machine: Machine) -> Iterator[str]:
    for reason, tests in _skipped(done).items():
        if not any(skip.permits(reason, machine) for skip in plan.skips):
            yield f"{_tests(len(tests))} may not be skipped ({reason}), the first: {tests[0]}"


def _of_parts(plan: Plan, done: Sequence[Done]) -> Iterator[str]:
    ended = {one.name for one in done if one.state is not State.FAILED}
    if any(stage.name not in ended for stage in plan.stages):
        return  # tests that were not begun could not meet anything
    for part in plan.parts:
        if part.tests and not _meeting(part, done):
            yield f"{part.name}: no test meets it any more; .ci/stages.toml names {part.tests}"


def _skipped(done: Iterable[Done]) -> dict[str, list[str]]:
    """Tests by the reason that they were skipped for."""
    tests = defaultdict[str, list[str]](list)
    for outcome in _outcomes(done):
        if outcome.result is Result.SKIPPED:
            tests[outcome.reason].append(outcome.test)
    return dict(sorted(tests.items()))


def _meeting(part: Part, done: Iterable[Done]) -> list[Outcome]:
    return [outcome for outcome in _outcomes(done) if part.is_met_by(outcome.test)]


def _outcomes(done: Iterable[Done]) -> Iterator[Outcome]:
    for one in done:
        yield from one.outcomes


# ---- in words


def report(plan: Plan, done: Sequence[Done], machine: Machine) -> str:
    """The table with which the run ends."""
    sections = [
        _aligned(_stage_rows(plan, done)),
        _titled("Failed tests", [(outcome.test,) for outcome in _outcomes(done) if outcome.result is Result.FAILED]),
        _titled("Skipped tests", list(_skip_rows(plan, done, machine))),
        _titled("Real parts", [_part_row(part, done) for part in plan.parts]),
        _verdict(problems(plan, done, machine)),
    ]
    return "\n\n".join("\n".join(lines) for lines in sections if lines)


def _verdict(wrong: list[str]) -> list[str]:
    return ["Not passed", *(f"  {line}" for line in wrong)] if wrong else ["Passed"]


def _titled(title: str, rows: Sequence[tuple[str, ...]]) -> list[str]:
    return [title, *(f"  {line}" for line in _aligned(rows))] if rows else []


def _aligned(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Figures to the right, words to the left."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    cells = (
        [cell.rjust(width) if _is_figure(cell) else cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        for row in rows
    )
    return ["  ".join(row).rstrip() for row in cells]


def _is_figure(cell: str) -> bool:
    return cell in ("–", "minutes", "budget") or cell.replace(".", "").isdigit()


def _stage_rows(plan: Plan, done: Sequence[Done]) -> list[tuple[str, ...]]:
    by_name = {one.name: one for one in done}
    rows = [_stage_row(stage, by_name.get(stage.name)) for stage in plan.stages]
    spent, budget = sum(one.seconds for one in done), sum(stage.minutes for stage in plan.stages)
    return [("stage", "minutes", "budget", ""), *rows, ("all", _minutes(spent), f"{budget:g}", "")]


def _stage_row(stage: Stage, one: Done | None) -> tuple[str, ...]:
    if one is None:
        return stage.name, "–", f"{stage.minutes:g}", "not run to its end"
    spent = "–" if one.state is State.LEFT_OUT else _minutes(one.seconds)
    words = [f"{one.state}: {one.why}" if one.why else str(one.state), *_counts(one)]
    if one.seconds > 60 * stage.minutes:
        words.append("over its budget")
    return stage.name, spent, f"{stage.minutes:g}", ", ".join(words)


def _counts(one: Done) -> list[str]:
    counted = Counter(outcome.result for outcome in one.outcomes)
    words = {Result.KNOWN_FAULT: "known to fail"}
    return [f"{counted[result]:,} {words.get(result, result)}" for result in Result if counted[result]]


def _tests(count: int) -> str:
    return "1 test" if count == 1 else f"{count:,} tests"


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.1f}"


def _skip_rows(plan: Plan, done: Sequence[Done], machine: Machine) -> Iterator[tuple[str, ...]]:
    for reason, tests in _skipped(done).items():
        permitted = any(skip.permits(reason, machine) for skip in plan.skips)
        yield str(len(tests)), reason, "permitted" if permitted else "not permitted"


def _part_row(part: Part, done: Sequence[Done]) -> tuple[str, ...]:
    if part.never:
        return part.name, f"not checked: {part.never}"
    outcomes = _meeting(part, done)
    met = sum(outcome.result in (Result.PASSED, Result.KNOWN_FAULT) for outcome in outcomes)
    if met:
        return part.name, f"checked by {_tests(met)}"
    reasons = sorted({outcome.reason for outcome in outcomes if outcome.reason})
    return part.name, f"not checked: {'; '.join(reasons) or 'no test of it was run'}"

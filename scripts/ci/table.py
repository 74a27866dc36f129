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
class StageResult:
    """One stage that was begun, or left out for a reason."""

    name: str
    state: State
    seconds: float = 0.0
    why: str = ""
    outcomes: tuple[Outcome, ...] = field(default=(), repr=False)


def problems(plan: Plan, results: Sequence[StageResult], machine: Machine) -> list[str]:
    """The reasons why the run has not passed; none if it has."""
    return [*_of_stages(plan, results, machine), *_of_skips(plan, results, machine), *_of_parts(plan, results)]


def _of_stages(plan: Plan, results: Sequence[StageResult], machine: Machine) -> Iterator[str]:
    by_name = {result.name: result for result in results}
    for stage in plan.stages:
        result = by_name.get(stage.name)
        if result is None:
            yield f"{stage.name}: was not run to its end"
        elif result.state is State.FAILED:
            yield f"{stage.name}: {result.why}"
        elif result.state is State.LEFT_OUT and not (stage.needs and stage.needs.missing(machine)):
            yield f"{stage.name}: was left out, although it has what it needs"
        elif result.state is State.CHECKED and stage.tests and not result.outcomes:
            yield f"{stage.name}: ran no test"
    for name in by_name.keys() - {stage.name for stage in plan.stages}:
        yield f"{name}: is not in the list of stages"


def _of_skips(plan: Plan, results: Sequence[StageResult], machine: Machine) -> Iterator[str]:
    for reason, tests in _skipped_tests(results).items():
        if not any(skip.permits(reason, machine) for skip in plan.skips):
            yield f"{_tests(len(tests))} may not be skipped ({reason}), the first: {tests[0]}"


def _of_parts(plan: Plan, results: Sequence[StageResult]) -> Iterator[str]:
    not_failed = {result.name for result in results if result.state is not State.FAILED}
    if any(stage.name not in not_failed for stage in plan.stages):
        return  # a test that was never begun cannot have met a part
    for part in plan.parts:
        if part.tests and not _outcomes_of(part, results):
            yield f"{part.name}: no test meets it any more; .ci/stages.toml names {part.tests}"


def _skipped_tests(results: Iterable[StageResult]) -> dict[str, list[str]]:
    """Tests by the reason that they were skipped for."""
    tests = defaultdict[str, list[str]](list)
    for outcome in _outcomes(results):
        if outcome.result is Result.SKIPPED:
            tests[outcome.reason].append(outcome.test)
    return dict(sorted(tests.items()))


def _outcomes_of(part: Part, results: Iterable[StageResult]) -> list[Outcome]:
    return [outcome for outcome in _outcomes(results) if part.is_met_by(outcome.test)]


def _outcomes(results: Iterable[StageResult]) -> Iterator[Outcome]:
    for result in results:
        yield from result.outcomes


# ---- in words


def report(plan: Plan, results: Sequence[StageResult], machine: Machine) -> str:
    """The table with which the run ends."""
    sections = [
        _aligned_lines(_stage_rows(plan, results)),
        _titled_lines(
            "Failed tests", [(outcome.test,) for outcome in _outcomes(results) if outcome.result is Result.FAILED]
        ),
        _titled_lines("Skipped tests", list(_skip_rows(plan, results, machine))),
        _titled_lines("Real parts", [_part_row(part, results) for part in plan.parts]),
        _verdict(problems(plan, results, machine)),
    ]
    return "\n\n".join("\n".join(lines) for lines in sections if lines)


def _verdict(lines: list[str]) -> list[str]:
    return ["Not passed", *(f"  {line}" for line in lines)] if lines else ["Passed"]


def _titled_lines(title: str, rows: Sequence[tuple[str, ...]]) -> list[str]:
    return [title, *(f"  {line}" for line in _aligned_lines(rows))] if rows else []


def _aligned_lines(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Figures to the right, words to the left."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    cells = (
        [cell.rjust(width) if _is_figure(cell) else cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        for row in rows
    )
    return ["  ".join(row).rstrip() for row in cells]


def _is_figure(cell: str) -> bool:
    return cell in ("–", "minutes", "budget") or cell.replace(".", "").isdigit()


def _stage_rows(plan: Plan, results: Sequence[StageResult]) -> list[tuple[str, ...]]:
    by_name = {result.name: result for result in results}
    rows = [_stage_row(stage, by_name.get(stage.name)) for stage in plan.stages]
    spent, budget = sum(result.seconds for result in results), sum(stage.minutes for stage in plan.stages)
    return [("stage", "minutes", "budget", ""), *rows, ("all", _minutes(spent), f"{budget:g}", "")]


def _stage_row(stage: Stage, result: StageResult | None) -> tuple[str, ...]:
    if result is None:
        return stage.name, "–", f"{stage.minutes:g}", "not run to its end"
    spent = "–" if result.state is State.LEFT_OUT else _minutes(result.seconds)
    remarks = [f"{result.state}: {result.why}" if result.why else str(result.state), *_counts(result)]
    if result.seconds > 60 * stage.minutes:
        remarks.append("over its budget")
    return stage.name, spent, f"{stage.minutes:g}", ", ".join(remarks)


def _counts(result: StageResult) -> list[str]:
    counts = Counter(outcome.result for outcome in result.outcomes)
    labels = {Result.KNOWN_FAULT: "known to fail"}
    return [f"{counts[kind]:,} {labels.get(kind, kind)}" for kind in Result if counts[kind]]


def _tests(count: int) -> str:
    return "1 test" if count == 1 else f"{count:,} tests"


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.1f}"


def _skip_rows(plan: Plan, results: Sequence[StageResult], machine: Machine) -> Iterator[tuple[str, ...]]:
    for reason, tests in _skipped_tests(results).items():
        permitted = any(skip.permits(reason, machine) for skip in plan.skips)
        yield str(len(tests)), reason, "permitted" if permitted else "not permitted"


def _part_row(part: Part, results: Sequence[StageResult]) -> tuple[str, ...]:
    if part.never:
        return part.name, f"not checked: {part.never}"
    outcomes = _outcomes_of(part, results)
    count = sum(outcome.result in (Result.PASSED, Result.KNOWN_FAULT) for outcome in outcomes)
    if count:
        return part.name, f"checked by {_tests(count)}"
    reasons = sorted({outcome.reason for outcome in outcomes if outcome.reason})
    return part.name, f"not checked: {'; '.join(reasons) or 'no test of it was run'}"

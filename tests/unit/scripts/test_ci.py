"""The table at the end of `.ci/run`: what fails a run, what is only shown, and that every line of the list is there."""

import os
import re
import signal
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest
from pydantic import ValidationError

from scripts.ci import __main__ as ci_run
from scripts.ci.__main__ import main
from scripts.ci.outcomes import FOLDER, Outcome, Result, read_outcomes
from scripts.ci.stages import Machine, Need, Part, Plan, Skip, Stage, as_markdown, read_plan
from scripts.ci.table import StageResult, State, problems, report

ROOT = Path(__file__).resolve().parents[3]
GO = Need(program="go")
BARE = Machine(which=lambda name: None, environ={})
WITH_GO = Machine(which=lambda name: f"/usr/bin/{name}" if name == "go" else None, environ={})
PLAN = Plan(
    stages=(
        Stage(name="cosign", minutes=8, run="make cosign", needs=GO),
        Stage(name="check", minutes=3, run="make check"),
        Stage(name="test", minutes=10, run="make test", tests=True),
    ),
    skips=(Skip(reason="cosign is not installed", needs=GO),),
    parts=(
        Part(name="the real cosign", tests="tests/contract/test_cosign.py"),
        Part(name="Azurite", tests="tests/contract/ledger", case="azurite"),
        Part(name="Azure", never="nobody pays"),
    ),
)
PASSED = Outcome("tests/contract/ledger/test_rows.py::test_order[azurite]", Result.PASSED)
SIGNED = Outcome("tests/contract/test_cosign.py::test_signs", Result.PASSED)
SKIPPED = Outcome("tests/contract/test_cosign.py::test_signs", Result.SKIPPED, "cosign is not installed (make cosign)")


def done(*outcomes: Outcome, cosign: State = State.CHECKED, seconds: float = 60) -> list[StageResult]:
    return [
        StageResult("cosign", cosign, why="go is not on the PATH" if cosign is State.LEFT_OUT else ""),
        StageResult("check", State.CHECKED, 30),
        StageResult("test", State.CHECKED, seconds, outcomes=outcomes),
    ]


# ---- what fails a run


def test_a_run_in_which_everything_was_checked_passes() -> None:
    assert problems(PLAN, done(PASSED, SIGNED), WITH_GO) == []


def test_a_stage_of_the_list_that_was_not_run_fails() -> None:
    assert problems(PLAN, [*done(PASSED, SIGNED)[:1], *done(PASSED, SIGNED)[2:]], WITH_GO) == [
        "check: was not run to its end"
    ]


def test_a_stage_that_failed_fails_and_says_how() -> None:
    failed = [*done()[:1], StageResult("check", State.FAILED, 1, "ended with exit code 2")]
    found_problems = problems(PLAN, failed, WITH_GO)
    assert found_problems == ["check: ended with exit code 2", "test: was not run to its end"]


def test_a_stage_that_should_test_and_ran_no_test_fails() -> None:
    assert "test: ran no test" in problems(PLAN, done(), WITH_GO)


def test_a_stage_that_nobody_listed_fails() -> None:
    extra = [*done(PASSED, SIGNED), StageResult("more", State.CHECKED)]
    assert problems(PLAN, extra, WITH_GO) == ["more: is not in the list of stages"]


def test_without_go_what_needs_go_may_be_left_out() -> None:
    assert problems(PLAN, done(PASSED, SKIPPED, cosign=State.LEFT_OUT), BARE) == []


def test_with_go_what_needs_go_may_no_longer_be_left_out() -> None:
    stage, skip = problems(PLAN, done(PASSED, SKIPPED, cosign=State.LEFT_OUT), WITH_GO)
    assert stage == "cosign: was left out, although it has what it needs"
    assert skip == f"1 test may not be skipped ({SKIPPED.reason}), the first: {SKIPPED.test}"


def test_a_skipped_test_whose_reason_is_not_in_the_list_fails() -> None:
    flaky = Outcome("tests/unit/test_a.py::test_b", Result.SKIPPED, "it is flaky")
    (problem,) = problems(PLAN, done(PASSED, SIGNED, flaky), BARE)
    assert "it is flaky" in problem
    assert flaky.test in problem


def test_a_real_part_that_no_test_meets_any_more_fails() -> None:
    in_memory = Outcome("tests/contract/ledger/test_rows.py::test_order[memory]", Result.PASSED)
    (problem,) = problems(PLAN, done(in_memory, SIGNED), WITH_GO)
    assert problem.startswith("Azurite: no test meets it any more")


def test_a_fault_that_is_known_and_marked_fails_nothing() -> None:
    known_fault = Outcome("tests/situations/test_a.py::test_b", Result.KNOWN_FAULT, "D-19")
    assert problems(PLAN, done(PASSED, SIGNED, known_fault), WITH_GO) == []


# ---- what is shown


def lines(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.splitlines()]


def test_every_line_of_the_list_is_in_the_table() -> None:
    table = lines(report(PLAN, done(PASSED, SKIPPED, SKIPPED, cosign=State.LEFT_OUT, seconds=90), BARE))
    assert "cosign – 8 not checked: go is not on the PATH" in table
    assert "check 0.5 3 checked" in table
    assert "test 1.5 10 checked, 1 passed, 2 skipped" in table
    assert "all 2.0 21" in table
    assert f"2 {SKIPPED.reason} permitted" in table
    assert f"the real cosign not checked: {SKIPPED.reason}" in table
    assert "Azurite checked by 1 test" in table
    assert "Azure not checked: nobody pays" in table
    assert table[-1] == "Passed"


def test_tests_that_failed_are_named() -> None:
    failed = Outcome("tests/unit/test_a.py::test_b", Result.FAILED)
    table = lines(
        report(PLAN, [StageResult("test", State.FAILED, 60, "ended with exit code 1", (PASSED, failed))], BARE)
    )
    assert "test 1.0 10 failed: ended with exit code 1, 1 passed, 1 failed" in table
    assert failed.test in table


def test_a_stage_over_its_budget_is_shown_and_fails_nothing() -> None:
    slow = done(PASSED, SIGNED, seconds=601)
    assert "test 10.0 10 checked, 2 passed, over its budget" in lines(report(PLAN, slow, WITH_GO))
    assert problems(PLAN, slow, WITH_GO) == []


def test_problems_stand_at_the_end_of_the_table() -> None:
    table = lines(report(PLAN, [], BARE))
    assert "check – 3 not run to its end" in table
    assert table[table.index("Not passed") + 1 :] == [f"{stage.name}: was not run to its end" for stage in PLAN.stages]


# ---- the list


def test_the_list_of_this_repository_can_be_read() -> None:
    plan = read_plan()
    assert plan.stages[0].name == "install"


def test_a_key_of_the_list_that_nobody_knows_is_refused() -> None:
    with pytest.raises(ValidationError, match="needs_program"):
        Plan.model_validate({"stages": [{"name": "a", "minutes": 1, "run": "true", "needs_program": "go"}]})


def test_a_name_may_stand_once_only() -> None:
    stage = Stage(name="a", minutes=1, run="true")
    with pytest.raises(ValidationError, match="occurs twice"):
        Plan(stages=(stage, stage))


@pytest.mark.parametrize("entry", [{"name": "Azure"}, {"name": "Azure", "tests": "tests/a", "never": "nobody pays"}])
def test_a_real_part_has_tests_or_a_reason_and_not_both(entry: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="either tests or the reason"):
        Part.model_validate(entry)


def test_contributing_shows_the_stages_as_they_are_listed() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert as_markdown(read_plan()) in text, "put what `python -m scripts.ci --list` prints into CONTRIBUTING.md"


@pytest.mark.parametrize("mark", ["attack", "browser", "contract", "hooks", "hypothesis", "stack", "thorough"])
def test_only_the_stage_of_clusters_takes_a_test_that_asks_a_real_one(mark: str) -> None:
    """In any other stage it is skipped, for a reason that `.ci/run` does not permit."""
    makefile = (ROOT / "Makefile").read_text()
    assigned = re.findall(r"^(?:QUICK|CONTRACT) := (.+)$", makefile, re.MULTILINE)
    selections = assigned + [words for words in re.findall(r'-m "([^"$]+)"', makefile) if words != "cluster"]
    taking = [words for words in selections if selects(words, {mark, "cluster"})]
    assert len(selections) > 5
    assert not taking


def selects(expression: str, marks: set[str]) -> bool:
    """Whether `-m "words"` takes a test with these marks."""
    holds = re.sub(r"\b(?!and\b|or\b|not\b)\w+", lambda word: str(word[0] in marks), expression)
    return bool(eval(holds, {}))


def test_the_stages_fit_into_the_time_that_a_change_may_take() -> None:
    assert sum(stage.minutes for stage in read_plan().stages) <= 75


# ---- outcomes, from a real pytest

SAMPLE = """
    import pytest

    @pytest.mark.parametrize("n", [1, 2])
    def test_passes(n): ...

    @pytest.mark.skip(reason="no such program")
    def test_marked(): ...

    @pytest.fixture
    def part():
        pytest.skip("no such part")

    def test_asks_for_a_part(part): ...

    @pytest.mark.xfail(strict=True, reason="D-19")
    def test_known(): assert False

    def test_fails(): assert False
    """


@pytest.mark.sweep(keep=1)
@pytest.mark.parametrize("workers", [[], ["-p", "xdist", "-n", "2"]], ids=["one process", "two workers"])
def test_pytest_writes_down_what_became_of_each_test(tmp_path: Path, workers: list[str]) -> None:
    (tmp_path / "test_sample.py").write_text(textwrap.dedent(SAMPLE))
    (tmp_path / "test_module.py").write_text('import pytest\npytest.skip("no such module", allow_module_level=True)\n')
    command = [sys.executable, "-m", "pytest", "-q", "-p", "scripts.ci.outcomes", "-p", "no:cacheprovider", *workers]
    bare = {"PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}  # the others take seconds to import
    environment = os.environ | bare | {FOLDER: str(tmp_path / "outcomes")}
    subprocess.run([*command, "--rootdir", "."], cwd=tmp_path, env=environment, check=False, capture_output=True)
    outcomes = {outcome.test: outcome for outcome in read_outcomes(tmp_path / "outcomes")}
    assert {test: (outcome.result, outcome.reason) for test, outcome in outcomes.items()} == {
        "test_sample.py::test_passes[1]": (Result.PASSED, ""),
        "test_sample.py::test_passes[2]": (Result.PASSED, ""),
        "test_sample.py::test_marked": (Result.SKIPPED, "no such program"),
        "test_sample.py::test_asks_for_a_part": (Result.SKIPPED, "no such part"),
        "test_sample.py::test_known": (Result.KNOWN_FAULT, "D-19"),
        "test_sample.py::test_fails": (Result.FAILED, ""),
        "test_module.py": (Result.SKIPPED, "no such module"),
    }


# ---- the runner


def write_list(folder: Path, *stages: str) -> list[str]:
    """A list of stages with these commands; returns the runner's arguments."""
    entries = [f"{{ name = 'stage-{n}', minutes = 1, run = '{command}' }}," for n, command in enumerate(stages, 1)]
    path = folder / "stages.toml"
    path.write_text("\n".join(["stages = [", *entries, "]"]))
    return ["--stages", str(path), "--outcomes", str(folder / "outcomes")]


def test_stages_run_in_order_and_one_that_was_spent_before_is_not_run_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "log"
    arguments = write_list(tmp_path, f"echo one >>{log}", f"echo two >>{log}", f"echo three >>{log}")
    assert main([*arguments, "--spent", "stage-1=90"]) == 0
    assert log.read_text().split() == ["two", "three"]
    assert "stage-1 1.5 1 checked, over its budget" in lines(capsys.readouterr().out)


def test_a_stage_that_is_not_a_test_stage_is_not_asked_for_its_tests(tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert main(write_list(tmp_path, f"echo ${{{FOLDER}:-nobody}} >>{log}")) == 0
    assert log.read_text().split() == ["nobody"]


def test_the_first_stage_that_fails_ends_the_run_and_the_table_is_printed_all_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "log"
    assert main(write_list(tmp_path, "exit 3", f"echo two >>{log}")) == 1
    assert not log.exists()
    table = lines(capsys.readouterr().out)
    assert "stage-1 0.0 1 failed: ended with exit code 3" in table
    assert "stage-2: was not run to its end" in table


def test_a_run_that_is_ended_while_a_stage_is_being_started_ends_that_stage_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ci_run, "STOPPING", threading.Event())
    ci_run.STOPPING.set()  # as a signal does that comes before the stage can be waited for
    assert main(write_list(tmp_path, "sleep 300", "true")) == 1


def test_a_run_that_is_ended_from_outside_ends_its_stage_and_prints_the_table(tmp_path: Path) -> None:
    arguments = write_list(tmp_path, "sleep 300 & echo begun; wait", "true")
    command = [sys.executable, "-m", "scripts.ci", *arguments]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as runner:
        assert runner.stdout is not None
        for line in runner.stdout:
            if line.strip() == "begun":
                break
        runner.send_signal(signal.SIGTERM)
        table = lines(runner.stdout.read())  # ends only when `sleep`, which holds the pipe too, has ended
    assert runner.returncode == 1
    assert "stage-1: stopped from outside" in table
    assert "stage-2: was not run to its end" in table

"""Fixtures that several folders of tests share, and which tests `make test` leaves to another command."""

import gc
import os
import sys
from collections import Counter
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.internal.conjecture import providers
from hypothesis.internal.constants_ast import Constants

from slipway.cli import finding

# If Python is set to keep no bytecode, as in many container images, every process that a test starts would compile the
# product again, and every worker of pytest all tests: a third of the whole time.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# One profile for all tests: one that a folder registers would also apply to whatever is collected after it. Each run
# tries the same examples: few of them in `make test`, more in `make test-thorough`; `HYPOTHESIS_PROFILE=explore` tries
# many others. No property test fails for taking long, since a busy machine may be the reason.
settings.register_profile(
    "quick",
    max_examples=25,
    deadline=None,
    derandomize=True,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("thorough", settings.get_profile("quick"), max_examples=100)
settings.register_profile("explore", settings.get_profile("quick"), derandomize=False, max_examples=2_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))


def _same_constants() -> Constants:
    """Hypothesis also draws constants of the modules that happen to be imported. Which ones these are depends on what
    ran before in the same process, and with them every example that is drawn after the first of them."""
    return providers._local_constants


assert hasattr(providers, "_get_local_constants")
providers._get_local_constants = _same_constants

CONTRACT = Path(__file__).parent / "contract"
"""The tests that play a double and its real part alike, and those that compare a double with recorded answers."""

pytest_plugins = ["tests.azurite", "tests.chromium", "scripts.ci.outcomes"]


@pytest.fixture(autouse=True, scope="session")
def _no_running_stack() -> Iterator[None]:
    """No test reads the settings of a `make up` in this folder: it would ask an installation that somebody uses."""
    find_stack_file, own = finding.stack_file, CONTRACT.parents[1]

    def elsewhere(folder: Path) -> Path | None:
        file = find_stack_file(folder)
        return None if file == own / finding.STACK_FILE else file

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(finding, "stack_file", elsewhere)
        yield


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Exempt the collected tests from garbage collection: they are more than half a million objects that live to the
    end, and it would scan them again and again, while they are collected and while they run."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        gc.enable()


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Let each worker start at another place of the tests: in a fresh clone, where none is compiled yet, each compiles
    a part of them and finds the others compiled."""
    report = yield
    worker = getattr(collector.config, "workerinput", None)
    if worker and isinstance(collector, pytest.Dir):
        first = len(report.result) * int(worker["workerid"].removeprefix("gw")) // worker["workercount"]
        report.result = [*report.result[first:], *report.result[:first]]
    return report


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark tests that ask for a browser, those of contracts, and cases after the first n of a test
    marked `sweep(keep=n)` as thorough."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: item.path)  # all workers have to have them in the same order
    cases = Counter[str]()
    for item in items:
        if isinstance(item, pytest.Function) and "browser" in item.fixturenames:
            item.add_marker(pytest.mark.browser)
        if CONTRACT in item.path.parents:
            item.add_marker(pytest.mark.contract)
        sweep = item.get_closest_marker("sweep")
        if sweep is not None:
            name = item.nodeid.partition("[")[0]
            cases[name] += 1
            if cases[name] > sweep.kwargs["keep"]:
                item.add_marker(pytest.mark.thorough)

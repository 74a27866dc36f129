"""`make least-privilege [ARGS=--real]`: takes each right of the worker's role away in turn, and shows which test fails.

The contract of clusters (`tests/contract/cluster`) is run once on the double with the whole role that `infra/` grants;
the double reports which test used which right. Then each right that was used is taken away, and a test that used it
must fail: on the double, or with `--real` on a control plane of `make cluster`. It prints a table, and exits with 1 if
no test notices the loss of a right. Rights of the role that nothing uses are listed below it.
"""

import argparse
import contextlib
import io
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from local.cluster import NotBuilt, RealCluster, complete_programs
from local.kubernetes import KubernetesSettings, Simulation
from slipway.effects.cluster import azure_role
from tests.contract.cluster.identity import USED, WITHOUT
from tests.contract.cluster.manifests import BAD_TAG
from tests.contract.conftest import NAMED

SUITE = "tests/contract/cluster"
type Right = tuple[str, str, str]
"""Verb, API group, and resource with its subresource."""


@dataclass
class RightsRecorder:
    """The rights that each test used, and the tests that failed: a plugin of one run of pytest."""

    used: dict[str, list[Right]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call":
            self.seconds[report.nodeid] = report.duration
        if report.when == "teardown":
            rights = [str(text).split(" ") for name, text in report.user_properties if name == USED]
            self.used[report.nodeid] = [(verb, group, resource) for verb, group, resource in rights]
        if report.failed:
            self.failed.setdefault(report.nodeid, _failure_reason(report))


def _failure_reason(report: pytest.TestReport) -> str:
    crash = getattr(report.longrepr, "reprcrash", None)
    return str(crash.message if crash else report.longrepr).splitlines()[0]


def run(*tests: str, without: Right | None = None) -> RightsRecorder:
    """Run tests in this process, with or without a right."""
    recorder = RightsRecorder()
    os.environ.pop(WITHOUT, None)
    if without is not None:
        os.environ[WITHOUT] = " ".join(without)
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        exit_code = pytest.main(["--tb=short", "-p", "no:terminalreporter", *tests], plugins=[recorder])
    if exit_code not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        raise SystemExit(f"pytest ended with {exit_code!r} on {', '.join(tests)}")
    return recorder


def tests_by_right(recorder: RightsRecorder) -> dict[Right, list[str]]:
    """Pure: for each right the tests that used it, quickest first; a test that used few rights before one that used
    many, as its failure says more."""
    by_right: dict[Right, list[str]] = {}
    for test, rights in recorder.used.items():
        for right in rights:
            by_right.setdefault(right, []).append(test)
    for tests in by_right.values():
        tests.sort(key=lambda test: (len(recorder.used[test]), recorder.seconds.get(test, 0)))
    return by_right


def unused_rights(used: Sequence[Right]) -> list[str]:
    """Pure: the rights of the role that no test used."""
    lines = []
    for group, resource in sorted(azure_role.GRANTED):
        verbs = [v for act in azure_role.RoleRight for v in act.verbs if azure_role.role_allows(v, group, resource)]
        unused_verbs = [
            v for v in verbs if not any((v, group) == r[:2] and r[2].split("/")[0] == resource for r in used)
        ]
        if unused_verbs:
            lines.append(f"{_full_name(group, resource)}: {', '.join(unused_verbs)}")
    return lines


def _full_name(group: str, resource: str) -> str:
    return f"{resource}.{group}" if group else resource


def failure_without(right: Right, tests: Sequence[str]) -> tuple[str, str] | None:
    """The first of the tests that fails without a right, and how; None if none of them does."""
    failed = run("-x", *tests, without=right).failed
    return next(iter(failed.items())) if failed else None


def losses(real: bool) -> Iterator[tuple[Right, tuple[str, str] | None]]:
    """Each right that a test used, and the first test that fails without it, with the reason; None if none fails."""
    baseline = run(SUITE, "-m", "not cluster")
    if baseline.failed:
        test, why = next(iter(baseline.failed.items()))
        raise SystemExit(f"with the whole role {test} fails: {why}")
    noticing_tests: dict[
        str, list[str]
    ] = {}  # tests that noticed the loss of another right of this verb: they are losses first
    for right, tests in sorted(tests_by_right(baseline).items(), key=lambda entry: (entry[0][1:], entry[0][0])):
        first = [test for test in noticing_tests.get(right[0], ()) if test in tests]
        ordered = list(dict.fromkeys((*first, *tests)))
        failure = failure_without(right, [test.replace("[double", "[real") for test in ordered] if real else ordered)
        if failure is not None:
            noticing_tests.setdefault(right[0], []).append(failure[0].replace("[real", "[double"))
        yield right, failure


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--real", action="store_true", help="on a control plane of make cluster")
    real = parser.parse_args(arguments).real
    with contextlib.ExitStack() as stack:
        if real:
            settings = KubernetesSettings(simulate=Simulation(bad_images=(BAD_TAG,)))
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            try:
                cluster = stack.enter_context(
                    RealCluster(settings, programs=complete_programs(), folder=folder / "cluster")
                )
            except NotBuilt as reason:
                print(f"not checked: no control plane is built: {reason}", file=sys.stderr)
                return 2
            os.environ[NAMED] = str(cluster.kubeconfig)
        return table(losses(real))


def table(rights: Iterator[tuple[Right, tuple[str, str] | None]]) -> int:
    print("| without | this test fails | with |\n|---|---|---|")
    used, unnoticed = [], []
    for right, failure in rights:
        verb, group, resource = right
        used.append(right)
        if failure is None:
            unnoticed.append(right)
        test, why = failure or ("**none**", "")
        name = test.partition("::")[2] or test
        print(f"| {verb} {_full_name(group, resource)} | {name} | {why[:160].replace('|', '/')} |", flush=True)
    print("\nThe role also allows, and no test used:\n" + "\n".join(f"- {line}" for line in unused_rights(used)))
    for right in unnoticed:
        print(f"nobody notices that this is missing: {' '.join(right)}", file=sys.stderr)
    return 1 if unnoticed else 0


if __name__ == "__main__":
    sys.exit(main())

"""How the command runs Helm and Kustomize: without the caller's variables, within limits, and saying why they fail."""

from pathlib import Path

import pytest

from slipway.bundle.rendering import LARGEST_OUTPUT, Conditions, Program
from slipway.cli.programs import APART, Programs
from slipway.manifests.problems import ConfigError
from tests.unit.bundle.samples import SERVICE, build_bundle

FILE = "environments/staging/values.yaml"


def programs(folder: Path, script: str, *, seconds: float = 30, pauses: list[float] | None = None) -> Programs:
    """A PATH with a program `helm` that is this script, and a clock that stands still."""
    program = folder / "helm"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    paused: list[float] = [] if pauses is None else pauses
    environment = {"PATH": str(folder), "SECRET": "hunter2", "KUBECONFIG": "/home/ada/.kube/config"}
    return Programs(environment, seconds=seconds, clock=lambda: 100.0, pause=paused.append)


def run(runner: Programs, conditions: Conditions = Conditions.ONE) -> bytes:
    return runner.run(Program.HELM, ("template", "a b"), conditions, FILE)


def refused(runner: Programs) -> str:
    with pytest.raises(ConfigError) as caught:
        run(runner)
    return str(caught.value)


def test_a_program_gets_its_arguments_and_none_of_the_callers_variables(tmp_path: Path) -> None:
    output = run(programs(tmp_path, 'printf "%s|" "$@"; set')).decode()
    assert output.startswith("template|a b|")
    assert "hunter2" not in output
    assert "kube/config" not in output


def test_the_two_compared_runs_differ_in_home_time_zone_and_second(tmp_path: Path) -> None:
    pauses: list[float] = []
    runner = programs(tmp_path, 'echo "$HOME $TZ"', pauses=pauses)
    first, second = (run(runner, conditions).split() for conditions in Conditions)
    assert first[0] != second[0]
    assert first[1] != second[1]
    assert pauses == [pytest.approx(APART)]


def test_a_missing_program_is_reported_with_the_supported_versions(tmp_path: Path) -> None:
    files = {FILE: "{}\n", "chart/Chart.yaml": "name: shop\n", "environments/production/service.yaml": SERVICE}
    with pytest.raises(ConfigError) as caught:
        build_bundle(tmp_path, files)
    assert str(caught.value) == (
        f"{FILE}:1: expected helm on the PATH, got none; install Helm 3 or 4 (tested with 3.22.0 and 4.1.0)"
    )
    with pytest.raises(ConfigError) as caught:
        build_bundle(tmp_path / "k", {"environments/staging/kustomization.yaml": "resources: []\n"})
    assert "expected kustomize on the PATH, got none; install Kustomize 5 (tested with 5.8.1)" in str(caught.value)


@pytest.mark.parametrize(
    ("output", "version"), [("v3.22", "3.22"), ("v4.3.0", "4.3.0"), ("v3.19.1+g1a2b", "3.19.1+g1a2b")]
)
def test_a_known_version_is_written_down(tmp_path: Path, output: str, version: str) -> None:
    assert programs(tmp_path, f"echo {output}").version(Program.HELM, FILE) == version


@pytest.mark.parametrize("output", ["v2.17.0", "v5.0.0", "nonsense", ""])
def test_a_version_that_is_not_known_is_refused(tmp_path: Path, output: str) -> None:
    with pytest.raises(ConfigError) as caught:
        programs(tmp_path, f"echo '{output}'").version(Program.HELM, FILE)
    assert f"{FILE}:1: expected Helm 3 or 4 (tested with 3.22.0 and 4.1.0), got {output!r}" in str(caught.value)


def test_the_error_output_of_a_program_is_reported_in_one_line(tmp_path: Path) -> None:
    script = 'echo "Error: no database" >&2; echo "  at line 3" >&2; echo "Use --debug flag to see more" >&2; exit 1'
    assert refused(programs(tmp_path, script)) == f"{FILE}:1: helm refuses it: no database at line 3"


def test_a_program_that_does_not_end_is_ended(tmp_path: Path) -> None:
    assert "expected helm to end in 0.2 s, got no end" in refused(
        programs(tmp_path, "while :; do :; done", seconds=0.2)
    )


def test_a_program_that_prints_without_end_is_ended(tmp_path: Path) -> None:
    script = f'while :; do printf "%{1024 * 1024}s" x; done'
    expected = f"expected at most {LARGEST_OUTPUT // 1024**2} MiB from helm, got more"
    assert expected in refused(programs(tmp_path, script))

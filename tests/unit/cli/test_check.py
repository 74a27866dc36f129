"""`slipway check`: projects and applications are checked with no app at hand, and problems point at their lines."""

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from slipway.catalogue.schema import schema_text
from slipway.cli.root import root

EXAMPLE = Path(__file__).parents[3] / "examples" / "hello-aks"


def slipway(*arguments: str) -> Result:
    return CliRunner().invoke(root, list(arguments), env={"SLIPWAY_URL": None}, prog_name="slipway")


@pytest.fixture
def deliveries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder `deliveries` in the current one, with the example in a folder below its project."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "deliveries"
    shutil.copytree(EXAMPLE, folder / "hello")
    (folder / "hello" / "project.yaml").rename(folder / "project.yaml")
    return folder


def reported(result: Result) -> list[str]:
    """The reported problems, without the notes about what was not checked."""
    return [line for line in result.stdout.splitlines() if not line.startswith("! not checked: ")]


def not_checked(result: Result) -> list[str]:
    return [line for line in result.stdout.splitlines() if line.startswith("! not checked: ")]


def line_of(file: Path, text: str) -> int:
    return next(n for n, line in enumerate(file.read_text().splitlines(), start=1) if text in line)


def misspell(deliveries: Path) -> int:
    """Misspells a field; returns the line."""
    file = deliveries / "hello" / "application.yaml"
    line = line_of(file, "start: both")
    file.write_text(file.read_text().replace("start: both", "strat: both", 1))
    return line


@pytest.mark.parametrize("path", [(), ("deliveries",)])
def test_documents_without_problems_are_named(deliveries: Path, path: tuple[str, ...]) -> None:
    result = slipway("check", *path)
    assert (result.exit_code, reported(result)) == (0, ["✓ project hello, hello: no problems"])
    (names,) = not_checked(result)
    assert "registries, clusters and channels that are named (project hello, hello), because no installation" in names


@pytest.mark.parametrize("path", ["deliveries/hello", "deliveries/hello/application.yaml"])
def test_an_application_without_its_project_is_reported_as_not_checked_against_its_limits(
    deliveries: Path, path: str
) -> None:
    result = slipway("check", path)
    assert (result.exit_code, reported(result)) == (0, ["✓ hello: no problems"])
    limits, names = not_checked(result)
    assert limits.startswith(
        "! not checked: whether hello keeps within its project hello, which is not here, because no"
    )
    assert "(hello), because no installation was found" in names


@pytest.mark.parametrize("folder", [("deliveries",), ("deliveries/hello/application.yaml",)])
def test_a_problem_is_printed_with_file_and_line(deliveries: Path, folder: tuple[str, ...]) -> None:
    line = misspell(deliveries)
    result = slipway("check", *folder)
    assert result.exit_code == 1
    problem = "strat: unknown field; did you mean 'start'?"
    assert reported(result) == [f"deliveries/hello/application.yaml:{line}: {problem}"]
    assert result.stderr == "1 problem\n"


def test_every_problem_of_every_application_is_printed(deliveries: Path) -> None:
    misspell(deliveries)
    (deliveries / "odd").mkdir()
    (deliveries / "odd" / "application.yaml").write_text("a: [")
    result = slipway("check")
    assert result.exit_code == 1
    assert [line.split(":")[0] for line in reported(result)] == [
        "deliveries/hello/application.yaml",
        "deliveries/odd/application.yaml",
    ]
    assert result.stderr == "2 problems\n"


@pytest.mark.parametrize("below", ["deliveries", "deliveries/hello"])
def test_files_are_named_relative_to_the_current_folder(
    deliveries: Path, monkeypatch: pytest.MonkeyPatch, below: str
) -> None:
    misspell(deliveries)
    monkeypatch.chdir(deliveries.parent / below)
    (line,) = reported(slipway("check", ".."))
    assert Path(line.split(":")[0]).resolve() == deliveries / "hello" / "application.yaml"
    (line,) = reported(slipway("check", "."))
    assert (Path.cwd() / line.split(":")[0]).is_file()


def test_a_file_outside_the_current_folder_is_named_by_its_full_path(
    deliveries: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    misspell(deliveries)
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    (line,) = reported(slipway("check", str(deliveries)))
    assert line.startswith(f"{deliveries}/hello/application.yaml:")


def test_a_missing_path_and_a_folder_without_documents_are_reported(tmp_path: Path) -> None:
    result = slipway("check", str(tmp_path / "nowhere"))
    assert result.exit_code == 1
    assert "there is no such file" in result.stdout
    result = slipway("check", str(tmp_path))
    assert result.exit_code == 1
    assert "expected a project.yaml or an application.yaml in it" in result.stdout


def test_the_schema_is_the_one_of_the_reference() -> None:
    result = slipway("schema", "application")
    assert result.stdout == schema_text("application")
    assert json.loads(result.stdout)["title"] == "An application of Slipway"

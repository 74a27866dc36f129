"""`slipway delivery`: deliveries are checked with no app at hand, and problems point at their lines."""

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from slipway.catalogue.schema import schema_text
from slipway.cli.root import root

DELIVERIES = Path(__file__).parents[3] / "deliveries"


def slipway(*arguments: str) -> Result:
    return CliRunner().invoke(root, list(arguments), env={"SLIPWAY_URL": None}, prog_name="slipway")


@pytest.fixture
def deliveries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of this repository's deliveries in the current folder."""
    monkeypatch.chdir(tmp_path)
    return Path(shutil.copytree(DELIVERIES, tmp_path / "deliveries"))


def line_of(file: Path, text: str) -> int:
    return next(n for n, line in enumerate(file.read_text().splitlines(), start=1) if text in line)


def broken(deliveries: Path) -> int:
    """Misspells the application's name; returns the line."""
    file = deliveries / "hello" / "delivery.yaml"
    line = line_of(file, "application: hello")
    file.write_text(file.read_text().replace("application: hello", "application: hallo", 1))
    return line


@pytest.mark.parametrize("folder", [(), ("deliveries",), ("deliveries/hello",), ("deliveries/hello/delivery.yaml",)])
def test_good_deliveries_are_named(deliveries: Path, folder: tuple[str, ...]) -> None:
    result = slipway("delivery", "check", *folder)
    assert (result.exit_code, result.stdout) == (0, "✓ hello: no problems\n")


@pytest.mark.parametrize("folder", [(), ("deliveries/hello",)])
def test_a_problem_is_printed_with_file_and_line(deliveries: Path, folder: tuple[str, ...]) -> None:
    line = broken(deliveries)
    result = slipway("delivery", "check", *folder)
    assert result.exit_code == 1
    expected = "expected the folder's name, 'hello', got 'hallo'"
    assert result.stdout == f"deliveries/hello/delivery.yaml:{line}: application: {expected}\n"
    assert result.stderr == "1 problem\n"


def test_every_problem_of_every_application_is_printed(deliveries: Path) -> None:
    broken(deliveries)
    (deliveries / "empty").mkdir()
    result = slipway("delivery", "check")
    assert result.exit_code == 1
    assert [line.split(":")[0] for line in result.stdout.splitlines()] == [
        "deliveries/empty/delivery.yaml",
        "deliveries/hello/delivery.yaml",
    ]
    assert result.stderr == "2 problems\n"


@pytest.mark.parametrize(("below", "prefix"), [("deliveries", "../"), ("deliveries/hello", "../../")])
def test_files_are_named_as_they_are_seen_from_here(
    deliveries: Path, monkeypatch: pytest.MonkeyPatch, below: str, prefix: str
) -> None:
    broken(deliveries)
    monkeypatch.chdir(deliveries.parent / below)
    (line,) = slipway("delivery", "check", ".").stdout.splitlines()
    assert line.startswith(f"{prefix}deliveries/hello/delivery.yaml:")
    assert Path(line.split(":")[0]).is_file()


def test_a_folder_elsewhere_is_named_whole(
    deliveries: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken(deliveries)
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    (line,) = slipway("delivery", "check", str(deliveries)).stdout.splitlines()
    assert line.startswith(f"{deliveries}/hello/delivery.yaml:")


def test_a_folder_that_is_not_there_and_one_without_deliveries_are_problems(tmp_path: Path) -> None:
    result = slipway("delivery", "check", str(tmp_path / "nowhere"))
    assert result.exit_code == 1
    assert "there is no such folder" in result.stdout
    result = slipway("delivery", "check", str(tmp_path))
    assert result.exit_code == 1
    assert "expected folders that each hold a delivery.yaml, got none" in result.stderr


def test_the_schema_is_the_one_of_the_reference() -> None:
    result = slipway("delivery", "schema")
    assert result.stdout == schema_text()
    assert json.loads(result.stdout)["title"] == "A delivery.yaml of Slipway"

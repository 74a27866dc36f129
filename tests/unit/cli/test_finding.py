"""Where the command looks for the app, and where its key goes."""

import json
from pathlib import Path

import click
import pytest

from slipway.cli import finding
from slipway.cli.errors import CliError
from slipway.cli.finding import STACK_FILE, FoundApp, find_app
from tests.unit.cli.conftest import Command
from tests.unit.cli.served import KEY, Served

HERE = "http://127.0.0.1:7071"
AZURE = "https://app.azurewebsites.net"


def stack(folder: Path, content: str | None = None) -> Path:
    file = folder / STACK_FILE
    file.parent.mkdir(parents=True)
    file.write_text(content if content is not None else json.dumps({"url": HERE, "key": "of-the-stack"}))
    return file


def find(folder: Path, *, url: str | None = None, key: str | None = None, **environment: str) -> FoundApp:
    return find_app(url=url, key=key, environment=environment, folder=folder)


def test_the_options_come_before_the_environment_and_that_before_the_stack(tmp_path: Path) -> None:
    stack(tmp_path)
    environment = {"SLIPWAY_URL": "https://environment.example.com", "SLIPWAY_KEY": "of-the-environment"}
    assert find(tmp_path, url=AZURE, key="given", **environment) == FoundApp(url=AZURE, key="given", source="--url")
    assert find(tmp_path, **environment).url == "https://environment.example.com"
    assert find(tmp_path, **environment).key == "of-the-environment"
    assert find(tmp_path).key == "of-the-stack"


def test_the_stack_is_found_from_a_folder_below_it(tmp_path: Path) -> None:
    file = stack(tmp_path)
    below = tmp_path / "deliveries" / "shop"
    below.mkdir(parents=True)
    assert find(below) == FoundApp(url=HERE, key="of-the-stack", source=str(file))


def test_no_test_reads_the_settings_of_a_stack_that_runs_in_this_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finding, "STACK_FILE", Path("pyproject.toml"))  # a file that is certainly there
    with pytest.raises(CliError, match="no installation was found"):
        find(Path(__file__).parent)


def test_the_key_of_the_stack_goes_to_no_other_app(tmp_path: Path) -> None:
    stack(tmp_path)
    assert find(tmp_path, url=AZURE).key == ""
    assert find(tmp_path, SLIPWAY_URL=AZURE).key == ""


def test_a_command_that_finds_no_installation_says_what_to_do(slipway: Command) -> None:
    result = slipway("releases", SLIPWAY_URL=None, SLIPWAY_KEY=None)
    assert result.exit_code == 4
    assert "run `make up`" in result.stderr
    assert "SLIPWAY_URL" in result.stderr


@pytest.mark.parametrize("content", ["", "no JSON", "[]", "{}", '{"url": "http://127.0.0.1:1"}', "\ufeff"])
def test_a_stack_file_that_cannot_be_read_is_named(tmp_path: Path, content: str) -> None:
    file = stack(tmp_path, content)
    with pytest.raises(CliError, match="expected a JSON object with url and key") as trouble:
        find(tmp_path)
    assert str(file) in trouble.value.message


@pytest.mark.parametrize("url", ["http://app.example.com", "http://10.0.0.4:7071", "http://127.0.0.1.example.com"])
def test_the_key_does_not_travel_in_the_clear_to_another_machine(tmp_path: Path, url: str) -> None:
    with pytest.raises(click.UsageError, match="expected https"):
        find(tmp_path, url=url)


@pytest.mark.parametrize("url", [HERE, "http://localhost:7071", "http://[::1]:7071", AZURE, f"{AZURE}/"])
def test_addresses_of_this_machine_and_addresses_with_https_are_accepted(tmp_path: Path, url: str) -> None:
    assert find(tmp_path, url=url).url == url.rstrip("/")


@pytest.mark.parametrize(
    "url",
    ["app", "ftp://app", "https://", "https://user:word@app", f"{AZURE}?code=secret", f"{AZURE}/#x", "http://[", ""],
)
def test_an_invalid_address_is_refused_without_repeating_its_secrets(tmp_path: Path, url: str) -> None:
    with pytest.raises((click.UsageError, CliError)) as refused:
        find(tmp_path, url=url)
    assert "secret" not in str(refused.value)
    assert "word@" not in str(refused.value)


def test_an_address_with_a_path_is_kept(tmp_path: Path) -> None:
    assert find(tmp_path, url="https://gateway.example.com/slipway/").url == "https://gateway.example.com/slipway"


def test_the_key_is_in_no_repr() -> None:
    assert "given" not in repr(FoundApp(url=AZURE, key="given", source="--url"))


def test_the_key_travels_in_a_header_and_never_in_the_address(slipway: Command, app: Served) -> None:
    result = slipway("audit", "verify")
    assert result.exit_code == 0
    assert app.requests
    assert all(request.headers["x-functions-key"] == KEY and KEY not in request.target for request in app.requests)
    assert KEY not in result.output


def test_url_and_key_may_stand_before_and_after_the_command(slipway: Command, app: Served) -> None:
    options = ("--url", app.url, "--key", KEY)
    no_environment = {"SLIPWAY_URL": None, "SLIPWAY_KEY": None}
    assert slipway(*options, "releases", **no_environment).exit_code == 0
    assert slipway("releases", *options, **no_environment).exit_code == 0
    assert slipway("--url", "https://app.invalid", "releases", *options, **no_environment).exit_code == 0

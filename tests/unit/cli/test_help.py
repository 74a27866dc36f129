"""Help, reference, completion: every command explains itself, and asking for it is quick."""

import subprocess
import sys
from pathlib import Path
from string import ascii_lowercase

import click
import pytest
from click.testing import CliRunner

from scripts.reference.cli import page
from slipway import __version__
from slipway.cli.root import root
from slipway.domain.actions import Action
from slipway.domain.audit_query import ActionClass

SLOW = ("rich", "urllib3", "pydantic", "yaml", "azure", "kubernetes")
REFERENCE = Path(__file__).parents[3] / "docs" / "reference" / "cli.md"


def commands(group: click.Group, *names: str) -> list[tuple[tuple[str, ...], click.Command]]:
    context = click.Context(group)
    leaves = []
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            leaves += commands(command, *names, name)
        else:
            leaves.append(((*names, name), command))
    return leaves


ALL = commands(root)
each_command = pytest.mark.parametrize(("names", "command"), ALL, ids=[" ".join(names) for names, _ in ALL])


def test_the_reference_page_is_the_help_of_the_commands() -> None:
    reference = REFERENCE.read_text(encoding="utf-8")
    assert reference == page(), "run: python -m scripts.reference.cli > docs/reference/cli.md"


@each_command
def test_every_command_shows_an_example_of_itself(names: tuple[str, ...], command: click.Command) -> None:
    result = CliRunner().invoke(root, [*names, "--help"], prog_name="slipway")
    assert result.exit_code == 0
    assert "Example" in result.stdout
    assert f"slipway {' '.join(names)}" in result.stdout.split("Example")[1]


EVERY = sorted({names[:length] for names, _ in ALL for length in range(len(names) + 1)})


@pytest.mark.parametrize("names", EVERY, ids=lambda names: " ".join(("slipway", *names)))
def test_help_fits_a_terminal_but_for_examples_that_are_copied(names: tuple[str, ...]) -> None:
    help_text = CliRunner().invoke(root, [*names, "--help"], prog_name="slipway", terminal_width=80).stdout
    lines = [line for line in help_text.splitlines() if not line.lstrip().startswith(("slipway ", "SLIPWAY_"))]
    assert [line for line in lines if len(line) > 80] == []
    assert [line for line in lines if line.endswith("...") and not line.startswith("Usage")] == []


@each_command
def test_every_option_says_what_it_does(names: tuple[str, ...], command: click.Command) -> None:
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{' '.join(names)} {parameter.name}"


def test_help_imports_nothing_slow() -> None:
    program = f"""
import sys
from click.testing import CliRunner
from slipway.cli.root import root
assert CliRunner().invoke(root, ["--help"]).exit_code == 0
print([name for name in {SLOW!r} if name in sys.modules])
"""
    process = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert process.stdout.strip() == "[]"


def test_the_version_is_printed() -> None:
    assert CliRunner().invoke(root, ["--version"], prog_name="slipway").stdout == f"slipway {__version__}\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_a_script_that_completes_slipway(shell: str) -> None:
    result = CliRunner().invoke(root, ["completion", shell], prog_name="slipway")
    assert result.exit_code == 0
    assert f"_SLIPWAY_COMPLETE={shell}_complete" in result.stdout


def completions(words: str) -> list[str]:
    """What a shell offers to complete these words with."""
    completing = {"_SLIPWAY_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(len(words.split()) - 1)}
    result = CliRunner().invoke(root, [], env=completing, prog_name="slipway")
    return [line.removeprefix("plain,") for line in result.stdout.split()]


def test_completion_offers_the_commands() -> None:
    assert completions("slipway audit ver") == ["verify"]


def test_completion_offers_every_action_and_class_to_filter_by() -> None:
    offered = {name for first in ascii_lowercase for name in completions(f"slipway audit list --action {first}")}
    assert offered == {*Action, *ActionClass}
    assert completions("slipway audit list --action anchor.c") == ["anchor.contradicted"]

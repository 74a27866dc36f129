"""The commands in the docs that look at an installation are run against one."""

import os
import re
from http import HTTPStatus
from pathlib import Path

import pytest
from click.testing import CliRunner

from slipway.cli.root import root
from tests.docs.commands import ROOT, Command, blocks, commands
from tests.integration.system import System

pytestmark = pytest.mark.stack
READ_ONLY = frozenset(
    {"applications", "releases", "release", "explain", "approvals", "parked list"}
    | {"audit list", "audit verify", "audit export", "check", "schema", "completion", "history"}
)
"""Commands that change nothing and need only an installation with a release; they may write files."""
BROUGHT_ALONG = "kept.jsonl"
"""A file that the reader has from elsewhere."""
OF_THE_READER = "cart"
"""The application that a reader writes; `test_own_application.py` types those lines."""
ENDS_OTHERWISE = {"audit verify --votes": (0, 6)}
"""The tokens of the newest votes are not given out until they have expired, and there may be such votes."""
PLAYED = "docs"
RELEASE, APPLICATION = re.compile(r"\b(?:shop|hello)-\d+\b"), re.compile(r"\b(?:shop|hello)\b")


def read_only_commands() -> dict[str, Command]:
    """Each such command of the docs once, by its words. Blocks that need something else are left out."""
    slipway_commands = [
        command
        for b in blocks()
        if b.language == "sh" and not b.marked
        for command in commands(b)
        if command.is_slipway
    ]
    return {
        " ".join(command.words[1:]): command
        for command in slipway_commands
        if READ_ONLY & {" ".join(command.words[1:2]), " ".join(command.words[1:3])}
        and not {"--url", BROUGHT_ALONG} & set(command.words)
        and not any(OF_THE_READER in word for word in command.words)
    }


def test_the_docs_have_commands_that_look_at_an_installation() -> None:
    assert {"releases", "audit verify"} <= set(read_only_commands())


def test_every_command_of_the_docs_that_looks_at_an_installation_succeeds(
    system: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    application = system.application(PLAYED)
    release = application.waiting("1.0.0")
    environment = {**os.environ, **system.stack.command_environment()}
    wrong = []
    for line, command in read_only_commands().items():
        words = [APPLICATION.sub(PLAYED, RELEASE.sub(release, word)) for word in command.words[1:]]
        result = CliRunner().invoke(root, words, env=environment)
        if result.exit_code not in ENDS_OTHERWISE.get(line, (0,)):
            wrong.append(f"{command.block.place}: slipway {line}: {result.exit_code}: {result.stderr[-500:]}")
    wrong += [
        f"{block.place}: curl {command.path}: {status}"
        for block in blocks()
        if block.language == "sh" and not block.marked
        for command in commands(block)
        if command.path is not None and (status := _status(system, command.path)) != HTTPStatus.OK
    ]
    assert wrong == []


def _status(system: System, path: str) -> int:
    headers = {"x-functions-key": system.stack.secrets.function_key}
    return system.stack.http.request("GET", f"{system.stack.url}/{path}", headers=headers).status

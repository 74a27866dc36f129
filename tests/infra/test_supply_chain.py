"""Everything that comes from elsewhere is named by its hash: packages that pip installs, images that a build begins
with."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.infra.compiler import ROOT

OWN = ("--no-deps", "--no-build-isolation")
"""How our own folder is installed: nothing is fetched for it, not even what builds it."""
NO_COMMANDS = (".md", ".py")
DIGEST = re.compile(r"@sha256:[0-9a-f]{64}(?:\s|$)")


def tracked_files(*patterns: str) -> list[Path]:
    names = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", *patterns],
        cwd=ROOT, check=True, capture_output=True, text=True,
    ).stdout.split("\0")  # fmt: skip
    return [ROOT / name for name in names if name and (ROOT / name).is_file()]


def commands_of(file: Path) -> list[str]:
    """Lines of a script or a pipeline, with continued lines joined."""
    return file.read_text(encoding="utf-8").replace("\\\n", " ").splitlines()


REQUIREMENTS = [file for file in tracked_files("*requirements*.txt") if "node_modules" not in file.parts]
INSTALLS = [
    pytest.param(line.strip(), id=f"{file.relative_to(ROOT)}:{number}")
    for file in tracked_files("Makefile", "scripts", "pipelines", "examples", ".ci", "infra", "local", "tools")
    if file.suffix not in NO_COMMANDS and file.name != "package-lock.json"
    for number, line in enumerate(commands_of(file), 1)
    if re.search(r"\bpip_install (?!\()|\bpip install\b", line)
]


@pytest.mark.parametrize("file", REQUIREMENTS, ids=lambda file: str(file.relative_to(ROOT)))
def test_every_requirement_is_pinned_with_its_hashes(file: Path) -> None:
    requirements = [line for line in commands_of(file) if line.strip() and not line.lstrip().startswith("#")]
    assert [
        line[:60] for line in requirements if not re.match(r"[\w.-]+==[^ ]+ .*--hash=sha256:[0-9a-f]{64}", line)
    ] == []


def test_the_known_installs_are_found() -> None:
    """Otherwise the next test might check nothing."""
    assert len(INSTALLS) >= 8


@pytest.mark.parametrize("command", INSTALLS)
def test_everything_is_installed_by_hash(command: str) -> None:
    if 'pip_install "$@"' in command or command.endswith('"$@"'):
        return  # the function that the others call
    assert "--require-hashes" in command or all(option in command for option in OWN), command


@pytest.mark.parametrize("file", tracked_files("*Dockerfile*"), ids=lambda file: str(file.relative_to(ROOT)))
def test_every_image_that_a_build_begins_with_is_named_by_digest(file: Path) -> None:
    from_lines = [line for line in commands_of(file) if line.upper().startswith("FROM ")]
    stages = {line.split()[-1] for line in from_lines if " AS " in line.upper()}
    assert from_lines
    assert [line for line in from_lines if not DIGEST.search(line) and line.split()[1] not in stages] == []


def test_every_image_that_our_pipelines_run_is_named_by_digest() -> None:
    defaults = [
        line.split(":", 1)[1].strip()
        for file in tracked_files("pipelines/*.yml")
        for line in commands_of(file)
        if re.match(r"\s+default: [a-z0-9.-]+/[a-z0-9./-]+:", line)
    ]
    assert len(defaults) == 2
    assert [image for image in defaults if not DIGEST.search(image)] == []

"""What is deployed: a package made as `.funcignore` says, in which the app starts with nothing else beside it."""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from pathspec import GitIgnoreSpec

from tests.infra.compiler import ROOT
from tests.infra.installed import app_settings
from tests.infra.test_agreement import DEFAULT, SECRETS

PARTS = {
    "function_app.py",
    "functions",
    "slipway",
    "deliveries",
    "host.json",
    "requirements.txt",
    "LICENSE",
    ".funcignore",
}
INBOX = {"inbox": {"kind": "webhook", "url": "https://inbox.example.com", "secret": "at least 16 characters"}}
START = "import function_app, slipway; print(slipway.__file__); print(len(function_app.app.get_functions()))"


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files that git knows, without those that `.funcignore` names."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split("\0")
    left_out = GitIgnoreSpec.from_lines((ROOT / ".funcignore").read_text(encoding="utf-8").splitlines())
    folder = tmp_path_factory.mktemp("package")
    for name in filter(None, listed):
        if not left_out.match_file(name) and (ROOT / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, folder / name)
    return folder


def test_it_holds_what_is_needed_and_nothing_else(package: Path) -> None:
    assert {path.name for path in package.iterdir()} == PARTS
    assert not (package / "slipway/cli").exists()


def test_what_the_commands_of_this_folder_make_is_left_out() -> None:
    left_out = GitIgnoreSpec.from_lines((ROOT / ".funcignore").read_text(encoding="utf-8").splitlines())
    made = [line.strip() for line in (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines() if line.strip()]
    examples = [name.replace("*.py[cod]", "__pycache__/x.pyc").replace("*", "x") for name in made]
    inside = [f"{name}file" if name.endswith("/") else name for name in examples if name != "node_modules/"]
    assert [name for name in inside if not left_out.match_file(name)] == []


def test_the_app_starts_with_the_package_alone(package: Path) -> None:
    settings = {
        **app_settings(DEFAULT),
        **SECRETS,
        "SLIPWAY_CHANNELS": json.dumps(INBOX),
        "SLIPWAY_SIGNING_KEYS": "one:" + "a" * 43 + "=",  # in the place of the vault, which nobody answers for here
        "SLIPWAY_KEY_VAULT": "",
    }
    clean = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG")}
    started = subprocess.run(
        [sys.executable, "-B", "-c", START],
        cwd=package,
        env={**clean, **settings},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert started.returncode == 0, started.stderr[-3000:]
    place, number = started.stdout.split()
    assert Path(place).is_relative_to(package)
    assert int(number) > 20


def _imported(folder: Path) -> dict[str, str]:
    """Top-level names that the package imports anywhere, lazily too, each with a file that does."""
    found: dict[str, str] = {}
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                names = [node.module]
            found |= {name: str(path.relative_to(folder)) for name in names}
    return found


def test_all_that_it_imports_is_pinned_in_its_requirements(package: Path) -> None:
    pinned = {
        re.sub(r"[-_.]+", "-", name).lower()
        for name in re.findall(
            r"^([\w.-]+)(?:\[[\w,-]+\])?==", (package / "requirements.txt").read_text(), re.MULTILINE
        )
    }
    installed = packages_distributions()
    missing = []
    for name, file in _imported(package).items():
        top = name.partition(".")[0]
        if top in sys.stdlib_module_names or top in ("slipway", "functions", "function_app"):
            continue
        owners = {re.sub(r"[-_.]+", "-", owner).lower() for owner in installed.get(top, [])}
        if not owners & pinned:
            missing.append(f"{file}: {name}")
    assert missing == []

"""The package that the hook makes and azd deploys: the app starts from it, with nothing else beside it."""

import importlib.util
import json
import os
import re
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.infra.compiler import INFRA, ROOT, stored
from tests.infra.installed import app_settings, at, site
from tests.infra.test_agreement import DEFAULT, with_secrets

ROLES_OF = {"single": "single", "front": "default", "worker": "default"}
"""Each role, with an option set in which one app has it."""
PARTS = {"function_app.py", "functions", "slipway", "host.json", "LICENSE"}
INBOX = {"inbox": {"kind": "webhook", "url": "https://inbox.example.com", "secret": "at least 16 characters"}}
START = """
import json, function_app, slipway
names = sorted(function.get_function_name() for function in function_app.app.get_functions())
print(json.dumps({"place": slipway.__file__, "functions": names}))
"""


def _hook() -> ModuleType:
    """The hook as a module, which finds its neighbours where it is run."""
    sys.path.insert(0, str(INFRA / "hooks"))
    try:
        spec = importlib.util.spec_from_file_location("azure_package", INFRA / "hooks/azure_package.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(INFRA / "hooks"))
    return module


HOOK = _hook()


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("package") / "app"
    HOOK.gather(folder)
    return folder


def test_the_package_holds_only_the_parts_that_the_app_needs(package: Path) -> None:
    assert {path.name for path in package.iterdir()} == PARTS
    assert not (package / "slipway/cli").exists()
    assert not list(package.rglob("__pycache__"))


def test_the_package_holds_every_tracked_file_of_its_parts(package: Path) -> None:
    names = subprocess.run(
        ["git", "ls-files", "-z", "functions", "slipway"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.split("\0")
    expected = [name for name in names if name and not name.startswith("slipway/cli/") and (ROOT / name).exists()]
    assert [name for name in expected if not (package / name).exists()] == []


def test_an_earlier_package_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app/old.py").touch()
    HOOK.gather(tmp_path / "app")
    assert {path.name for path in (tmp_path / "app").iterdir()} == PARTS


def start(package: Path, settings: dict[str, str]) -> dict[str, Any]:
    """Imports the app as the worker does, with nothing but these settings and the package."""
    clean = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG")}
    process = subprocess.run(
        [sys.executable, "-B", "-c", START],
        cwd=package,
        env={**clean, **settings},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert process.returncode == 0, process.stderr[-3000:]
    report: dict[str, Any] = json.loads(process.stdout.splitlines()[-1])
    return report


def installed_settings(role: str) -> dict[str, str]:
    """The settings that the template makes for a role's app, with the secrets of the hook."""
    settings = with_secrets(app_settings(stored(ROLES_OF[role]), role))
    if "SLIPWAY_KEY_VAULT" in settings:  # there is no vault here, so the key is handed in
        settings |= {"SLIPWAY_KEY_VAULT": "", "SLIPWAY_SIGNING_KEYS": "one:" + "a" * 43 + "="}
    return settings


SERVED = {
    "front": {"health", "azure_devops_hook", "page_sign_in", "page_said_back"},
    "worker": {"take_event", "take_hint", "run_step", "reconcile"},
}
SERVED["single"] = SERVED["front"] | SERVED["worker"]


@pytest.mark.sweep(keep=1)
@pytest.mark.parametrize("role", ROLES_OF)
def test_a_bare_installation_starts_without_any_application(package: Path, role: str) -> None:
    """With exactly what `azd up` leaves behind; the functions for which postdeploy.py waits are there."""
    report = start(package, installed_settings(role))
    assert Path(report["place"]).is_relative_to(package)
    functions = set(report["functions"])
    assert SERVED[role] <= functions
    if role != "single":
        assert not functions & SERVED["worker" if role == "front" else "front"]


def test_the_wheels_are_for_the_python_that_the_template_asks_for() -> None:
    for role in ("front", "worker"):
        assert at(site(DEFAULT, role), "properties.functionAppConfig.runtime.version") == HOOK.PYTHON


def test_the_same_sources_give_the_same_files(tmp_path: Path) -> None:
    info = "app/.python_packages/lib/site-packages/some-1.0.dist-info"
    for name, date in (("one", 1_700_000_000), ("two", 1_800_000_000)):
        folder = tmp_path / name / info
        folder.mkdir(parents=True)
        for file in ("METADATA", "RECORD", "direct_url.json"):
            (folder / file).write_text(str(tmp_path / name) if file != "METADATA" else "some", encoding="utf-8")
            os.utime(folder / file, (date, date))
        HOOK.make_reproducible(tmp_path / name / "app")
    files = [
        [
            (path.relative_to(tmp_path / name), path.stat().st_mtime, path.read_bytes())
            for path in sorted((tmp_path / name).rglob("*"))
            if path.is_file()
        ]
        for name in ("one", "two")
    ]
    assert files[0] == files[1]
    assert len(files[0]) == 1


def test_modules_are_compiled_to_the_same_bytes_each_time_and_taken_whatever_their_date(tmp_path: Path) -> None:
    packages = [tmp_path / name for name in ("one", "two")]
    for package in packages:
        inner = package / "slipway"
        inner.mkdir(parents=True)
        (inner / "__init__.py").write_text("NAMES = {'front', 'worker'}\nprint('compiled')\n", encoding="utf-8")
        (inner / "text.py").touch()
        HOOK.compile_modules(package)
        HOOK.make_reproducible(package)
    first, second = (
        {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*.pyc")} for folder in packages
    )
    assert first == second
    assert sorted(path.name.partition(".")[0] for path in first) == ["__init__", "text"]
    (packages[0] / "slipway/__init__.py").write_text("raise SystemError('compiled at the start')", encoding="utf-8")
    process = subprocess.run([sys.executable, "-m", "slipway.text"], cwd=packages[0], capture_output=True, check=True)
    assert process.stdout == b"compiled\n"


def test_another_python_than_azures_compiles_nothing_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(HOOK, "PYTHON", "3.99")
    HOOK.gather(tmp_path, source=ROOT)
    HOOK.compile_modules(tmp_path)
    assert list(tmp_path.rglob("*.pyc")) == []
    assert "Python 3.99 would compile it" in capsys.readouterr().out


def _imported(folder: Path) -> dict[str, str]:
    """Top-level names that the package imports anywhere, lazily too, each with a file that does."""
    imports: dict[str, str] = {}
    for path in folder.rglob("*.py"):
        for statement in _IMPORT.finditer(path.read_text(encoding="utf-8")):
            imports[statement[1] or statement[2]] = str(path.relative_to(folder))
    return imports


_IMPORT = re.compile(r"^[ \t]*(?:from (\w+)[\w.]* import |import (\w+)[\w.]*(?: as \w+)?$)", re.MULTILINE)
"""One module each, as the linter demands; a tenth of the time of parsing all of it."""


def test_every_import_of_the_package_is_pinned_in_its_requirements(package: Path) -> None:
    pinned = {
        re.sub(r"[-_.]+", "-", name).lower()
        for name in re.findall(
            r"^([\w.-]+)(?:\[[\w,-]+\])?==", (ROOT / "requirements.txt").read_text(encoding="utf-8"), re.MULTILINE
        )
    }
    distributions = packages_distributions()
    missing = []
    for name, file in _imported(package).items():
        if name in sys.stdlib_module_names or name in ("slipway", "functions", "function_app"):
            continue
        owners = {re.sub(r"[-_.]+", "-", owner).lower() for owner in distributions.get(name, [])}
        if not owners & pinned:
            missing.append(f"{file}: {name}")
    assert missing == []

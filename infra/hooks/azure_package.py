"""The package that azd uploads, made here: our own files, and the wheels that Azure's Python takes.

Front and worker get the same one. Each is made in a folder of its own, since azd packages both at the same time.

Azure builds nothing, so exactly the pinned bytes run there: each wheel is checked against the hash in requirements.txt,
and the same sources give the same files. Applications are not part of the package: `slipway apply` brings them.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from cloud import RefusedError, say

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("function_app.py", "functions", "slipway", "host.json", "LICENSE")
LEFT_OUT = frozenset({"slipway/cli"})
"""Files that a person's machine needs and Azure does not."""

SITE_PACKAGES = ".python_packages/lib/site-packages"
PYTHON = "3.13"
PLATFORMS = ("manylinux_2_28_x86_64", "manylinux2014_x86_64")
"""The platforms whose wheels Azure's image for this Python can load."""

MOUNTED = "/home/site/wwwroot"
"""The path at which Azure mounts the package, read-only: modules that are not compiled in it are compiled at each cold
start."""
NOT_COMPILED = r"/kubernetes/aio/"
"""A half of the largest wheel that nothing imports."""

UNCHANGING = 315_532_800
"""The date of every file: the first that a zip can hold."""


def gather(target: Path, *, source: Path = ROOT) -> None:
    """Our own files. An earlier package is thrown away."""
    shutil.rmtree(target, ignore_errors=True)
    for part in PARTS:
        for path in _files(source / part):
            name = path.relative_to(source)
            if not any(name.is_relative_to(left_out) for left_out in LEFT_OUT):
                _copy(path, target / name)


def _files(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
        return
    for inner in sorted(path.rglob("*")):
        if inner.is_file() and "__pycache__" not in inner.parts:
            yield inner


def _copy(path: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(path, target)


def install(target: Path, *, source: Path = ROOT, report: Path | None = None) -> None:
    """The wheels, for Azure's Python and not for this one. A package without a wheel, or with another hash, is an
    error. `report` is where pip writes what it installed.

    pip would compare `Requires-Python` with the Python in which it runs, but the pinned wheels were chosen for the
    other one.
    """
    command = [
        *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"),
        *("--require-hashes", "--no-deps", "--only-binary", ":all:", "--ignore-requires-python"),
        *("--implementation", "cp", "--python-version", PYTHON),
        *(item for platform in PLATFORMS for item in ("--platform", platform)),
        *(("--report", str(report)) if report else ()),
        *("--target", str(target / SITE_PACKAGES), "--requirement", str(source / "requirements.txt")),
    ]
    if subprocess.run(command, check=False).returncode != 0:  # noqa: S603 - our own arguments
        raise RefusedError("The wheels of requirements.txt could not be installed; pip says above why.")


def compile_modules(target: Path) -> None:
    """Bytecode beside each module, which Python takes without a look at the module's date: that is the same for all.

    Only the Python that Azure runs makes bytecode that Azure's takes. Another one leaves it out, and says so.
    """
    here = ".".join(map(str, sys.version_info[:2]))
    if here != PYTHON:
        say(f"Not compiled, as this is Python {here}: each cold start takes longer. Python {PYTHON} would compile it.")
        return
    command = [sys.executable, "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash", "-x", NOT_COMPILED]
    command += ["-s", str(target), "-p", MOUNTED, str(target)]
    # A set of constants is written in the order of its hashes.
    if subprocess.run(command, check=False, env={**os.environ, "PYTHONHASHSEED": "0"}).returncode != 0:  # noqa: S603 - our own arguments
        raise RefusedError("The package could not be compiled; Python says above which of its modules.")


def make_reproducible(target: Path) -> None:
    """No trace of when, where and by whom: dates, rights, and what pip writes down about this machine."""
    for path in sorted(target.rglob("*")):
        if path.name in ("RECORD", "direct_url.json", "REQUESTED", "INSTALLER") and path.parent.suffix == ".dist-info":
            path.unlink()
        elif path.is_file():
            path.chmod(0o644)
            os.utime(path, (UNCHANGING, UNCHANGING))
    shutil.rmtree(target / SITE_PACKAGES / "bin", ignore_errors=True)


def package(service: str) -> None:
    target = ROOT / "build" / service
    gather(target)
    install(target)
    compile_modules(target)
    make_reproducible(target)
    size = sum(path.stat().st_size for path in target.rglob("*") if path.is_file())
    say(f"The package is in build/{service}: {size / 1e6:.0f} MB before it is zipped")

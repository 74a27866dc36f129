"""Runs the hooks in this process, where a call of `az` or `azd` costs nothing, and the hook can be ended at any of
them.

Every call of a hook goes through `subprocess.run` in `cloud.py`; only that is replaced here. The double behind it is
the same as for hooks that run as processes.
"""

import importlib
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType, SimpleNamespace
from typing import Any

from tests.infra.azure_double import execute
from tests.infra.compiler import INFRA


class Killed(BaseException):
    """The hook's process was killed at this call."""


def _module(name: str) -> ModuleType:
    """A hook's module, which finds the modules beside it as in its own folder."""
    sys.path.insert(0, str(INFRA / "hooks"))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(str(INFRA / "hooks"))


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def run(name: str, state: dict[str, Any], variables: Mapping[str, str], *, end_after: int = -1) -> None:
    """Run a hook's steps. With `end_after`, raises `Killed` once so many calls had their effect."""
    cloud, hook, registrations = _module("cloud"), _module(name), _module("registrations")

    def fake_run(command: list[str], **_kept: Any) -> subprocess.CompletedProcess[str]:
        program, *arguments = command
        if len(state["calls"]) == end_after:
            raise Killed
        state["calls"].append(" ".join(command))
        exit_code, output, error = execute(state, program, arguments)
        assert exit_code != 2, error
        return subprocess.CompletedProcess(command, exit_code, output, error)

    replacements = {"subprocess": SimpleNamespace(run=fake_run), "command": lambda program: [program], "PAUSE": 0.0}
    originals = [
        (module, key, getattr(module, key))
        for module, key in [(cloud, "subprocess"), (cloud, "command"), (cloud, "PAUSE"), (registrations, "PAUSE")]
    ]
    try:
        for module, key, _ in originals:
            setattr(module, key, replacements[key])
        with _environment(variables):
            hook.steps()
    finally:
        for module, key, value in originals:
            setattr(module, key, value)

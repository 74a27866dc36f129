"""The real Helm and Kustomize, if this machine has them."""

import shutil
from pathlib import Path
from typing import Final

from slipway.bundle.rendering import Program

_BUILT_HERE: Final = Path(__file__).parents[3] / ".local" / "tools"


def folder_of(program: Program) -> str | None:
    """The folder of the program; None if it is not installed."""
    executable = shutil.which(program.command) or shutil.which(program.command, path=str(_BUILT_HERE))
    return str(Path(executable).parent) if executable else None


def missing(program: Program) -> str:
    return f"{program.command} is not installed (`make {program.command}` builds it, with Go)"

"""The application that the benchmarks deliver: the example, started by the push of its image alone."""

import shutil
from pathlib import Path
from typing import Final

from local.stack.options import EXAMPLE

APPLICATION: Final = "hello"


def write_example(folder: Path) -> Path:
    """A folder with the one application and its project; returns it."""
    shutil.copytree(EXAMPLE, folder)
    file = folder / "application.yaml"
    text = file.read_text(encoding="utf-8")
    changed = text.replace("\nstart: both", "\nstart: push")
    if changed == text:
        raise RuntimeError(f"{file}: expected `start: both`, to make it `start: push`")
    file.write_text(changed, encoding="utf-8")
    return folder

"""The application that the benchmarks deliver: the example, started by the push of its image alone."""

import shutil
from pathlib import Path
from typing import Final

from local.process import ROOT

APPLICATION: Final = "hello"


def write_delivery(folder: Path) -> Path:
    """A deliveries folder with the one application; returns it."""
    shutil.copytree(ROOT / "deliveries", folder)
    file = folder / APPLICATION / "application.yaml"
    text = file.read_text(encoding="utf-8")
    changed = text.replace("\nstart: both", "\nstart: push")
    if changed == text:
        raise RuntimeError(f"{file}: expected `start: both`, to make it `start: push`")
    file.write_text(changed, encoding="utf-8")
    return folder

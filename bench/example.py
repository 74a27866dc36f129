"""The application that the benchmarks deliver: the example, started by the push of its image alone, and approved by
link, so that the figures measure our own time and not that of the identity provider."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from local.stack.options import EXAMPLE

APPLICATION: Final = "hello"


def write_example(folder: Path, *, level: str = "link", more: Mapping[str, str] | None = None) -> Path:
    """Write a folder with the application and its project; returns it. `more` changes the application further."""
    shutil.copytree(EXAMPLE, folder)
    changes = {"\nstart: both": "\nstart: push", "      level: signed ": f"      level: {level} ", **(more or {})}
    _change(folder / "application.yaml", changes)
    # No run is reported, so production cannot require proof of the run that built the image.
    _change(folder / "project.yaml", {"provenance: artifact ": "provenance: none "})
    return folder


def _change(file: Path, changes: Mapping[str, str]) -> None:
    text = file.read_text(encoding="utf-8")
    for before, after in changes.items():
        if text.count(before) != 1:
            raise RuntimeError(f"{file}: expected {before!r} once, to replace it with {after!r}")
        text = text.replace(before, after)
    file.write_text(text, encoding="utf-8")

"""Problems of files, with paths as the command's user would write them."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from slipway.catalogue import Problem, Unjudged


def placed[T: (Problem, Unjudged)](problems: Iterable[T], path: Path) -> Iterator[T]:
    """The problems, with paths relative to the current folder if they are near it."""
    root = path.resolve() if path.is_dir() else path.resolve().parent
    above, cwd = root.parent, Path.cwd()
    near = root.is_relative_to(cwd) or cwd.is_relative_to(root)
    for each in problems:
        if not each.file:
            yield each
            continue
        file = above / each.file
        yield replace(each, file=os.path.relpath(file) if near else str(file))

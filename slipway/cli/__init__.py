"""The `slipway` command: work with an installation from a terminal or a script, over the JSON API.

It depends on the domain and the catalogue, but not on how the app stores data or acts. Start reading at `root.py`; the
commands are in `commands/`, and the code they share (finding the app, output) is here.
"""

from .root import main

__all__ = ["main"]

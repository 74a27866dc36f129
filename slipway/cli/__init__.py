"""`slipway …`: the installation from a terminal or a script, over the JSON API.

It knows the domain and the configuration, and nothing of how the app stores or does things. Start reading at
`root.py`; each command is in `commands/`, and what they share (the way to the app, the output) beside them.
"""

from .root import main

__all__ = ["main"]

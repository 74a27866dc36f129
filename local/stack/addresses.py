"""The ports of the stack's parts, the same at each start: plans, bundles and links contain them."""

import json
import socket
from pathlib import Path

from ..process import PartFailed

LASTING = ("registry-nonprod", "registry-prod", "identity", "front")
"""Parts whose address occurs in stored data. Any other part takes a free port if its own is taken."""


class Addresses:
    """Remembers in a file which part listened where; without a file every part takes a free port each time."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._kept: dict[str, int] = json.loads(file.read_text()) if file and file.exists() else {}

    def wanted(self, part: str) -> int:
        """The part's port from last time, or 0 for any free one. Raises `PartFailed` if its port is taken and has to
        stay the same."""
        port = self._kept.get(part, 0)
        if not port or is_free(port):
            return port
        if part in LASTING:
            raise PartFailed(
                f"port {port} is taken by another program, and stored data refers to {part} by it: end that program, "
                "or start over with `make up FRESH=1`"
            )
        return 0

    def note(self, part: str, port: int) -> None:
        if self._file is not None and self._kept.get(part) != port:
            self._kept[part] = port
            self._file.write_text(json.dumps(self._kept, indent=2))


def is_free(port: int) -> bool:
    """Whether nobody listens there now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True

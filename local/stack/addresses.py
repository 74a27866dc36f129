"""The ports of the stack's parts, which stay the same at each start, because plans, bundles and links contain them."""

import json
import socket
from pathlib import Path

from ..process import PartFailed

LASTING = ("registry-nonprod", "registry-prod", "identity", "front")
"""Parts whose address occurs in stored data. Any other part gets a free port if its own is in use."""


class Addresses:
    """Remembers in a file at which port each part listened; without a file, every part gets a free port each time."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._ports: dict[str, int] = json.loads(file.read_text()) if file and file.exists() else {}

    def port_of(self, part: str) -> int:
        """The part's port from last time, or 0 for any free one. Raises `PartFailed` if its port is in use and has to
        stay the same."""
        port = self._ports.get(part, 0)
        if not port or is_free(port):
            return port
        if part in LASTING:
            raise PartFailed(
                f"port {port} is used by another program, and stored data refers to {part} by it: end that program, "
                "or start over with `make up FRESH=1`"
            )
        return 0

    def note(self, part: str, port: int) -> None:
        if self._file is not None and self._ports.get(part) != port:
            self._ports[part] = port
            self._file.write_text(json.dumps(self._ports, indent=2))


def is_free(port: int) -> bool:
    """Whether nobody listens at the port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True

"""Ports for the containers, which all share this machine."""

import secrets
import socket
import threading

from ..podstatus import ADDRESS

_RANGE = range(15_000, 32_000)
"""Below the ports that systems assign to clients, so that nobody takes one before the program listens."""
_TRIES = 200


class NoPortError(Exception):
    """No free port was found."""


class Ports:
    """Gives each port to one container at a time."""

    def __init__(self) -> None:
        self._in_use: set[int] = set()
        self._lock = threading.Lock()

    def take(self) -> int:
        with self._lock:
            for _ in range(_TRIES):
                port = secrets.choice(_RANGE)
                if port not in self._in_use and _is_free(port):
                    self._in_use.add(port)
                    return port
        raise NoPortError(f"none of {_TRIES} ports between {_RANGE.start} and {_RANGE.stop} is free")

    def give_back(self, port: int) -> None:
        with self._lock:
            self._in_use.discard(port)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((ADDRESS, port))
        except OSError:
            return False
        return True

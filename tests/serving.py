"""The servers of the tests: each answers in a thread of its own until its test is over."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from socketserver import BaseServer

POLL_INTERVAL = 0.01
"""Seconds between two checks of a server whether it has been told to stop. By default it is half a second, for which
every test would wait."""


@contextmanager
def in_a_thread[Server: BaseServer](server: Server) -> Iterator[Server]:
    """Answers until the block ends."""
    thread = threading.Thread(target=server.serve_forever, args=(POLL_INTERVAL,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

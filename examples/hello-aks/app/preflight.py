"""Hello's preflight: starts the server of this very image and asks it once, before any pod is replaced.

A Job runs it before a rollout, so that an image which cannot start in the cluster replaces nothing. Exits 1 if the
server does not answer.
"""

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

TIMEOUT_SECONDS = 20
SERVER = Path(__file__).with_name("server.py")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def is_well(url):
    """Whether the server answers that it is."""
    try:
        with urllib.request.urlopen(f"{url}/healthz", timeout=2) as answer:  # noqa: S310
            return answer.read(100).decode() == "ok"
    except (urllib.error.URLError, TimeoutError):
        return False


def main():
    port, end = free_port(), time.monotonic() + TIMEOUT_SECONDS
    place = {"HOST": "127.0.0.1", "PORT": str(port)}
    server = subprocess.Popen([sys.executable, str(SERVER)], env={**os.environ, **place})  # noqa: S603
    try:
        while time.monotonic() < end and server.poll() is None:
            if is_well(f"http://127.0.0.1:{port}"):
                print("preflight: the server starts here, and is well")
                return 0
            time.sleep(0.1)
    finally:
        server.terminate()
        server.wait()
    print(f"preflight: expected an answer within {TIMEOUT_SECONDS} s, got none; it ended with {server.returncode}")
    return 1


if __name__ == "__main__":
    sys.exit(main())

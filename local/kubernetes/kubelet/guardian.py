"""Ends the containers' processes when the double is gone, however it went.

Runs as a process of its own and reads lines: `+<process group>` to watch over it, `-<process group>` to forget it.
When the pipe closes, whatever is still watched over is killed. Started by path, so it imports nothing of ours.
"""

import os
import signal
import sys


def main() -> None:
    watched: set[int] = set()
    for line in sys.stdin:
        group = int(line[1:])
        if line.startswith("+"):
            watched.add(group)
        else:
            watched.discard(group)
    for group in watched:
        try:
            os.killpg(group, signal.SIGKILL)
        except ProcessLookupError:
            continue  # it ended by itself


if __name__ == "__main__":
    main()

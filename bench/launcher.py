"""Starts one command, waits for it, and reports what it took: `python -I -S bench/launcher.py REPORT COMMAND…`.

A process of its own because Linux counts the memory of the process that started a command to that command's peak: this
one is small. The command's output goes where ours goes; the report is a file of JSON.
"""

import json
import os
import sys
import time


def main() -> int:
    report, *command = sys.argv[1:]
    begin = time.perf_counter()
    pid = os.posix_spawnp(command[0], command, os.environ)
    _, status, usage = os.wait4(pid, 0)
    taken = {
        "wall_seconds": time.perf_counter() - begin,
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "peak_bytes": usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024),
    }
    with open(report, "w", encoding="utf-8") as file:  # noqa: PTH123 - pathlib is slow to import, and large
        json.dump(taken, file)
    return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    sys.exit(main())

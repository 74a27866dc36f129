"""Starts one command, waits for it, and reports what it used: `python -I -S bench/launcher.py REPORT COMMAND…`.

It is a process of its own because Linux counts the memory of the process that started a command towards that command's
peak, and this process is small. The command writes to our own output; the report is a JSON file.
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
    usage_report = {
        "wall_seconds": time.perf_counter() - begin,
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "peak_bytes": usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024),
    }
    with open(report, "w", encoding="utf-8") as file:  # noqa: PTH123 - pathlib is slow to import, and large
        json.dump(usage_report, file)
    return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    sys.exit(main())

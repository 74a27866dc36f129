"""A command that is interrupted, or whose reader goes away, prints nothing that could be taken for its result."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

from tests.unit.cli.served import KEY, Served
from tests.unit.cli.test_audit_verify import long_trail

ROOT = Path(__file__).parents[3]
WITHIN = 60.0
PROGRAM = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # a test run in the background hands on that it is ignored
from slipway.cli import main
main()
"""


def start(app: Served, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *arguments],
        cwd=ROOT,
        env={**os.environ, "SLIPWAY_URL": app.url, "SLIPWAY_KEY": KEY},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def test_ctrl_c_while_verifying_ends_with_130_and_not_with_broken(app: Served) -> None:
    arrived, leave = threading.Event(), threading.Event()

    def hold(_: object) -> None:
        arrived.set()
        leave.wait(WITHIN)

    app.before_answer = hold
    process = start(app, "audit", "verify")
    try:
        assert arrived.wait(WITHIN)
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=WITHIN)
    finally:
        leave.set()
        process.kill()
        process.wait()
    assert process.returncode == 130
    assert output == b""
    assert b"Traceback" not in errors


def test_a_reader_that_goes_away_gets_no_traceback(app: Served) -> None:
    app.trails["shop"] = long_trail(500)
    process = start(app, "audit", "list", "--oldest-first", "--limit", "500", "--jsonl")
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        assert process.stdout.readline().startswith(b'{"v":1,"application":"shop",')
        process.stdout.close()
        errors = process.stderr.read()
    finally:
        process.stdout.close()  # otherwise it would write into a full pipe for ever
        process.stderr.close()
        process.wait()
    assert b"Traceback" not in errors
    assert b"Exception" not in errors

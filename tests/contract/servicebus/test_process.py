"""`python -m local.servicebus`: how it starts, what it prints, how it ends."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from azure.servicebus import ServiceBusClient, ServiceBusMessage, ServiceBusSender
from azure.servicebus.exceptions import ServiceBusError

ROOT = Path(__file__).parents[3]
CONFIG = {"queues": [{"name": "events", "lock_seconds": 60}], "key_name": "root", "key": "a-key-for-tests"}
WITHIN = 60.0
"""Seconds that a process may take to end; a busy machine is slow."""


@contextmanager
def a_process(folder: Path, config: Any, *options: str) -> Iterator[subprocess.Popen[str]]:
    path = folder / "bus.json"
    path.write_text(json.dumps(config))
    command = [sys.executable, "-m", "local.servicebus", "--port", "0", "--config", str(path), *options]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def ready_line(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdout is not None
    announcement: dict[str, Any] = json.loads(process.stdout.readline())
    return announcement


def test_a_process_says_that_it_is_ready_serves_and_ends_on_a_signal(tmp_path: Path) -> None:
    with a_process(tmp_path, CONFIG) as process:
        ready = ready_line(process)
        assert ready["ready"] is True
        assert ready["connection_string"] == (
            f"Endpoint=sb://127.0.0.1:{ready['port']};SharedAccessKeyName=root;"
            "SharedAccessKey=a-key-for-tests;UseDevelopmentEmulator=true"
        )
        client = ServiceBusClient.from_connection_string(ready["connection_string"], retry_total=0)
        with client, client.get_queue_sender("events") as sender:
            sender.send_messages(ServiceBusMessage("hello"))
            process.send_signal(signal.SIGTERM)
            assert process.wait(WITHIN) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""


def send_until_refused(sender: ServiceBusSender) -> None:
    """Messages in flight when the signal arrives may still be accepted."""
    for number in range(1000):
        try:
            sender.send_messages(ServiceBusMessage(f"hello {number}"))
        except ServiceBusError:
            return
    raise AssertionError("the queue goes on taking messages")


def test_a_failover_cuts_every_connection_off_and_loses_nothing(tmp_path: Path) -> None:
    with a_process(tmp_path, CONFIG) as process:
        text = ready_line(process)["connection_string"]
        client = ServiceBusClient.from_connection_string(text, retry_total=0)
        with client, client.get_queue_sender("events") as sender:
            sender.send_messages(ServiceBusMessage("hello"))
            process.send_signal(signal.SIGUSR1)
            send_until_refused(sender)
        process.send_signal(signal.SIGUSR2)
        with ServiceBusClient.from_connection_string(text) as client, client.get_queue_receiver("events") as receiver:
            assert str(receiver.peek_messages()[0]) == "hello"


def test_a_process_ends_when_its_parent_closes_its_input(tmp_path: Path) -> None:
    with a_process(tmp_path, CONFIG, "--stop-with-parent") as process:
        ready_line(process)
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(WITHIN) == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_process_whose_parent_lives_ends_on_a_signal_too(tmp_path: Path, number: signal.Signals) -> None:
    with a_process(tmp_path, CONFIG, "--stop-with-parent") as process:
        ready_line(process)
        process.send_signal(number)
        assert process.wait(WITHIN) == 0


def test_bad_settings_end_a_process_with_the_reason(tmp_path: Path) -> None:
    with a_process(tmp_path, {"queues": [{"name": "events", "lock_seconds": 900}]}) as process:
        assert process.wait(WITHIN) == 2
        assert process.stderr is not None
        assert "queues.0.lock_seconds: Input should be less than or equal to 300, got 900" in process.stderr.read()

"""A broker that is absent at the start, or restarts, is waited for; a lost one costs no message."""

import json
import os
import socket
from pathlib import Path

import pytest
from azure.servicebus import ServiceBusClient, ServiceBusMessage

from local.functions import limits
from local.servicebus import QueueSettings, ServiceBus
from tests.contract.functions.support import StartHost, until

QUEUES = [QueueSettings(name=name, lock_seconds=2) for name in ("one", "many", "failing", "slow", "seen")]


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number: int = probe.getsockname()[1]
        return number


def through(bus: ServiceBus, body: str) -> dict[str, object]:
    """Send a message to the function and return what it wrote."""
    with ServiceBusClient.from_connection_string(bus.connection_string) as client:
        with client.get_queue_sender("one") as sender:
            sender.send_messages(ServiceBusMessage(body))
        with client.get_queue_receiver("seen") as receiver:
            message = receiver.receive_messages(1, max_wait_time=30)[0]
            receiver.complete_message(message)
            output: dict[str, object] = json.loads(str(message))
            return output


def test_the_host_starts_without_a_broker_and_survives_its_restart(
    start_host: StartHost, port: int, tmp_path: Path
) -> None:
    key = os.urandom(16).hex()
    first = ServiceBus(*QUEUES, port=port, key=key)
    host = start_host("bus", "--no-auth", SB=first.connection_string, ONE_QUEUE="one", WAIT_FOLDER=str(tmp_path))
    until(lambda: host.log.read_text().count("cannot receive") == 4, "each function says once that it cannot receive")
    with first:
        assert through(first, "after the first start")["body"] == "after the first start"
    with ServiceBus(*QUEUES, port=port, key=key) as second:
        assert through(second, "after the restart")["body"] == "after the restart"
        until(lambda: host.log.read_text().count("'one' receives again") == 2, "the end of both gaps is noted")
        assert host.log.read_text().count("'one' cannot receive") == 2
    assert key not in host.log.read_text()


def test_a_host_that_dies_leaves_its_message_to_another(start_host: StartHost, tmp_path: Path) -> None:
    with ServiceBus(*QUEUES) as bus, ServiceBusClient.from_connection_string(bus.connection_string) as client:
        settings = {"SB": bus.connection_string, "ONE_QUEUE": "one", "WAIT_FOLDER": str(tmp_path)}
        first = start_host("bus", "--no-auth", **settings)
        client.get_queue_sender("slow").send_messages(ServiceBusMessage("handed-over"))
        until((tmp_path / "handed-over.1.waiting").exists, "the first host works on it")
        first.kill()
        start_host("bus", "--no-auth", **settings)
        until((tmp_path / "handed-over.2.waiting").exists, "the second host has it, as a second delivery")
        (tmp_path / "handed-over").touch()
        until(lambda: bus.counts("slow").active + bus.counts("slow").locked == 0, "the message is completed")


def test_a_message_that_kills_the_worker_is_dead_lettered_though_the_host_is_recycled_on_the_way(
    start_host: StartHost, tmp_path: Path
) -> None:
    """W-13. Host 4.1037 (read): each death fails the run, which abandons the message; after the third the host stops,
    the platform restarts it, and the message comes again until its deliveries are used up."""
    queues = [*QUEUES, QueueSettings(name="deadly", max_delivery_count=4)]
    with ServiceBus(*queues) as bus, ServiceBusClient.from_connection_string(bus.connection_string) as client:
        settings = {"SB": bus.connection_string, "ONE_QUEUE": "one", "WAIT_FOLDER": str(tmp_path)}
        host = start_host("bus", "--no-auth", "--restart-pause", "0", DEADLY_QUEUE="deadly", **settings)
        client.get_queue_sender("deadly").send_messages(ServiceBusMessage("poison"))
        until(lambda: bus.counts("deadly").dead_lettered == 1, "the message is dead-lettered")
        until(lambda: "Exceeded language worker restart retry count" in host.log.read_text(), "the host gives up")
        client.get_queue_sender("one").send_messages(ServiceBusMessage("afterwards"))
        until(lambda: bus.counts("seen").active == 1, "other messages are handled")


def test_a_message_that_a_stopping_host_cannot_finish_in_time_comes_again_at_another_host(
    start_host: StartHost, tmp_path: Path
) -> None:
    """W-06. WebJobsScriptHostService.StopAsync of host 4.1037 (read) waits 10 s; what is left loses its worker, and the
    lock of its message runs out. Here the wait is short."""
    assert limits.DRAIN_WITHIN == 10
    with ServiceBus(*QUEUES) as bus, ServiceBusClient.from_connection_string(bus.connection_string) as client:
        settings = {"SB": bus.connection_string, "ONE_QUEUE": "one", "WAIT_FOLDER": str(tmp_path)}
        first = start_host("bus", "--no-auth", "--drain", "0.2", **settings)
        client.get_queue_sender("slow").send_messages(ServiceBusMessage("left-over"))
        until((tmp_path / "left-over.1.waiting").exists, "the function is running")
        assert first.stop() == 0
        assert "1 invocation(s) did not end within 0.2 s" in first.log.read_text()
        start_host("bus", "--no-auth", **settings)
        until((tmp_path / "left-over.2.waiting").exists, "the second host has it, as a second delivery")
        (tmp_path / "left-over").touch()
        until(lambda: bus.counts("slow").active + bus.counts("slow").locked == 0, "the message is completed")


def test_a_stopping_host_finishes_and_settles_what_runs(start_host: StartHost, tmp_path: Path) -> None:
    with ServiceBus(*QUEUES) as bus, ServiceBusClient.from_connection_string(bus.connection_string) as client:
        settings = {"SB": bus.connection_string, "ONE_QUEUE": "one", "WAIT_FOLDER": str(tmp_path)}
        host = start_host("bus", "--no-auth", **settings)
        client.get_queue_sender("slow").send_messages(ServiceBusMessage("drained"))
        until((tmp_path / "drained.1.waiting").exists, "the function is running")
        host.process.terminate()
        until(lambda: "Stopping." in host.log.read_text(), "the host is stopping")
        (tmp_path / "drained").touch()
        assert host.stop() == 0
        assert bus.counts("slow").active + bus.counts("slow").locked == 0
        assert bus.counts("seen").active == 1

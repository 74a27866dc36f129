"""A function on a queue with sessions: order, concurrency, locks, and what a lost lock costs."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from azure.servicebus import ServiceBusClient, ServiceBusMessage

from local.functions.launch import HostProcess
from local.servicebus import QueueSettings, ServiceBus
from tests.contract.functions.support import StartHost, until

LOCK_SECONDS = 2


@pytest.fixture
def bus() -> Iterator[ServiceBus]:
    queue = QueueSettings(name="work", requires_session=True, lock_seconds=LOCK_SECONDS, max_delivery_count=3)
    with ServiceBus(queue) as bus:
        yield bus


@pytest.fixture
def host(start_host: StartHost, bus: ServiceBus, tmp_path: Path) -> HostProcess:
    return start_host("sessions", "--log-level", "debug", SB=bus.connection_string, NOTES=str(tmp_path))


def send(bus: ServiceBus, session: str, *bodies: dict[str, Any]) -> None:
    with (
        ServiceBusClient.from_connection_string(bus.connection_string) as client,
        client.get_queue_sender("work") as sender,
    ):
        sender.send_messages([ServiceBusMessage(json.dumps(body), session_id=session) for body in bodies])


def runs(folder: Path, **expected: object) -> list[dict[str, Any]]:
    file = folder / "runs"
    lines = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
    return [line for line in lines if all(line[name] == value for name, value in expected.items())]


def emptied(bus: ServiceBus) -> bool:
    counts = bus.counts("work")
    return counts.active + counts.locked == 0


def test_messages_of_a_session_run_in_order_and_one_at_a_time_beside_another_session(
    host: HostProcess, bus: ServiceBus, tmp_path: Path
) -> None:
    send(bus, "a", *({"name": f"a{n}", "seconds": 0.05} for n in range(4)))
    send(bus, "b", *({"name": f"b{n}", "seconds": 0.05} for n in range(4)))
    until(lambda: len(runs(tmp_path, at="end")) == 8, "all have run")
    for session in "ab":
        steps = [(line["name"], line["at"]) for line in runs(tmp_path, session=session)]
        assert steps == [(f"{session}{n}", at) for n in range(4) for at in ("start", "end")]
    until(lambda: emptied(bus), "all are completed")


def test_no_more_sessions_are_held_at_once_than_the_setting_says_and_an_idle_one_is_given_back(
    host: HostProcess, bus: ServiceBus, tmp_path: Path
) -> None:
    for session in "abc":
        send(bus, session, {"name": session, "until": "go"})
    until(lambda: len(runs(tmp_path, at="start")) == 2, "two are running")
    assert bus.counts("work").active == 1
    (tmp_path / "go").touch()
    until(lambda: len(runs(tmp_path, at="end")) == 3, "the third came when a session was idle")


def test_a_failing_message_holds_its_session_up_until_it_is_dead_lettered(
    host: HostProcess, bus: ServiceBus, tmp_path: Path
) -> None:
    send(bus, "a", {"name": "bad", "fails": True}, {"name": "good"})
    until(lambda: runs(tmp_path, name="good", at="end"), "the next one runs")
    assert [line["delivery"] for line in runs(tmp_path, name="bad", at="start")] == [1, 2, 3]
    assert bus.counts("work").dead_lettered == 1


def test_the_lock_of_a_session_is_renewed_while_a_message_is_worked_on(
    host: HostProcess, bus: ServiceBus, tmp_path: Path
) -> None:
    send(bus, "a", {"name": "long", "until": "renewed"})
    until(lambda: host.log.read_text().count("session a: lock renewed") >= 2, "two renewals")
    (tmp_path / "renewed").touch()
    until(lambda: emptied(bus), "it is completed")
    assert len(runs(tmp_path, name="long", at="start")) == 1


def test_a_session_whose_lock_was_lost_costs_its_slot_until_the_host_is_started_again(
    start_host: StartHost, host: HostProcess, bus: ServiceBus, tmp_path: Path
) -> None:
    """A defect of Azure.Messaging.ServiceBus 7.21.0, seen with its session processor in November 2026: it never uses
    the slot again in which it lost a session. Renewal ends `maxAutoLockRenewalDuration` after the session was taken
    (SessionReceiverManager, read), here after 3 s; two lost sessions use up both slots."""
    for session in "ab":
        send(bus, session, {"name": session, "until": f"never-{session}"})
    until(lambda: len(runs(tmp_path, at="start")) == 2, "both are running")
    until(lambda: bus.counts("work").locked == 0, "both locks have lapsed")
    for session in "ab":
        (tmp_path / f"never-{session}").touch()
    until(lambda: host.log.read_text().count("this slot accepts none any more") == 2, "both slots are lost")
    assert bus.counts("work").active == 2
    host.stop()
    start_host("sessions", SB=bus.connection_string, NOTES=str(tmp_path))
    until(lambda: emptied(bus), "a host that was restarted takes them")
    assert [line["delivery"] for line in runs(tmp_path, name="a", at="start")] == [1, 2]


def test_a_stopping_host_finishes_what_runs_and_gives_its_session_back(
    start_host: StartHost, host: HostProcess, bus: ServiceBus, tmp_path: Path
) -> None:
    send(bus, "a", {"name": "first", "until": "go"}, {"name": "second"})
    until(lambda: runs(tmp_path, name="first", at="start"), "the first is running")
    host.process.terminate()
    until(lambda: "Stopping." in host.log.read_text(), "the host is stopping")
    (tmp_path / "go").touch()
    assert host.stop() == 0
    start_host("sessions", SB=bus.connection_string, NOTES=str(tmp_path))
    until(lambda: emptied(bus), "another host takes the session")
    assert len(runs(tmp_path, name="first", at="start")) == 1

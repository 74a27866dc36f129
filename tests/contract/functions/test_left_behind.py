"""A decision hangs until the lock of its session has lapsed: the host no longer takes that session, and the worker's
timer decides the messages that are left in it.

The host is a process of its own, the bus a thread of this one, over AMQP; the app that decides is the product's own.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from azure.servicebus import ServiceBusClient

from local.functions.launch import HostProcess
from local.servicebus import QueueSettings, ServiceBus
from slipway.domain.phases import Phase
from slipway.domain.queues import Queue
from slipway.domain.reports import Status
from slipway.effects.messaging.service_bus import ServiceBus as Bus
from slipway.engine.door import deferred
from slipway.testing import Installation, write_application
from tests.contract.functions.support import StartHost, until

LOCK_SECONDS = 2
ONE_SLOT = {
    "AzureFunctionsJobHost__extensions__serviceBus__maxConcurrentSessions": "1",
    "AzureFunctionsJobHost__extensions__serviceBus__maxAutoLockRenewalDuration": "00:00:00",
}


@pytest.fixture
def bus() -> Iterator[ServiceBus]:
    work = QueueSettings(name=Queue.WORK, requires_session=True, lock_seconds=LOCK_SECONDS)
    with ServiceBus(work, QueueSettings(name=Queue.STEPS)) as bus:
        yield bus


@pytest.fixture
def installation(bus: ServiceBus, tmp_path: Path) -> Iterator[Installation]:
    """An installation that sends sealed messages to the bus."""
    folder = tmp_path / "deliveries"
    write_application(folder)

    def connect() -> ServiceBusClient:
        return ServiceBusClient.from_connection_string(bus.connection_string, retry_total=0)

    over_amqp = Bus(connect, encode=lambda message: home.app.envelopes.seal(message, now=home.now))
    home = Installation(folder)
    home.now = datetime.now(UTC)
    home.restart(wrap=lambda ports: replace(ports, bus=lambda: over_amqp))
    yield home
    over_amqp.close()


def test_a_decision_left_in_a_session_whose_lock_lapsed_is_shown_by_the_doctor_and_decided_by_the_timer(
    start_host: StartHost, installation: Installation, bus: ServiceBus, tmp_path: Path
) -> None:
    """Azure.Messaging.ServiceBus 7.21.0 never uses the slot again in which it lost a session: here the only one (seen
    in November 2026)."""
    settings = {"SB": bus.connection_string, "NOTES": str(tmp_path), "UNTIL": "let go", **ONE_SLOT}
    host: HostProcess = start_host("sessions", **settings)
    installation.app.door.bus.send([deferred("shop", installation.pushed("1.0"))])
    until((tmp_path / "runs").exists, "a decision hangs")
    until(lambda: bus.counts(Queue.WORK).locked == 0, "the lock of its session has lapsed")
    (tmp_path / "let go").touch()
    until(lambda: "this slot accepts none any more" in host.log.read_text(), "the host has lost the session")

    installation.wait(timedelta(minutes=16))
    finding = installation.app.doctor.run(f"queue:{Queue.WORK}")
    assert (finding.status, "oldest message has waited for" in finding.said) == (Status.FAILED, True)
    assert bus.counts(Queue.WORK).active == 1, "the host left it there"

    assert installation.app.session_worker.take_left_behind() == 1
    assert installation.phase(1) is not Phase.COMPLETED
    assert bus.counts(Queue.WORK).active + bus.counts(Queue.WORK).locked == 0

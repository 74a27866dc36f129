"""Parked input comes back byte for byte, whatever it was; the rest of parking is tested in `tests/unit/engine`."""

import pytest

from slipway.domain.sources import Source
from slipway.engine.parking import Parking
from slipway.ledger.installation import InstallationLedger
from slipway.testing import MemoryBus, MemoryTable
from slipway.testing.chains import PUBLIC_KEYS, SIGNER
from tests.unit.inbound.samples import NOW, RUN_MESSAGE, as_bytes
from tests.unit.inbound.test_pipeline import wrapped


def parking(bus: MemoryBus) -> tuple[Parking, list[tuple[Source, bytes]]]:
    """The parking over this bus, and the list of what it replays."""
    replayed: list[tuple[Source, bytes]] = []

    def again(source: Source, body: bytes) -> None:
        replayed.append((source, body))

    return Parking(
        installation=InstallationLedger(MemoryTable(), signer=lambda: SIGNER, keys=lambda: PUBLIC_KEYS),
        bus=bus,
        again=again,
        clock=lambda: NOW,
    ), replayed


@pytest.mark.parametrize(
    "body",
    [
        as_bytes(RUN_MESSAGE),
        wrapped(as_bytes(RUN_MESSAGE), 0x9B),
        b"",
        b"\xff\xfe\x00",
        b"base64:not really",
        "première ✓ \x00 \u2028".encode(),
    ],
)
def test_a_parked_message_is_replayed_as_it_came(body: bytes) -> None:
    bus = MemoryBus()
    place, _ = parking(bus)
    parked = place.park(source="runs", reason="a test", body=body, message_id="m-1")
    place.replay(parked.id, actor="ada")
    assert [(raw.queue, raw.body) for raw in bus.raw] == [("runs", body)]


@pytest.mark.parametrize("source", Source)
def test_parked_input_of_every_source_is_taken_in_again_as_it_came(source: Source) -> None:
    place, replayed = parking(MemoryBus())
    parked = place.park(source=source, reason="a test", body=b"\x80 hook")
    place.replay(parked.id, actor="ada")
    assert replayed == [(source, b"\x80 hook")]


def test_text_stays_readable() -> None:
    parked = parking(MemoryBus())[0].park(source="runs", reason="a test", body=b'{"readable": "yes"}')
    assert parked.body == '{"readable": "yes"}'

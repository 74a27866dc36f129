"""Parked input comes back byte for byte, whatever it was; the rest of parking is tested with the flow."""

from collections.abc import Callable

import pytest

from slipway.engine.parking import Parking
from slipway.ledger.installation import Installation
from slipway.testing import MemoryBus, MemoryTable
from tests.unit.inbound.samples import NOW, RUN_MESSAGE, as_bytes
from tests.unit.inbound.test_pipeline import wrapped


def parking(bus: MemoryBus, **again: Callable[[bytes], None]) -> Parking:
    return Parking(installation=Installation(MemoryTable()), bus=bus, again=again, clock=lambda: NOW)


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
    place = parking(bus)
    parked = place.park(source="runs", reason="a test", body=body, message_id="m-1")
    place.replay(parked.id, actor="ada")
    assert [(raw.queue, raw.body) for raw in bus.raw] == [("runs", body)]


def test_parked_input_of_a_hook_is_taken_in_again_as_it_came() -> None:
    taken: list[bytes] = []
    place = parking(MemoryBus(), hooks=taken.append)
    parked = place.park(source="hooks", reason="a test", body=b"\x80 hook")
    place.replay(parked.id, actor="ada")
    assert taken == [b"\x80 hook"]


def test_text_stays_readable() -> None:
    parked = parking(MemoryBus()).park(source="runs", reason="a test", body=b'{"readable": "yes"}')
    assert parked.body == '{"readable": "yes"}'

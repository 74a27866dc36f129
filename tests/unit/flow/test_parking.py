"""Parked input: kept once, visible, replayed with a record, and on a chain of its own."""

from datetime import timedelta

import pytest

from slipway.effects.messaging import DeadLetter, QueueUnavailable
from slipway.flow.inbound import BadInput
from slipway.flow.parking import NotReplayable
from slipway.flow.reading import NotFound
from tests.unit.flow.house import House

HOOKS = "azure-devops"


def actions(house: House) -> list[str]:
    return house.actions("_installation")


def test_the_same_input_is_kept_once(house: House) -> None:
    first = house.parking.park(source="causes", reason="bad", body=b"{", message_id="m-1")
    house.time.wait(timedelta(hours=1))
    again = house.parking.park(source="causes", reason="bad", body=b"{", message_id="m-1")
    assert again.id == first.id
    (kept,) = house.parking.all()
    assert kept == first
    assert actions(house) == ["input.parked"]


def test_other_input_is_kept_besides(house: House) -> None:
    for source, body, message_id in (
        ("causes", b"{", "1"),
        ("causes", b"{", "2"),
        ("runs", b"{", "1"),
        ("runs", b"[", "1"),
    ):
        house.parking.park(source=source, reason="bad", body=body, message_id=message_id)
    assert len(list(house.parking.all())) == 4
    assert house.reader.verify("_installation").intact


def test_what_waits_is_seen_however_much_was_parked_and_replayed_before_it(house: House) -> None:
    kept = [house.parking.park(source="runs", reason="bad", body=b"{", message_id=str(number)) for number in range(9)]
    last = max(kept, key=lambda item: item.id)
    for item in kept:
        if item is not last:
            house.parking.replay(item.id, actor="ada@example.com")
    found = list(house.installation.all_parked(limit=3))
    assert len({item.id for item in found}) == 3
    assert [item.id for item in found if item.replayed_at is None] == [last.id]


def test_a_replay_puts_the_input_back_into_its_queue_and_records_who_did(house: House) -> None:
    kept = house.parking.park(source="runs", reason="bad", body="{ж".encode(), message_id="m-1")
    house.time.wait(timedelta(minutes=5))
    house.parking.replay(kept.id, actor="ada@example.com")
    (raw,) = house.bus.raw
    assert (raw.queue, raw.body, raw.not_before) == ("runs", "{ж".encode(), None)
    assert raw.message_id != "m-1"
    found = house.installation.parked(kept.id)
    assert found is not None
    assert found.replayed_at == house.time()
    record = house.audit("_installation")[-1]
    assert (record.action, record.actor, record.details["id"]) == ("input.replayed", "ada@example.com", kept.id)
    assert house.reader.verify("_installation").intact


def test_two_replays_are_two_messages(house: House) -> None:
    kept = house.parking.park(source="runs", reason="bad", body=b"{")
    for _ in range(2):
        house.parking.replay(kept.id, actor="ada")
        house.time.wait(timedelta(seconds=1))
    assert len({raw.message_id for raw in house.bus.raw}) == 2


def test_input_that_came_by_http_is_taken_in_once_more(house: House) -> None:
    taken: list[bytes] = []
    parking = type(house.parking)(
        installation=house.installation, bus=house.bus, again={HOOKS: taken.append}, clock=house.time
    )
    kept = parking.park(source=HOOKS, reason="bad", body=b'{"a": 1}')
    parking.replay(kept.id, actor="ada")
    assert taken == [b'{"a": 1}']
    assert house.bus.raw == []
    assert actions(house) == ["input.parked", "input.replayed"]


def test_a_replay_that_is_bad_again_says_so_and_records_nothing(house: House) -> None:
    def again(body: bytes) -> None:
        raise BadInput("eventType", "a text", "nothing")

    parking = type(house.parking)(
        installation=house.installation, bus=house.bus, again={HOOKS: again}, clock=house.time
    )
    kept = parking.park(source=HOOKS, reason="bad", body=b"{}")
    with pytest.raises(BadInput, match="eventType: expected a text"):
        parking.replay(kept.id, actor="ada")
    assert actions(house) == ["input.parked"]


def test_a_replay_while_the_queue_is_away_records_nothing(house: House) -> None:
    kept = house.parking.park(source="runs", reason="bad", body=b"{")
    house.bus.broken = True
    with pytest.raises(QueueUnavailable):
        house.parking.replay(kept.id, actor="ada")
    assert actions(house) == ["input.parked"]


@pytest.mark.parametrize("id", ["", "nothing", "../x", "a#b", "x" * 5000, "ж"])
def test_what_was_never_parked_cannot_be_replayed(house: House, id: str) -> None:
    with pytest.raises(NotFound, match="no parked input has the id"):
        house.parking.replay(id, actor="ada")


def test_input_of_an_unknown_source_cannot_be_replayed(house: House) -> None:
    kept = house.parking.park(source="pigeon", reason="bad", body=b"{")
    with pytest.raises(NotReplayable, match="came by pigeon"):
        house.parking.replay(kept.id, actor="ada")


@pytest.mark.parametrize("letter", ["a", "ж", "🚢", "\x00", '"'])
def test_input_that_is_too_long_for_a_row_is_cut_and_cannot_be_replayed(house: House, letter: str) -> None:
    kept = house.parking.park(source="runs", reason="bad", body=(letter * 1_000_000).encode())
    assert kept.truncated
    found = house.installation.parked(kept.id)
    assert found == kept
    assert len(kept.body) > 10_000
    with pytest.raises(NotReplayable, match="too long"):
        house.parking.replay(kept.id, actor="ada")


@pytest.mark.parametrize("letter", ["a", "ж", "🚢"])
def test_all_text_that_fits_a_queue_is_kept_whole(house: House, letter: str) -> None:
    body = (letter * (256 * 1024 // len(letter.encode()))).encode()
    assert not house.parking.park(source="runs", reason="bad", body=body).truncated


def test_dead_letters_are_parked_with_the_queues_reason_and_removed(house: House) -> None:
    for queue in ("causes", "steps", "runs", "approvals"):
        house.bus.dead.append(DeadLetter(queue=queue, body=b"{", message_id=f"m-{queue}", reason="MaxDeliveryCount"))
    assert house.parking.empty_dead_letters() == 4
    assert house.parking.empty_dead_letters() == 0
    assert {item.source for item in house.parking.all()} == {"causes", "steps", "runs", "approvals"}
    assert {item.reason for item in house.parking.all()} == {"the queue gave up on it: MaxDeliveryCount"}


def test_input_with_the_strangest_reason_is_kept(house: House) -> None:
    kept = house.parking.park(source="runs", reason="🚢" * 5000, body=b"\xff", message_id="🚢" * 500)
    assert len(kept.reason) == 2000
    assert house.reader.verify("_installation").intact

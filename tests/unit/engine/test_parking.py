"""Parked input is kept once, visible, replayed with a record, and recorded in a chain of its own."""

from dataclasses import replace
from datetime import timedelta

import pytest

from slipway.domain.errors import NotFound
from slipway.domain.sources import Source
from slipway.effects.messaging import DeadLetter, QueueUnavailable
from slipway.engine.parking import MOST_LISTED, NotReplayable
from slipway.inbound import BadInput
from slipway.ledger.table import Conflict
from slipway.testing import Installation

HOOKS = Source.AZURE_DEVOPS


def actions(installation: Installation) -> list[str]:
    return installation.actions("_installation")


def test_the_same_input_is_kept_once(installation: Installation) -> None:
    first = installation.app.parking.park(source="events", reason="bad", body=b"{", message_id="m-1")
    installation.wait(timedelta(hours=1))
    second = installation.app.parking.park(source="events", reason="bad", body=b"{", message_id="m-1")
    assert second.id == first.id
    (only,) = installation.app.parking.all()
    assert only == first
    assert actions(installation) == ["input.parked"]


def test_a_list_says_that_there_is_more_than_it_holds(installation: Installation) -> None:
    for number in range(MOST_LISTED):
        installation.app.parking.park(source="runs", reason="bad", body=b"{", message_id=f"m-{number}")
    items, more = installation.app.parking.listed()
    assert (len(items), more) == (MOST_LISTED, False)
    installation.app.parking.park(source="runs", reason="bad", body=b"{", message_id="one more")
    items, more = installation.app.parking.listed()
    assert (len(items), more) == (MOST_LISTED, True)


def test_different_input_is_kept_separately(installation: Installation) -> None:
    for source, body, message_id in (
        ("events", b"{", "1"),
        ("events", b"{", "2"),
        ("runs", b"{", "1"),
        ("runs", b"[", "1"),
    ):
        installation.app.parking.park(source=source, reason="bad", body=body, message_id=message_id)
    assert len(list(installation.app.parking.all())) == 4
    assert installation.verify("_installation").intact


def test_waiting_input_is_listed_however_much_was_replayed_before_it(installation: Installation) -> None:
    all_parked = [
        installation.app.parking.park(source="runs", reason="bad", body=b"{", message_id=str(number))
        for number in range(9)
    ]
    last = max(all_parked, key=lambda item: item.id)
    for item in all_parked:
        if item is not last:
            installation.app.parking.replay(item.id, actor="ada@example.com")
    listed = list(installation.app.installation.all_parked(limit=3))
    assert len({item.id for item in listed}) == 3
    assert [item.id for item in listed if item.replayed_at is None] == [last.id]


def test_a_replay_puts_the_input_back_into_its_queue_and_records_who_did(installation: Installation) -> None:
    parked = installation.app.parking.park(source="runs", reason="bad", body="{ж".encode(), message_id="m-1")
    installation.wait(timedelta(minutes=5))
    installation.app.parking.replay(parked.id, actor="ada@example.com")
    (raw,) = installation.bus.raw
    assert (raw.queue, raw.body, raw.not_before) == ("runs", "{ж".encode(), None)
    assert raw.message_id != "m-1"
    replayed = installation.app.installation.parked(parked.id)
    assert replayed is not None
    assert replayed.replayed_at == installation.now
    record = installation.trail("_installation")[-1]
    assert (record.action, record.actor, record.details["id"]) == ("input.replayed", "ada@example.com", parked.id)
    assert installation.verify("_installation").intact


def test_two_replays_are_two_messages_even_in_one_second(installation: Installation) -> None:
    parked = installation.app.parking.park(source="runs", reason="bad", body=b"{")
    for _ in range(2):
        installation.app.parking.replay(parked.id, actor="ada")
        installation.wait(timedelta(milliseconds=1))
    assert len({raw.message_id for raw in installation.bus.raw}) == 2


def test_an_order_to_replay_that_is_taken_twice_has_one_id_for_the_bus_to_drop(installation: Installation) -> None:
    parking = installation.app.parking
    parked = parking.park(source="runs", reason="bad", body=b"{")
    order = "1795867524578-fcc33d2db9b632a9"
    parking.replay(parked.id, actor="ada", inbox=order)
    installation.wait(timedelta(minutes=1))
    with pytest.raises(Conflict):  # the order was answered already
        parking.replay(parked.id, actor="ada", inbox=order)
    assert [raw.message_id for raw in installation.bus.raw] == [f"replay-{parked.id}-{order}"] * 2
    assert actions(installation) == ["input.parked", "input.replayed"]


def test_input_that_came_by_http_is_taken_in_once_more(installation: Installation) -> None:
    handled: list[tuple[Source, bytes]] = []
    parking = replace(installation.app.parking, again=lambda source, body: handled.append((source, body)))
    parked = parking.park(source=HOOKS, reason="bad", body=b'{"a": 1}')
    parking.replay(parked.id, actor="ada")
    assert handled == [(HOOKS, b'{"a": 1}')]
    assert installation.bus.raw == []
    assert actions(installation) == ["input.parked", "input.replayed"]


def test_a_replay_that_is_bad_again_says_so_and_records_nothing(installation: Installation) -> None:
    def refuse(source: Source, body: bytes) -> None:
        raise BadInput("eventType", "a text", "nothing")

    parking = replace(installation.app.parking, again=refuse)
    parked = parking.park(source=HOOKS, reason="bad", body=b"{}")
    with pytest.raises(BadInput, match="eventType: expected a text"):
        parking.replay(parked.id, actor="ada")
    assert actions(installation) == ["input.parked"]


def test_a_replay_while_the_queue_is_away_records_nothing(installation: Installation) -> None:
    parked = installation.app.parking.park(source="runs", reason="bad", body=b"{")
    installation.bus.broken = True
    with pytest.raises(QueueUnavailable):
        installation.app.parking.replay(parked.id, actor="ada")
    assert actions(installation) == ["input.parked"]


@pytest.mark.parametrize("id", ["", "nothing", "../x", "a#b", "x" * 5000, "ж"])
def test_input_that_was_never_parked_cannot_be_replayed(installation: Installation, id: str) -> None:
    with pytest.raises(NotFound, match="no parked input has the id"):
        installation.app.parking.replay(id, actor="ada")


def test_input_of_an_unknown_source_cannot_be_replayed(installation: Installation) -> None:
    parked = installation.app.parking.park(source="pigeon", reason="bad", body=b"{")
    with pytest.raises(NotReplayable, match="came from pigeon"):
        installation.app.parking.replay(parked.id, actor="ada")


@pytest.mark.parametrize("letter", ["a", "ж", "🚢", "\x00", '"'])
def test_input_that_is_too_long_for_a_row_is_cut_and_cannot_be_replayed(
    installation: Installation, letter: str
) -> None:
    parked = installation.app.parking.park(source="runs", reason="bad", body=(letter * 1_000_000).encode())
    assert parked.truncated
    stored = installation.app.installation.parked(parked.id)
    assert stored == parked
    assert len(parked.body) > 10_000
    with pytest.raises(NotReplayable, match="too long"):
        installation.app.parking.replay(parked.id, actor="ada")


@pytest.mark.parametrize("letter", ["a", "ж", "🚢"])
def test_all_text_that_fits_a_queue_is_kept_whole(installation: Installation, letter: str) -> None:
    body = (letter * (256 * 1024 // len(letter.encode()))).encode()
    assert not installation.app.parking.park(source="runs", reason="bad", body=body).truncated


def test_dead_letters_are_parked_with_the_queues_reason_and_removed(installation: Installation) -> None:
    for queue in ("events", "steps", "runs", "approvals"):
        installation.bus.dead.append(
            DeadLetter(queue=queue, body=b"{", message_id=f"m-{queue}", reason="MaxDeliveryCount")
        )
    assert installation.app.parking.empty_dead_letters() == 4
    assert installation.app.parking.empty_dead_letters() == 0
    assert {item.source for item in installation.app.parking.all()} == {"events", "steps", "runs", "approvals"}
    assert {item.reason for item in installation.app.parking.all()} == {"the queue gave up on it: MaxDeliveryCount"}


def test_input_with_a_very_long_reason_is_kept_with_the_reason_cut(installation: Installation) -> None:
    parked = installation.app.parking.park(source="runs", reason="🚢" * 5000, body=b"\xff", message_id="🚢" * 500)
    assert len(parked.reason) == 2000
    assert installation.verify("_installation").intact

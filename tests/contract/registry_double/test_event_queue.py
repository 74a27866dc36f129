"""Event Grid's rules of delivery, with a clock that the test moves."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from local.registry.events import Event
from local.registry.queue import DeliveryQueue, GivenUp
from local.registry.settings import Events

START = datetime(2026, 11, 23, 8, tzinfo=UTC)


def event(name: str = "shop:1") -> Event:
    return Event(id=name, topic="/subscriptions/x", subject=name, type="pushed", time=START, data={})


def queue_of(*names: str, **policy: Any) -> DeliveryQueue:
    queue = DeliveryQueue(Events(**policy))
    for name in names:
        queue.add(event(name), START)
    return queue


def waits(queue: DeliveryQueue, status: int | None, count: int) -> list[float]:
    """Seconds between the attempts, when each of them gets the same status."""
    seconds, now = [], START
    for _ in range(count):
        queue.settle(queue.take(now, 1), status, now)
        due = queue.next_due()
        assert due is not None
        seconds.append((due - now).total_seconds())
        now = due
    return seconds


def test_retries_follow_the_published_waits() -> None:
    assert waits(queue_of("a"), 500, 11) == [10, 30, 60, 300, 600, 1800, 3600, 10800, 21600, 43200, 43200]


def test_no_answer_at_all_is_retried_as_an_error_is() -> None:
    assert waits(queue_of("a"), None, 2) == [10, 30]


@pytest.mark.parametrize(("status", "least"), [(503, 30), (408, 120), (404, 300)])
def test_some_answers_wait_longer_at_first(status: int, least: int) -> None:
    assert waits(queue_of("a"), status, 1) == [least]


def test_waits_can_be_scaled_for_a_laptop() -> None:
    assert waits(queue_of("a", time_scale=0.01), 500, 2) == [0.1, 0.3]


@pytest.mark.parametrize("status", [400, 401, 403, 413])
def test_an_event_that_the_endpoint_refuses_is_given_up_at_once(status: int) -> None:
    queue = queue_of("a")
    (letter,) = queue.settle(queue.take(START, 1), status, START)
    assert (letter.reason, letter.parcel.attempts, len(queue)) == (GivenUp.REFUSED, 1, 0)


def test_an_event_is_given_up_after_its_attempts() -> None:
    queue = queue_of("a", max_attempts=2)
    assert queue.settle(queue.take(START, 1), 500, START) == []
    later = START + timedelta(minutes=1)
    (letter,) = queue.settle(queue.take(later, 1), 500, later)
    assert letter.reason is GivenUp.ATTEMPTS


def test_an_event_is_given_up_after_its_time() -> None:
    queue = queue_of("a", time_to_live_minutes=1)
    later = START + timedelta(minutes=1)
    (letter,) = queue.settle(queue.take(later, 1), 500, later)
    assert letter.reason is GivenUp.TIME


@pytest.mark.parametrize("status", [200, 201, 202, 203, 204])
def test_success_is_one_of_five_answers(status: int) -> None:
    queue = queue_of("a")
    queue.settle(queue.take(START, 1), status, START)
    assert (len(queue), queue.delivered) == (0, 1)


def test_a_redirect_is_not_success() -> None:
    assert waits(queue_of("a"), 302, 1) == [10]


def test_a_batch_holds_at_most_as_many_as_allowed() -> None:
    queue = queue_of("a", "b", "c")
    assert [len(queue.take(START, 2)) for _ in range(3)] == [2, 1, 0]


def test_shuffling_changes_the_order_and_loses_nothing() -> None:
    names = [f"shop:{number}" for number in range(50)]
    queue = queue_of(*names, shuffle=True, seed=1, repeat=2)
    batch = queue.take(START + timedelta(seconds=1), 1000)
    arrived = [parcel.event.id for parcel in batch]
    assert sorted(arrived) == sorted(names * 2)
    assert arrived != sorted(arrived)

"""Many writers at once: nothing is lost, nothing is doubled, and each chain stays one chain."""

import threading
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from slipway.domain.events import Event
from slipway.engine.backoff import Backoff
from slipway.engine.handle import Contended, Handler, Outcome, Receipt
from slipway.ledger import LedgerUnavailable, Table
from slipway.ledger.due import SETTLED
from slipway.ledger.table import Conflict
from slipway.testing import Installation, write_application
from slipway.testing.chains import PUBLIC_KEYS, SIGNER

WRITERS = 4
EVENTS = 8
TRIES = 100
"""Deliveries of one event; a real queue tries for longer."""


@pytest.fixture
def installation(table: Table, tmp_path: Path) -> Installation:
    for name in ("shop", "till", "stock"):
        write_application(tmp_path, name)
    return Installation(tmp_path, table=table)


def deliver(handler: Handler, event: Event) -> Receipt:
    """Deliver as the queue does: again, while other writers are in the way."""
    for _ in range(TRIES):
        try:
            (receipt,) = handler.handle(event)
        except Contended:
            continue
        return receipt
    raise AssertionError(f"{event.key} was not taken in within {TRIES} deliveries")


def at_once[T](work: Iterable[Callable[[], T]]) -> list[T]:
    """Run all of the work on a few threads that start together."""
    start = threading.Barrier(WRITERS)

    def run_all(share: list[Callable[[], T]]) -> list[T]:
        start.wait(timeout=60)
        return [task() for task in share]

    shares: list[list[Callable[[], T]]] = [[] for _ in range(WRITERS)]
    for index, task in enumerate(work):
        shares[index % WRITERS].append(task)
    with ThreadPoolExecutor(WRITERS) as pool:
        return [result for share in pool.map(run_all, shares) for result in share]


def handler_with_short_pauses(installation: Installation) -> Handler:
    """A handler with real pauses, but short ones."""

    def pause(seconds: float) -> None:
        threading.Event().wait(seconds / 5)

    return replace(installation.app.handler, backoff=Backoff(pause=pause))


def test_pushes_taken_in_by_many_writers_twice_each_are_all_there_once(installation: Installation) -> None:
    handler = handler_with_short_pauses(installation)
    events = [installation.pushed(f"1.0.{number}") for number in range(EVENTS)]
    receipts = at_once([partial(deliver, handler, event) for event in (*events, *events)])
    assert Counter(receipt.outcome for receipt in receipts)[Outcome.TAKEN] == EVENTS
    releases = list(installation.app.ledger.releases("shop", limit=EVENTS * 2))
    assert sorted(release.tag for release in releases) == sorted(event.tag for event in events)
    assert sorted(release.number for release in releases) == list(range(1, EVENTS + 1))
    assert installation.actions().count("release.created") == EVENTS
    assert installation.verify().intact
    _one_is_left(installation, "shop", {release.number for release in releases})
    installation.wait(SETTLED)
    installation.reconcile()
    assert list(installation.app.ledger.outbox("shop")) == []
    assert len({message.id for message in installation.bus.sent}) == len(installation.bus.sent)


def _one_is_left(installation: Installation, app: str, numbers: set[int]) -> None:
    """Assert that only the release with the highest number is left, and that newer ones superseded all others."""
    head = installation.app.ledger.head(app)
    assert head.active == (max(numbers),)
    assert installation.lane("staging", app).waiting == max(numbers)
    for number in numbers - {max(numbers)}:
        release = installation.release(number, app)
        assert release.phase == "superseded"
        assert release.superseded_by is not None
        assert release.superseded_by > number


def test_applications_do_not_get_into_each_others_way(installation: Installation) -> None:
    handler = handler_with_short_pauses(installation)
    events = [installation.pushed(f"2.{n}", app=app) for n in range(4) for app in ("shop", "till", "stock")]
    receipts = at_once([partial(deliver, handler, event) for event in events])
    assert {receipt.outcome for receipt in receipts} == {Outcome.TAKEN}
    for app in ("shop", "till", "stock"):
        assert [r.number for r in installation.app.ledger.releases(app, limit=50)] == list(range(4, 0, -1))
        assert installation.verify(app).intact
        _one_is_left(installation, app, set(range(1, 5)))


def test_the_chain_is_found_intact_while_others_write(installation: Installation) -> None:
    handler = handler_with_short_pauses(installation)
    writing = [lambda n=n: deliver(handler, installation.pushed(f"3.{n}")) for n in range(WRITERS * 2)]
    reading = [installation.verify for _ in range(WRITERS * 2)]
    results = at_once([task for pair in zip(writing, reading, strict=True) for task in pair])
    assert [verdict for verdict in results if getattr(verdict, "intact", True) is not True] == []


def test_input_parked_by_many_writers_is_kept_once_each_on_one_chain(installation: Installation) -> None:
    def park(number: int) -> None:
        ledger = type(installation.app.installation)(
            installation.app.table, installation.app.indexer, signer=lambda: SIGNER, keys=lambda: PUBLIC_KEYS
        )
        for _ in range(TRIES):
            try:
                ledger.park(
                    id=f"{number:024x}", source="runs", reason="a test", body="{", message_id="m", now=installation.now
                )
            except (Conflict, LedgerUnavailable):
                continue
            return
        raise AssertionError("it was not parked")

    at_once([partial(park, n % 12) for n in range(24)])
    assert len(list(installation.app.installation.all_parked())) == 12
    records = installation.trail("_installation")
    assert [record.action for record in records] == ["input.parked"] * 12
    assert len({record.details["id"] for record in records}) == 12
    assert installation.verify("_installation").intact

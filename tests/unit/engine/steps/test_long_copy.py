"""A copy that takes longer than one message may: it goes on in the next, people see how far it is, and it ends."""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from pathlib import Path
from threading import Lock
from typing import Any

import pytest

from slipway.domain.promotion import StepState
from slipway.domain.queues import Queue
from slipway.domain.release import Phase
from slipway.domain.steps import COPY_TIME, Step, StepKind
from slipway.effects.registry import ErrorSubject, Throttled, Unreachable
from slipway.engine.outcome import Finished, Outcome, Requeue, Retry
from slipway.engine.run_step import Work
from slipway.engine.steps.copy import DIGESTS_KEPT, copy
from slipway.engine.steps.copying import LONGEST_RUN
from slipway.ledger import LedgerUnavailable
from slipway.ledger.table import Write
from slipway.testing import Installation, MemoryTable
from slipway.testing.artifacts import ArtifactDouble, digest_of, image, index
from slipway.testing.registry import RegistryReply, Request

LAYERS = [bytes([number]) * (3_000_000 - number) for number in range(4)]


@dataclass(kw_only=True)
class OneImage(Installation):
    """Whatever tag CI pushes, it names the same image."""

    image: ArtifactDouble = field(default_factory=lambda: image(*LAYERS))

    def build(self, tag: str, *, app: str = "") -> str:
        return self.nonprod.seed("team/shop", self.image, tag)


class Pace:
    """How long uploads to the production registry and downloads from the other take."""

    def __init__(self, home: Installation) -> None:
        self.upload = timedelta(minutes=1)
        self.download = timedelta(0)
        self.then: Callable[[], None] = lambda: None
        """Called before each upload is finished."""
        lock = Lock()
        put, get = home.prod.held.handle, home.nonprod.held.handle

        def uploads(request: Request) -> RegistryReply:
            if request.method == "PUT" and "digest" in request.query:
                with lock:  # one after the other, so that no test depends on which of the threads is first
                    home.wait(self.upload)
                    self.then()
                    return put(request)
            return put(request)

        def downloads(request: Request) -> RegistryReply:
            if request.method == "GET" and "/blobs/" in request.path:
                with lock:
                    home.wait(self.download)
            return get(request)

        home.prod.held.handle = uploads  # type: ignore[method-assign]
        home.nonprod.held.handle = downloads  # type: ignore[method-assign]


@pytest.fixture
def installation(deliveries: Path) -> OneImage:
    """The image has four layers of 3 MB, and a message has a minute's time."""
    return OneImage(deliveries, settings={"copy_seconds": 60})


@pytest.fixture
def pace(installation: Installation) -> Pace:
    return Pace(installation)


def approved(home: Installation) -> Step:
    """The step that is to copy release 1."""
    home.push("1.0")
    home.settle()
    home.vote(1)
    return home.settle_at(StepKind.COPY, "production")


def work(home: Installation, step: Step, renew: Callable[[], bool] = lambda: True) -> Work:
    return Work(step=step, release=home.release(1), entry=home.app.catalogue.entries["shop"], renew=renew)


def run(home: Installation, step: Step, **changes: Any) -> Outcome:
    return copy(home.app.clients, home.clock, work(home, step, **changes))


def state(home: Installation) -> StepState | None:
    return home.app.ledger.under_way.read("shop", 1, "production")


@pytest.mark.usefixtures("pace")
def test_it_goes_on_in_further_messages_and_no_blob_is_sent_twice(installation: Installation) -> None:
    step = approved(installation)
    installation.run_step(step)
    lives = 1
    while installation.phase(1) is Phase.COPYING:
        (following,) = [s for s in installation.steps() if s.kind is StepKind.COPY]
        assert (following.id, following.poll, following.tries) == (step.id, lives, 0)
        assert installation.prod.held.tags == {}
        installation.run_step(installation.settle_at(StepKind.COPY, "production"))
        lives += 1
    installation.settle()

    sent = Counter(request.query["digest"] for request in installation.prod.held.log if "digest" in request.query)
    assert {digest_of(layer) for layer in LAYERS} < set(sent)
    assert set(sent.values()) == {1}
    assert lives > 1
    assert installation.phase(1) is Phase.COMPLETED
    assert installation.actions().count("copy.done") == 1


@pytest.mark.usefixtures("pace")
def test_what_is_left_is_asked_for_at_once(installation: Installation) -> None:
    outcome = run(installation, approved(installation))

    assert isinstance(outcome, Requeue)
    assert outcome.after == timedelta(0)


@pytest.mark.usefixtures("pace")
def test_how_far_it_is_can_be_read_while_it_runs_and_is_gone_afterwards(installation: Installation) -> None:
    step = approved(installation)
    assert installation.app.reader.under_way(installation.release(1)) is None
    installation.run_step(step)

    left = installation.app.reader.under_way(installation.release(1))

    assert left is not None
    seen = left.progress
    assert seen is not None
    assert 0 < seen.blobs < seen.of_blobs == 5
    assert 0 < seen.bytes < seen.of_bytes == sum(map(len, LAYERS)) + len(image().blobs[0])
    assert seen.text.startswith(f"{seen.blobs} of 5 blobs, ")
    assert seen.text.endswith(" of 12.0 MB")
    installation.settle()
    assert installation.phase(1) is Phase.COMPLETED
    assert state(installation) is None


def test_progress_is_written_at_most_once_a_second(installation: Installation, pace: Pace) -> None:
    step = approved(installation)
    pace.upload = timedelta(milliseconds=300)
    table = Counting(installation)

    outcome = run(installation, step)

    assert isinstance(outcome, Finished)
    assert outcome.passed
    assert table.progress_writes == 1  # after 1.2 of 1.5 seconds: a copy that takes less than one writes nothing


@pytest.mark.usefixtures("pace")
def test_after_its_time_it_fails_with_what_had_arrived(installation: Installation) -> None:
    step = approved(installation)
    installation.run_step(step)
    installation.now = step.asked_at + COPY_TIME
    installation.settle()

    assert installation.phase(1) is Phase.FAILED
    assert "it was not copied within 1:00:00: " in installation.release(1).reason
    assert " of 5 blobs, " in installation.release(1).reason
    assert installation.production.applied == 0
    assert state(installation) is None


def test_a_single_blob_may_take_longer_than_a_message_has(installation: Installation, pace: Pace) -> None:
    pace.upload = timedelta(minutes=3)
    step = approved(installation)
    while isinstance(outcome := run(installation, step), Requeue):
        step = step.evolve(poll=step.poll + 1)

    assert isinstance(outcome, Finished)
    assert outcome.passed


def test_a_blob_that_would_outlive_the_function_ends_the_copy_and_says_so(
    installation: Installation, pace: Pace
) -> None:
    pace.download = LONGEST_RUN
    outcome = run(installation, approved(installation))

    assert isinstance(outcome, Finished)
    assert not outcome.passed
    assert "of 5 blobs" in outcome.reason
    assert installation.prod.held.tags == {}


def test_a_copy_that_was_asked_for_long_ago_still_gets_its_chance(installation: Installation) -> None:
    step = approved(installation)
    installation.now = step.asked_at + COPY_TIME * 2

    outcome = run(installation, step)

    assert isinstance(outcome, Finished)
    assert outcome.passed


def test_a_failure_after_something_has_arrived_costs_no_try(installation: Installation, pace: Pace) -> None:
    step = approved(installation)
    pace.upload = timedelta(seconds=2)

    uploads = count(1)

    def break_down() -> None:
        if next(uploads) > 2:
            installation.prod.errors += [Unreachable(ErrorSubject("prod.test"), "no answer")] * 50

    pace.then = break_down
    outcome = run(installation, step)

    assert isinstance(outcome, Requeue)
    assert "no answer" in outcome.reason


def test_a_busy_registry_is_left_alone_as_long_as_it_asks(installation: Installation) -> None:
    step = approved(installation)
    installation.nonprod.errors += [Throttled(ErrorSubject("nonprod.test"), "429", retry_after=120)] * 50

    outcome = run(installation, step)

    assert isinstance(outcome, Retry)
    assert outcome.after == timedelta(minutes=2)
    before = installation.now
    installation.run_step(step)
    (message,) = [m for m in installation.bus.sent if m.queue is Queue.STEPS and m.body["kind"] == "copy"]
    assert message.not_before is not None
    assert message.not_before >= before + timedelta(minutes=2)


def test_the_copy_goes_on_while_its_progress_cannot_be_written(installation: Installation) -> None:
    step = approved(installation)
    Counting(installation, away=True)

    outcome = run(installation, step)

    assert isinstance(outcome, Finished)
    assert outcome.passed


@pytest.mark.usefixtures("pace")
def test_what_an_earlier_attempt_left_behind_does_not_count(installation: Installation) -> None:
    step = approved(installation)
    left = StepState(step="shop-1/production/99/copy", not_imported="once upon a time")
    installation.app.ledger.under_way.write("shop", 1, "production", left)

    run(installation, step)

    found = state(installation)
    assert found is not None
    assert (found.step, found.not_imported) == (step.id, "")


def test_a_record_that_is_too_long_for_the_trail_is_kept_as_a_document(installation: OneImage) -> None:
    many = index(*(image(bytes([number]), architecture=f"a{number}") for number in range(DIGESTS_KEPT)))
    installation.image = many
    step = approved(installation)
    installation.run_step(step)
    installation.settle()

    (record,) = [found for found in installation.trail() if found.action == "copy.done"]
    assert installation.phase(1) is Phase.COMPLETED
    assert len(record.details["manifests"]) == DIGESTS_KEPT
    whole = json.loads(installation.app.reader.evidence(record.details["document"]))
    assert len(whole["manifests"]) == len(whole["comparison"]["read_back"]) == DIGESTS_KEPT + 1
    assert whole["manifests"][:DIGESTS_KEPT] == record.details["manifests"]


class Counting:
    """Counts the writes of progress, or has them fail."""

    def __init__(self, installation: Installation, *, away: bool = False) -> None:
        self.progress_writes = 0
        table = installation.app.table
        assert isinstance(table, MemoryTable)
        transact = table.transact

        def counted(partition: str, writes: list[Write]) -> None:
            if any(write.key.startswith("progress!") for write in writes):
                self.progress_writes += 1
                if away:
                    raise LedgerUnavailable("switched off")
            transact(partition, writes)

        table.transact = counted  # type: ignore[method-assign, assignment]

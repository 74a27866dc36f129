"""A copy that takes longer than one message may: it continues in the next message, people see its progress, and it
ends."""

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
    """An installation in which every tag that CI pushes names the same image."""

    image: ArtifactDouble = field(default_factory=lambda: image(*LAYERS))

    def build(self, tag: str, *, app: str = "") -> str:
        return self.nonprod.seed("team/shop", self.image, tag)


class Pace:
    """Sets how long each upload to the production registry and each download from the other one takes."""

    def __init__(self, installation: Installation) -> None:
        self.upload = timedelta(minutes=1)
        self.download = timedelta(0)
        self.before_upload_ends: Callable[[], None] = lambda: None
        """Called before each upload ends."""
        lock = Lock()
        put_unpaced, get_unpaced = installation.prod.held.handle, installation.nonprod.held.handle

        def uploads(request: Request) -> RegistryReply:
            if request.method == "PUT" and "digest" in request.query:
                with lock:  # one at a time, so that no test depends on which thread is first
                    installation.wait(self.upload)
                    self.before_upload_ends()
                    return put_unpaced(request)
            return put_unpaced(request)

        def downloads(request: Request) -> RegistryReply:
            if request.method == "GET" and "/blobs/" in request.path:
                with lock:
                    installation.wait(self.download)
            return get_unpaced(request)

        installation.prod.held.handle = uploads  # type: ignore[method-assign]
        installation.nonprod.held.handle = downloads  # type: ignore[method-assign]


@pytest.fixture
def installation(deliveries: Path) -> OneImage:
    """The image has four layers of 3 MB, and each message has one minute."""
    return OneImage(deliveries, settings={"copy_seconds": 60})


@pytest.fixture
def pace(installation: Installation) -> Pace:
    return Pace(installation)


def approved(installation: Installation) -> Step:
    """The copy step of release 1, which was approved."""
    installation.push("1.0")
    installation.settle()
    installation.vote(1)
    return installation.settle_at(StepKind.COPY, "production")


def work(installation: Installation, step: Step, renew: Callable[[], bool] = lambda: True) -> Work:
    return Work(
        step=step, release=installation.release(1), entry=installation.app.catalogue.entries["shop"], renew=renew
    )


def run(installation: Installation, step: Step, **changes: Any) -> Outcome:
    return copy(installation.app.clients, installation.clock, work(installation, step, **changes))


def state(installation: Installation) -> StepState | None:
    return installation.app.ledger.under_way.read("shop", 1, "production")


@pytest.mark.usefixtures("pace")
def test_a_long_copy_goes_on_in_further_messages_and_sends_no_blob_twice(installation: Installation) -> None:
    step = approved(installation)
    installation.run_step(step)
    messages = 1
    while installation.phase(1) is Phase.COPYING:
        (following,) = [waiting for waiting in installation.steps() if waiting.kind is StepKind.COPY]
        assert (following.id, following.poll, following.tries) == (step.id, messages, 0)
        assert installation.prod.held.tags == {}
        installation.run_step(installation.settle_at(StepKind.COPY, "production"))
        messages += 1
    installation.settle()

    uploads = Counter(request.query["digest"] for request in installation.prod.held.log if "digest" in request.query)
    assert {digest_of(layer) for layer in LAYERS} < set(uploads)
    assert set(uploads.values()) == {1}
    assert messages > 1
    assert installation.phase(1) is Phase.COMPLETED
    assert installation.actions().count("copy.done") == 1


@pytest.mark.usefixtures("pace")
def test_the_next_message_of_a_long_copy_is_due_at_once(installation: Installation) -> None:
    outcome = run(installation, approved(installation))

    assert isinstance(outcome, Requeue)
    assert outcome.after == timedelta(0)


@pytest.mark.usefixtures("pace")
def test_the_progress_of_a_copy_can_be_read_while_it_runs_and_is_gone_afterwards(installation: Installation) -> None:
    step = approved(installation)
    assert installation.app.reader.under_way(installation.release(1)) is None
    installation.run_step(step)

    under_way = installation.app.reader.under_way(installation.release(1))

    assert under_way is not None
    progress = under_way.progress
    assert progress is not None
    assert 0 < progress.blobs < progress.of_blobs == 5
    assert 0 < progress.bytes < progress.of_bytes == sum(map(len, LAYERS)) + len(image().blobs[0])
    assert progress.text.startswith(f"{progress.blobs} of 5 blobs, ")
    assert progress.text.endswith(" of 12.0 MB")
    installation.settle()
    assert installation.phase(1) is Phase.COMPLETED
    assert state(installation) is None


def test_progress_is_written_at_most_once_a_second(installation: Installation, pace: Pace) -> None:
    step = approved(installation)
    pace.upload = timedelta(milliseconds=300)
    table = ProgressWrites(installation)

    outcome = run(installation, step)

    assert isinstance(outcome, Finished)
    assert outcome.passed
    assert table.progress_writes == 1  # after 1.2 of 1.5 seconds: a copy that takes less than one writes nothing


@pytest.mark.usefixtures("pace")
def test_a_copy_that_exceeds_its_time_fails_and_says_how_much_had_arrived(installation: Installation) -> None:
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


def test_a_copy_whose_time_was_over_before_it_began_is_still_tried(installation: Installation) -> None:
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

    pace.before_upload_ends = break_down
    outcome = run(installation, step)

    assert isinstance(outcome, Requeue)
    assert "no answer" in outcome.reason


def test_a_busy_registry_is_left_alone_as_long_as_it_asks(installation: Installation) -> None:
    step = approved(installation)
    installation.nonprod.errors += [Throttled(ErrorSubject("nonprod.test"), "429", retry_after=120)] * 50

    outcome = run(installation, step)

    assert isinstance(outcome, Retry)
    assert outcome.after == timedelta(minutes=2)
    started_at = installation.now
    installation.run_step(step)
    (message,) = [
        outgoing
        for outgoing in installation.bus.sent
        if outgoing.queue is Queue.STEPS and outgoing.body["kind"] == "copy"
    ]
    assert message.not_before is not None
    assert message.not_before >= started_at + timedelta(minutes=2)


def test_the_copy_goes_on_while_its_progress_cannot_be_written(installation: Installation) -> None:
    step = approved(installation)
    ProgressWrites(installation, away=True)

    outcome = run(installation, step)

    assert isinstance(outcome, Finished)
    assert outcome.passed


@pytest.mark.usefixtures("pace")
def test_progress_of_an_earlier_attempt_does_not_count(installation: Installation) -> None:
    step = approved(installation)
    earlier_state = StepState(step="shop-1/production/99/copy", not_imported="once upon a time")
    installation.app.ledger.under_way.write("shop", 1, "production", earlier_state)

    run(installation, step)

    current_state = state(installation)
    assert current_state is not None
    assert (current_state.step, current_state.not_imported) == (step.id, "")


def test_a_record_that_is_too_long_for_the_trail_is_kept_as_a_document(installation: OneImage) -> None:
    many = index(*(image(bytes([number]), architecture=f"a{number}") for number in range(DIGESTS_KEPT)))
    installation.image = many
    step = approved(installation)
    installation.run_step(step)
    installation.settle()

    (record,) = [entry for entry in installation.trail() if entry.action == "copy.done"]
    assert installation.phase(1) is Phase.COMPLETED
    assert len(record.details["manifests"]) == DIGESTS_KEPT
    document = json.loads(installation.app.reader.evidence(record.details["document"]))
    assert len(document["manifests"]) == len(document["comparison"]["read_back"]) == DIGESTS_KEPT + 1
    assert document["manifests"][:DIGESTS_KEPT] == record.details["manifests"]


class ProgressWrites:
    """Counts the writes of progress, or makes them fail."""

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

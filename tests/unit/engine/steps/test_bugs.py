"""A bug in a step does not fail the release: it is logged with its traceback, tried again, and finally parked."""

import logging
from collections.abc import Callable
from dataclasses import replace
from operator import attrgetter
from typing import Any, NoReturn

import pytest

from slipway.domain.chain_anchor import AnchoredGate, GateOutcome
from slipway.domain.errors import UnknownName
from slipway.domain.release import Phase
from slipway.domain.steps import Step, StepKind
from slipway.engine.outcome import Finished, Outcome
from slipway.engine.receiving import TRIES, QueueMessage
from slipway.engine.run_step import Work
from slipway.engine.steps.table import effects
from slipway.testing import Installation, write_application

BUGS: dict[str, tuple[type[Exception], Callable[[], object]]] = {
    "a key that is not there": (KeyError, lambda: dict[str, object]()["bug"]),
    "an index too far": (IndexError, lambda: list[object]()[0]),
    "an attribute of None": (AttributeError, lambda: attrgetter("bug")(None)),
    "a division by zero": (ZeroDivisionError, lambda: 1 // 0),
}
"""What Python raises for mistakes in the code."""


@pytest.fixture(scope="module")
def waiting(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """shop-1 is live in staging and waits for approval in production: any kind of step could come next."""
    folder = tmp_path_factory.mktemp("deliveries")
    write_application(folder)
    installation = Installation(folder)
    installation.push("1.0")
    installation.settle()
    assert installation.phase(1) is Phase.AWAITING_APPROVAL
    return installation


GATE = AnchoredGate(release=1, environment="production", opening=1, outcome=GateOutcome.PASSED)


def outcome(installation: Installation, kind: StepKind, reach: Callable[[str], Any]) -> Outcome:
    """The outcome of a step whose registries, clusters and channels are all opened by `reach`."""
    clients = replace(installation.app.clients, registry=reach, cluster=reach, channel=reach)
    anchors = replace(installation.app.chain_anchors, blobs=lambda: reach("audit"))
    step = Step(
        kind=kind,
        application="shop",
        release=1,
        environment="staging",
        attempt=1,
        asked_at=installation.now,
        channel="inbox",
        gate=GATE if kind is StepKind.ANCHOR else None,
    )
    work = Work(
        step=step,
        release=installation.release(1),
        entry=installation.app.catalogue.entries["shop"],
        renew=lambda: True,
        nearby=installation.app.ledger.nearby("shop", 1),
    )
    return effects(clients, anchors, installation.clock)[kind](work)


@pytest.mark.parametrize("bug", BUGS)
@pytest.mark.parametrize("kind", StepKind)
def test_a_bug_in_a_step_is_raised_and_is_not_its_outcome(waiting: Installation, kind: StepKind, bug: str) -> None:
    error, mistake = BUGS[bug]
    with pytest.raises(error):
        outcome(waiting, kind, lambda name: mistake())


@pytest.mark.parametrize("kind", [kind for kind in StepKind if kind is not StepKind.ANCHOR])
def test_a_name_that_the_settings_do_not_know_fails_any_step_and_is_named(
    waiting: Installation, kind: StepKind
) -> None:
    def unknown(name: str) -> Any:
        raise UnknownName(f"the settings know no thing {name!r} (known: none)")

    result = outcome(waiting, kind, unknown)
    assert isinstance(result, Finished)
    assert not result.passed
    assert result.reason.startswith("the settings know no thing '")


@pytest.mark.parametrize("bug", BUGS)
def test_a_bug_in_a_step_is_logged_and_tried_again_and_finally_parked(
    installation: Installation, bug: str, caplog: pytest.LogCaptureFixture
) -> None:
    error, mistake = BUGS[bug]
    installation.push("1.0")
    step = installation.settle_at(StepKind.DEPLOY, "staging")

    def fail(work: Work) -> NoReturn:
        mistake()
        raise AssertionError("the mistake raised nothing")

    runner = replace(installation.app.step_runner, effects={StepKind.DEPLOY: fail})

    def deliver(tries: int) -> None:
        installation.app.receiver.receive(
            lambda body: runner.run(Step.model_validate_json(body)),
            QueueMessage(queue="steps", body=step.model_dump_json().encode(), id=step.message_id, tries=tries),
        )

    for tries in range(TRIES):
        deliver(tries)
        assert installation.phase(1) is Phase.DEPLOYING
    logged = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert [record.exc_info and record.exc_info[0] for record in logged] == [error] * TRIES
    assert [copy.tries for copy in installation.bus.raw] == list(range(1, TRIES))
    (parked,) = installation.app.parking.all()
    assert parked.reason.startswith(f"unexpected {error.__name__} in slipway/engine/")

"""Unread rows of the inbox can stop a copy and a deployment, and never let one through."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from slipway.commands.saying import CommandRequest
from slipway.domain.commands import Verb
from slipway.domain.inbox import InboxKind, InboxRow, Speaker, Via
from slipway.domain.queues import Queue
from slipway.domain.release import Phase, VoteDecision
from slipway.domain.statement import CommandStatement, VoteStatement
from slipway.domain.steps import Step, StepKind
from slipway.engine.outcome import Finished, Outcome, Requeue
from slipway.engine.run_step import Work
from slipway.engine.unread import MANY
from slipway.testing import ADA, Installation, write_application

OLGA = Speaker(name="olga@example.com", roles=("platform",), via=Via.PAGE)
ENVIRONMENT = {StepKind.COPY: "production", StepKind.DEPLOY: "production"}


@pytest.fixture(scope="module", params=[StepKind.COPY, StepKind.DEPLOY])
def installation_and_step(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Installation, Step]:
    folder = tmp_path_factory.mktemp("deliveries")
    write_application(folder)
    installation = Installation(folder)
    installation.push("1.0")
    installation.settle()
    installation.vote(1, ADA)
    return installation, installation.settle_at(request.param, "production")


@pytest.fixture
def waiting(installation_and_step: tuple[Installation, Step]) -> tuple[Installation, Step]:
    """A release on its way into production, right before its copy or its deployment."""
    return installation_and_step[0].copy(), installation_and_step[1]


def command(installation: Installation, verb: Verb, **about: Any) -> None:
    installation.app.inbox_writer.command(CommandRequest(verb=verb, reason="stop", **about), OLGA)


def vote(installation: Installation, decision: VoteDecision, **about: Any) -> None:
    fields = {"application": "shop", "release": 1, "environment": "production", "attempt": 0, "opening": 1, **about}
    statement = VoteStatement(
        installation="i", salt="A" * 22, plan="sha256:" + "a" * 64, decision=decision, reason="no", **fields
    )
    installation.app.inbox_writer.say("shop", InboxRow(kind=InboxKind.VOTE, said=statement, speaker=OLGA))


STOPS: dict[str, Callable[[Installation], None]] = {
    "cancel": lambda installation: command(installation, Verb.CANCEL, release="shop-1"),
    "freeze of the lane": lambda installation: command(
        installation, Verb.FREEZE, application="shop", environment="production"
    ),
    "freeze of everything": lambda installation: command(installation, Verb.FREEZE),
    "rejection": lambda installation: vote(installation, VoteDecision.REJECT),
    "objection": lambda installation: vote(installation, VoteDecision.OBJECT),
    "objection to a vote of the gate before": lambda installation: vote(
        installation, VoteDecision.OBJECT, environment="staging"
    ),
}
OTHERS: dict[str, Callable[[Installation], None]] = {
    "nothing": lambda installation: None,
    "freeze of another lane": lambda installation: command(
        installation, Verb.FREEZE, application="shop", environment="staging"
    ),
    "end of a freeze": lambda installation: command(
        installation, Verb.UNFREEZE, application="shop", environment="production"
    ),
    "approval": lambda installation: vote(installation, VoteDecision.APPROVE),
    "rejection elsewhere": lambda installation: vote(installation, VoteDecision.REJECT, environment="staging"),
    "rejection of another release": lambda installation: vote(installation, VoteDecision.REJECT, release=2),
}


def _freeze_of(application: str) -> CommandStatement:
    about: dict[str, Any] = {"application": application, "environment": "production", "reason": "stop"}
    return CommandStatement(installation="i", salt="A" * 22, verb=Verb.FREEZE, **about)


def effects_of(installation: Installation, step: Step, effect: Callable[[Work], Outcome] | None = None) -> list[Work]:
    """Run the step; the effects that it had."""
    effects_run: list[Work] = []

    def perform(work: Work) -> Outcome:
        effects_run.append(work)
        return effect(work) if effect else Requeue(after=timedelta(seconds=1), reason="looking")

    replace(installation.app.step_runner, effects={step.kind: perform}).run(step)
    return effects_run


@pytest.mark.parametrize("name", STOPS)
def test_an_unread_statement_that_stops_the_release_puts_its_step_off(
    waiting: tuple[Installation, Step], name: str
) -> None:
    installation, step = waiting
    STOPS[name](installation)
    assert effects_of(installation, step) == []
    (postponed,) = [message for message in installation.bus.sent if message.queue is Queue.STEPS and message.not_before]
    assert Step.model_validate(postponed.body) == step


@pytest.mark.parametrize("name", OTHERS)
def test_no_other_unread_row_holds_the_step_back(waiting: tuple[Installation, Step], name: str) -> None:
    installation, step = waiting
    OTHERS[name](installation)
    assert len(effects_of(installation, step)) == 1


def test_once_a_cancellation_is_read_the_release_is_cancelled_and_its_step_dropped(tmp_path: Path) -> None:
    write_application(tmp_path)
    installation = Installation(tmp_path)
    installation.push("1.0")
    installation.settle()
    installation.vote(1, ADA)
    step = installation.settle_at(StepKind.COPY, "production")
    STOPS["cancel"](installation)
    assert effects_of(installation, step) == []
    installation.hear()
    assert installation.phase(1) is Phase.CANCELLED
    assert effects_of(installation, step) == []


def test_a_rejection_that_comes_during_a_copy_keeps_the_copy_from_counting(tmp_path: Path) -> None:
    write_application(tmp_path)
    installation = Installation(tmp_path)
    installation.push("1.0")
    installation.settle()
    installation.vote(1, ADA)
    step = installation.settle_at(StepKind.COPY, "production")

    def copy(_: Work) -> Outcome:
        STOPS["rejection"](installation)
        return Finished(passed=True)

    effects_of(installation, step, copy)
    assert installation.phase(1) is Phase.COPYING


def test_a_deployment_that_has_begun_is_not_stopped(tmp_path: Path) -> None:
    write_application(tmp_path)
    installation = Installation(tmp_path)
    installation.push("1.0")
    installation.settle()
    installation.vote(1, ADA)
    step = installation.settle_at(StepKind.DEPLOY, "production")

    def deploy(_: Work) -> Outcome:
        STOPS["rejection"](installation)
        return Finished(passed=True, result={"objects": []})

    effects_of(installation, step, deploy)
    assert installation.phase(1) is Phase.CHECKING


def test_more_unread_rows_than_can_be_looked_at_hold_the_step_back(waiting: tuple[Installation, Step]) -> None:
    installation, step = waiting
    for _ in range(MANY):
        OTHERS["approval"](installation)
    assert effects_of(installation, step) == []


def test_many_rows_about_other_applications_stop_no_step_and_hide_no_rejection(
    waiting: tuple[Installation, Step],
) -> None:
    installation, step = waiting
    for _ in range(MANY):
        row = InboxRow(kind=InboxKind.COMMAND, said=_freeze_of("alpha"), speaker=OLGA)
        installation.app.inbox_writer.say("alpha", row)
    assert len(effects_of(installation, step)) == 1
    STOPS["rejection"](installation)
    assert effects_of(installation, step) == []

"""What lies unread in the inbox stops a copy and a deployment, and nothing that lies there lets one through."""

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
def told(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Installation, Step]:
    folder = tmp_path_factory.mktemp("deliveries")
    write_application(folder)
    home = Installation(folder)
    home.push("1.0")
    home.settle()
    home.vote(1, ADA)
    return home, home.settle_at(request.param, "production")


@pytest.fixture
def waiting(told: tuple[Installation, Step]) -> tuple[Installation, Step]:
    """A release on its way into production, just before it is copied or deployed."""
    return told[0].copy(), told[1]


def command(home: Installation, verb: Verb, **about: Any) -> None:
    home.app.inbox_writer.command(CommandRequest(verb=verb, reason="stop", **about), OLGA)


def vote(home: Installation, decision: VoteDecision, **about: Any) -> None:
    given = {"application": "shop", "release": 1, "environment": "production", "attempt": 0, "opening": 1, **about}
    said = VoteStatement(
        installation="i", salt="A" * 22, plan="sha256:" + "a" * 64, decision=decision, reason="no", **given
    )
    home.app.inbox_writer.say("shop", InboxRow(kind=InboxKind.VOTE, said=said, speaker=OLGA))


STOPS: dict[str, Callable[[Installation], None]] = {
    "cancel": lambda home: command(home, Verb.CANCEL, release="shop-1"),
    "freeze of the lane": lambda home: command(home, Verb.FREEZE, application="shop", environment="production"),
    "freeze of everything": lambda home: command(home, Verb.FREEZE),
    "rejection": lambda home: vote(home, VoteDecision.REJECT),
    "objection": lambda home: vote(home, VoteDecision.OBJECT),
    "objection to a vote of the gate before": lambda home: vote(home, VoteDecision.OBJECT, environment="staging"),
}
OTHERS: dict[str, Callable[[Installation], None]] = {
    "nothing": lambda home: None,
    "freeze of another lane": lambda home: command(home, Verb.FREEZE, application="shop", environment="staging"),
    "end of a freeze": lambda home: command(home, Verb.UNFREEZE, application="shop", environment="production"),
    "approval": lambda home: vote(home, VoteDecision.APPROVE),
    "rejection elsewhere": lambda home: vote(home, VoteDecision.REJECT, environment="staging"),
    "rejection of another release": lambda home: vote(home, VoteDecision.REJECT, release=2),
}


def _freeze_of(application: str) -> CommandStatement:
    about: dict[str, Any] = {"application": application, "environment": "production", "reason": "stop"}
    return CommandStatement(installation="i", salt="A" * 22, verb=Verb.FREEZE, **about)


def performed(home: Installation, step: Step, effect: Callable[[Work], Outcome] | None = None) -> list[Work]:
    """The effects that running the step had."""
    done: list[Work] = []

    def look(work: Work) -> Outcome:
        done.append(work)
        return effect(work) if effect else Requeue(after=timedelta(seconds=1), reason="looking")

    replace(home.app.step_runner, effects={step.kind: look}).run(step)
    return done


@pytest.mark.parametrize("name", STOPS)
def test_a_word_that_stops_holds_the_step_back_until_it_is_read(waiting: tuple[Installation, Step], name: str) -> None:
    home, step = waiting
    STOPS[name](home)
    assert performed(home, step) == []
    (again,) = [message for message in home.bus.sent if message.queue is Queue.STEPS and message.not_before]
    assert Step.model_validate(again.body) == step


@pytest.mark.parametrize("name", OTHERS)
def test_nothing_else_in_the_inbox_holds_it_back(waiting: tuple[Installation, Step], name: str) -> None:
    home, step = waiting
    OTHERS[name](home)
    assert len(performed(home, step)) == 1


def test_once_it_is_read_the_release_has_moved_on_and_the_step_is_dropped(tmp_path: Path) -> None:
    write_application(tmp_path)
    home = Installation(tmp_path)
    home.push("1.0")
    home.settle()
    home.vote(1, ADA)
    step = home.settle_at(StepKind.COPY, "production")
    STOPS["cancel"](home)
    assert performed(home, step) == []
    home.hear()
    assert home.phase(1) is Phase.CANCELLED
    assert performed(home, step) == []


def test_a_word_that_comes_while_an_image_is_copied_keeps_the_copy_from_counting(tmp_path: Path) -> None:
    write_application(tmp_path)
    home = Installation(tmp_path)
    home.push("1.0")
    home.settle()
    home.vote(1, ADA)
    step = home.settle_at(StepKind.COPY, "production")

    def copy(_: Work) -> Outcome:
        STOPS["rejection"](home)
        return Finished(passed=True)

    performed(home, step, copy)
    assert home.phase(1) is Phase.COPYING


def test_a_deployment_that_has_begun_is_not_stopped(tmp_path: Path) -> None:
    write_application(tmp_path)
    home = Installation(tmp_path)
    home.push("1.0")
    home.settle()
    home.vote(1, ADA)
    step = home.settle_at(StepKind.DEPLOY, "production")

    def deploy(_: Work) -> Outcome:
        STOPS["rejection"](home)
        return Finished(passed=True, result={"objects": []})

    performed(home, step, deploy)
    assert home.phase(1) is Phase.CHECKING


def test_more_rows_than_can_be_looked_at_stop_too(waiting: tuple[Installation, Step]) -> None:
    home, step = waiting
    for _ in range(MANY):
        OTHERS["approval"](home)
    assert performed(home, step) == []


def test_many_rows_about_others_hide_nothing_and_stop_nothing(waiting: tuple[Installation, Step]) -> None:
    home, step = waiting
    for _ in range(MANY):
        row = InboxRow(kind=InboxKind.COMMAND, said=_freeze_of("alpha"), speaker=OLGA)
        home.app.inbox_writer.say("alpha", row)
    assert len(performed(home, step)) == 1
    STOPS["rejection"](home)
    assert performed(home, step) == []

"""Operations on a world, as values, and the Hypothesis strategies that draw sequences of them."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, Protocol

from hypothesis import strategies as st

from slipway.domain.application import Application, Start
from slipway.domain.commands import OF_A_RELEASE, OF_THE_INSTALLATION, Verb
from slipway.domain.environment import Environment, Soak
from slipway.domain.gate import AutoGate, Gate, Reminders, WhenNewer
from slipway.domain.queues import Queue
from slipway.domain.release import Phase, VoteDecision
from slipway.domain.requirements import Requirements
from slipway.domain.rules import Rule
from slipway.domain.steps import Step, StepKind
from slipway.domain.windows import WindowStatus
from tests.unit.domain.crowd import (
    ADA_OID,
    ADA_PRIVATE,
    BEN_OID,
    GUEST,
    KNOWN,
    MANAGERS,
    RELEASERS,
    SIGN_INS,
)
from tests.unit.domain.effects import Outcome
from tests.unit.domain.samples import (
    ADA,
    BEN,
    CLEO,
    MALLORY,
    MORNING,
    PROBED,
    application,
    approval,
    ci_run,
    digest,
    production,
    staging,
)
from tests.unit.domain.world import World

IMAGES = tuple(f"v{number}" for number in range(1, 9))
TAGS = (*IMAGES[:3], "latest")


class Operation(Protocol):
    def apply(self, world: World) -> None: ...


@dataclass(frozen=True)
class Push:
    tag: str
    image: str
    minute: int

    def apply(self, world: World) -> None:
        world.push(self.tag, self.image, at=MORNING + timedelta(minutes=self.minute))


@dataclass(frozen=True)
class Run:
    number: str
    minute: int
    result: str
    image_named_by: Literal["convention", "digest", "both"]
    by: str
    committed_by: str

    def apply(self, world: World) -> None:
        at = MORNING + timedelta(minutes=self.minute)
        run = ci_run(self.number, at=at, result=self.result, by=self.by, committed_by=self.committed_by)
        image = None if self.image_named_by == "convention" else self.number
        world.effects.registry.setdefault(self.number, digest(self.number))
        world.run(run, image=image, tag=self.number if self.image_named_by == "both" else None)


@dataclass(frozen=True)
class Vote:
    """A person votes on one of the releases that wait for votes, or on any release if none waits."""

    index: int
    voter: str
    decision: VoteDecision
    plan: Literal["current", "wrong", "first"]
    signs_in: bool

    def apply(self, world: World) -> None:
        plan_hashes = [record.details["plan_hash"] for record in world.audit if record.action == "plan.made"]
        plan_hash = {"current": None, "wrong": digest("wrong"), "first": plan_hashes[0] if plan_hashes else None}[
            self.plan
        ]
        waiting = [n for n in world.head.active if world.phase(n) is Phase.AWAITING_APPROVAL]
        number = waiting[self.index % len(waiting)] if waiting else self.index
        signed_in = SIGN_INS.get(self.voter) if self.signs_in else None
        world.vote(number, self.voter, self.decision, plan_hash=plan_hash, reason="as I see it", signed_in=signed_in)


@dataclass(frozen=True)
class Deliver:
    """One message of the outbox arrives: in or out of order, early or late."""

    index: int
    outcome: Literal["as usual", "fails", "is lost", "twice"]

    def apply(self, world: World) -> None:
        if not world.outbox:
            return
        message = world.outbox[self.index % len(world.outbox)]
        if self.outcome != "twice":
            world.outbox.remove(message)
        if self.outcome == "is lost":
            return
        if self.outcome == "fails" and message.queue is Queue.STEPS:
            world.finish(Step.model_validate(message.body), Outcome(passed=False, reason="it broke"))
        else:
            world.deliver(message)


@dataclass(frozen=True)
class Settle:
    def apply(self, world: World) -> None:
        world.settle()


@dataclass(frozen=True)
class Fail:
    kind: StepKind

    def apply(self, world: World) -> None:
        world.effects.fail(self.kind)


@dataclass(frozen=True)
class Repeat:
    """An earlier event arrives again."""

    index: int

    def apply(self, world: World) -> None:
        if world.taken:
            world.take(world.taken[self.index % len(world.taken)][1])


@dataclass(frozen=True)
class Wait:
    minutes: int

    def apply(self, world: World) -> None:
        world.wait(timedelta(minutes=self.minutes))


@dataclass(frozen=True)
class Reconcile:
    def apply(self, world: World) -> None:
        world.reconcile()


@dataclass(frozen=True)
class Command:
    """An operator gives a command for a release that it fits, or for any release if it fits none."""

    verb: Verb
    index: int
    environment: str
    minutes: int | None
    reason: str = "because"

    def apply(self, world: World) -> None:
        fitting = [number for number in world.releases if _fits(world, number, self.verb, self.environment)]
        number = fitting[self.index % len(fitting)] if fitting else self.index
        until = world.now + timedelta(minutes=self.minutes) if self.minutes and self.verb is Verb.FREEZE else None
        of_a_release = self.verb in OF_A_RELEASE
        world.command(self.verb, number if of_a_release else None, self.environment, reason=self.reason, until=until)


def _fits(world: World, number: int, verb: Verb, environment: str) -> bool:
    release = world.releases[number]
    match verb:
        case Verb.RETRY:
            return release.phase.retryable
        case Verb.ROLLBACK:
            return any((rollout.environment, rollout.outcome) == (environment, "live") for rollout in release.rollouts)
        case _:
            return not release.phase.final and not release.phase.holds_lane


@dataclass(frozen=True)
class FreezeEverything:
    minutes: int | None

    def apply(self, world: World) -> None:
        if world.head.freeze is None or not world.head.freeze.in_force(world.now):
            world.freeze_everything(until=world.now + timedelta(minutes=self.minutes) if self.minutes else None)


@dataclass(frozen=True)
class UnfreezeEverything:
    def apply(self, world: World) -> None:
        if world.head.freeze is not None:
            world.unfreeze_everything()


@dataclass(frozen=True)
class Windows:
    """Production gets time windows that are open every other hour, or loses them."""

    windowed: bool

    def apply(self, world: World) -> None:
        world.windows = {"production": every_other_hour} if self.windowed else {}
        world.change()


def every_other_hour(now: datetime) -> WindowStatus:
    hour = now.replace(minute=0, second=0, microsecond=0)
    is_open = hour.hour % 2 == 0
    until = hour + timedelta(hours=1)
    return WindowStatus(open=is_open, reason=f"{'open' if is_open else 'closed'} until {until:%H:%M}", until=until)


@dataclass(frozen=True)
class Change:
    """A new version of the application is applied: another gate for production, or a change that is not policy."""

    gate: Gate | None

    def apply(self, world: World) -> None:
        if self.gate is None:
            world.change()
            return
        last = world.application.environments[-1].evolve(gate=self.gate)
        environments: tuple[Environment, ...] = (*world.application.environments[:-1], last)
        world.change(world.application.evolve(environments=environments))


@dataclass(frozen=True)
class Attach:
    """The attachments of the images change: from now on these supply chain rules do not hold, and all others do."""

    unmet: frozenset[str]

    def apply(self, world: World) -> None:
        world.effects.unmet = dict.fromkeys(sorted(self.unmet), "there is none")


@dataclass(frozen=True)
class Require:
    """The policy changes: what production requires of an image."""

    required: Requirements

    def apply(self, world: World) -> None:
        last = world.application.environments[-1].evolve(require=self.required)
        world.change(world.application.evolve(environments=(*world.application.environments[:-1], last)))


GATES: tuple[Gate, ...] = (
    AutoGate(),
    approval(ADA, BEN, CLEO, people=KNOWN),
    approval(f"oid:{ADA_OID}", BEN, CLEO, required=2, people=KNOWN),
    approval(ADA, BEN, people=KNOWN, each=(MANAGERS,), require_known=True),
    approval(BEN, people=KNOWN, each=(MANAGERS, RELEASERS), required=2),
    approval(ADA, BEN, people=KNOWN, own_change=True, deadline=timedelta(hours=5)),
    approval(ADA, BEN, people=KNOWN, reminders=Reminders(most=1)),
    approval(ADA, BEN, CLEO, people=KNOWN, required=2, when_newer=WhenNewer.WAIT),
)
"""Gates that ask nobody, and gates that ask people; the latter all know the same people by the same names."""


def applications() -> st.SearchStrategy[Application]:
    """Applications with every way to start, with and without verification, and with gates of every kind."""
    gates = st.sampled_from([AutoGate(), *GATES])
    return st.builds(
        lambda start, verify, first, last, soak: application(
            staging(gate=first, verification=verify), production(gate=last, verification=verify, soak=soak), start=start
        ),
        st.sampled_from([Start.PUSH, Start.RUN, Start.BOTH]),
        st.sampled_from([PROBED, PROBED.evolve(http=())]),
        st.sampled_from(
            [
                AutoGate(),
                AutoGate(),
                approval(ADA, BEN, people=KNOWN),
                approval(ADA, BEN, people=KNOWN, when_newer=WhenNewer.WAIT),
            ]
        ),
        gates,
        st.sampled_from([None, None, None, Soak(time=timedelta(minutes=30))]),
    )


def weighted[T](*choices: tuple[int, st.SearchStrategy[T]]) -> st.SearchStrategy[T]:
    """Draw from one of the strategies, each as often as its weight says."""
    strategies = [strategy for weight, strategy in choices for _ in range(weight)]
    return st.sampled_from(strategies).flatmap(lambda strategy: strategy)


_MINUTES = st.integers(-30, 300)
_OWN_TAG = st.builds(lambda image, minute: Push(image, image, minute), st.sampled_from(IMAGES), _MINUTES)
_ANY_TAG = st.builds(Push, st.sampled_from(TAGS), st.sampled_from(IMAGES), _MINUTES)
_RUNS = st.builds(
    Run,
    st.sampled_from(IMAGES),
    _MINUTES,
    st.sampled_from(["succeeded"] * 5 + ["failed"]),
    st.sampled_from(["convention", "digest", "both"]),
    st.sampled_from([ADA, MALLORY, ""]),
    st.sampled_from([ADA_PRIVATE, MALLORY, CLEO, ""]),
)
_VOTES = st.builds(
    Vote,
    st.integers(1, 6),
    st.sampled_from([ADA, BEN, CLEO, ADA.upper(), ADA_PRIVATE, f"oid:{ADA_OID}", f"oid:{BEN_OID}", GUEST, MALLORY]),
    st.sampled_from([VoteDecision.APPROVE] * 12 + [VoteDecision.WITHDRAW] * 3 + [VoteDecision.REJECT]),
    st.sampled_from(["current", "current", "current", "wrong", "first"]),
    st.booleans(),
)
_DELIVERIES = st.builds(Deliver, st.integers(0, 20), st.sampled_from(["as usual"] * 5 + ["fails", "is lost", "twice"]))
_COMMANDS = st.builds(
    Command,
    st.sampled_from(
        [
            *(verb for verb in Verb if verb not in OF_THE_INSTALLATION),
            Verb.ROLLBACK,
            Verb.RETRY,
            Verb.UNFREEZE,
            Verb.RESUME,
        ]
    ),
    st.integers(1, 6),
    st.sampled_from(["staging", "production", "production", "production"]),
    st.sampled_from([None, None, 30, 200]),
    st.sampled_from(["because"] * 9 + [""]),
)
_STEPS_BUT_NOTICES = st.sampled_from([kind for kind in StepKind if kind is not StepKind.NOTIFY])


def votes_on_one_gate() -> st.SearchStrategy[list[Operation]]:
    """Sequences of what may happen while one gate is open: mostly votes, and changes to whose votes count."""
    run = st.builds(
        Run,
        st.just("v1"),
        st.just(0),
        st.just("succeeded"),
        st.just("digest"),
        st.sampled_from([ADA, BEN, CLEO, MALLORY, ""]),
        st.sampled_from([ADA_PRIVATE, BEN, CLEO, MALLORY, ""]),
    )
    choices: list[tuple[int, st.SearchStrategy[Operation]]] = [
        (12, _VOTES),
        (2, run),
        (1, st.builds(Change, st.sampled_from([None, *GATES]))),
        (2, st.just(Settle())),
        (2, st.builds(Wait, st.sampled_from([1, 70, 130]))),
        (1, st.just(Reconcile())),
        (2, st.builds(Repeat, st.integers(0, 200))),
        (1, st.builds(Deliver, st.integers(0, 20), st.sampled_from(["as usual", "is lost", "twice"]))),
    ]
    return st.lists(weighted(*choices), min_size=5, max_size=40)


def any_operations(*, changes: bool = True, verbs: bool = True) -> st.SearchStrategy[list[Operation]]:
    """Sequences of any operations, including changes of the application (`changes`) and operators' commands
    (`verbs`)."""
    choices: list[tuple[int, st.SearchStrategy[Operation]]] = [
        (5, _OWN_TAG),
        (1, _ANY_TAG),
        (4, _RUNS),
        (6, _VOTES),
        (8, _DELIVERIES),
        (4, st.just(Settle())),
        (1, st.builds(Fail, _STEPS_BUT_NOTICES)),
        (2, st.builds(Repeat, st.integers(0, 200))),
        (2, st.builds(Wait, st.sampled_from([1, 1, 10, 70, 24 * 60]))),
        (1, st.just(Reconcile())),
        (1, st.builds(Attach, st.sampled_from([frozenset(), frozenset({Rule.HAS_SBOM})]))),
    ]
    if verbs:
        choices += [
            (6, _COMMANDS),
            (1, st.builds(FreezeEverything, st.sampled_from([None, 30, 200]))),
            (1, st.just(UnfreezeEverything())),
        ]
    if changes:
        choices.append((2, st.builds(Change, st.sampled_from([None, None, *GATES]))))
        choices.append((1, st.builds(Windows, st.booleans())))
        choices.append((2, st.builds(Require, st.sampled_from([Requirements(sbom=True), Requirements()]))))
    return st.lists(weighted(*choices), min_size=20, max_size=80)

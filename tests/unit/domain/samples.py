"""Applications, images, runs and people for tests of the domain; short names for what every story needs."""

from datetime import UTC, datetime, timedelta
from typing import Any

from slipway.domain.application import Application, RegistryRepository, Start
from slipway.domain.around import JobsAround
from slipway.domain.environment import Environment, HttpProbe, OnFailure, Soak, Verification
from slipway.domain.gate import ApprovalGate, AutoGate, Gate, Level
from slipway.domain.model import sha256
from slipway.domain.pipeline import Pipeline
from slipway.domain.project import EnvironmentClass
from slipway.domain.runs import Run
from slipway.testing.runs import proved_run

MORNING = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
ADA, BEN, CLEO, MALLORY = "ada@example.com", "ben@example.com", "cleo@example.com", "mallory@example.com"

PROBED = Verification(http=(HttpProbe(service="shop"),))


def digest(name: str) -> str:
    """A digest that is always the same for a name."""
    return sha256(name.encode())


def approval(*approvers: str, required: int = 1, **fields: Any) -> ApprovalGate:
    """A gate that takes votes of every level, unless another one is named."""
    return ApprovalGate(
        approvers=approvers or (ADA, BEN), required=required, **{"level": Level.LINK, "fresh": None} | fields
    )


def environment(
    name: str,
    *,
    gate: Gate | None = None,
    registry: str | None = None,
    verification: Verification = PROBED,
    on_failure: OnFailure = OnFailure.ROLL_BACK,
    soak: Soak | None = None,
) -> Environment:
    return Environment(
        name=name,
        clusters=(name,),
        environment_class=EnvironmentClass.TEST,
        namespace="shop",
        registry=registry,
        gate=gate or AutoGate(),
        verification=verification,
        on_failure=on_failure,
        soak=soak,
    )


def staging(**fields: Any) -> Environment:
    return environment("staging", **fields)


def production(**fields: Any) -> Environment:
    """Asks people and pulls from a registry of its own, unless the fields say otherwise."""
    usual: dict[str, Any] = {"gate": approval(), "registry": "prod"}
    return environment("production", **(usual | fields))


def application(
    *environments: Environment, start: Start = Start.PUSH, notify: tuple[str, ...] = (), tag: str = "{run_number}"
) -> Application:
    return Application(
        application="shop",
        project="team",
        image=RegistryRepository(registry="ci", repository="team/shop"),
        start=start,
        pipeline=Pipeline(project="Shop", name="build", tag=tag, within=timedelta(hours=2)),
        notify=notify,
        environments=environments or (staging(), production()),
    )


def unattended(*, start: Start = Start.PUSH) -> Application:
    """Two environments in which nobody is asked."""
    return application(staging(), production(gate=AutoGate()), start=start)


def ci_run(
    number: str,
    *,
    at: datetime = MORNING,
    result: str = "succeeded",
    identity: int | None = None,
    branch: str = "refs/heads/main",
    by: str = CLEO,
    committed_by: str = "",
) -> Run:
    return proved_run(
        organization="example",
        project="Shop",
        pipeline="build",
        id=identity if identity is not None else int(sha256(number.encode())[7:15], 16),
        number=number,
        result=result,
        branch=branch,
        commit="0" * 40,
        requested_by=by,
        committed_by=committed_by,
        finished_at=at,
    )


JOBS = JobsAround(
    before=("migrate-1",), before_within=timedelta(minutes=40), after=("warm-1",), after_within=timedelta(minutes=12)
)
"""A Job on each side of a rollout."""

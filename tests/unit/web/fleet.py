"""A large installation in memory: many applications in many environments, each of them somewhere else on its way.

The rows are written as the ledger writes them, so that a page's reads can be counted.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

from slipway.catalogue import Definition, Files
from slipway.catalogue.entries import Catalogue, definition_hash
from slipway.domain.application import Application, RegistryRepository
from slipway.domain.environment import Environment
from slipway.domain.gate import ApprovalGate, Level
from slipway.domain.model import sha256
from slipway.domain.project import EnvironmentClass
from slipway.domain.release import GateState, Head, Lane, Live, Phase, Push, Release, Rollout
from slipway.ledger import keys
from slipway.ledger.rows import pack, pack_release
from slipway.ledger.table import Act, Row, Write
from slipway.testing import MORNING, Installation, MemoryTable

NOW = MORNING
NAMES = ("shop", "catalogue-service", "payments", "user-accounts", "search-index-builder-for-the-north")
STATES = (
    Phase.COMPLETED,
    Phase.AWAITING_APPROVAL,
    Phase.CHECKING,
    Phase.COMPLETED,
    Phase.FAILED,
    Phase.COMPLETED,
    Phase.SOAKING,
    Phase.COPYING,
)


class CountingTable(MemoryTable):
    """Counts the requests that a real table would charge for."""

    requests = 0

    def get(self, partition: str, key: str) -> Row | None:
        self.requests += 1
        return super().get(partition, key)

    def rows(self, partition: str, first: str, last: str, *, limit: int | None = None) -> Iterator[Row]:
        self.requests += 1
        return super().rows(partition, first, last, limit=limit)


@dataclass(kw_only=True)
class Fleet(Installation):
    """`second_chain` is the chain of every third application."""

    deliveries: Path = field(default=Path("deliveries"), kw_only=False)
    applications: int = 30
    environments: Sequence[str] = ("staging", "production")
    second_chain: Sequence[str] = ()
    releases: int = 15
    table: CountingTable = field(default_factory=CountingTable)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.definitions = dict[str, Definition]()
        for index in range(self.applications):
            application = self._application(index)
            files = Files(document="application.yaml")
            definition = Definition(application=application, files=files)
            self.definitions[application.application] = definition
            self._write(application, index, definition_hash(definition))
        catalogue = Catalogue(self.definitions)
        self.restart(wrap=lambda ports: replace(ports, catalogue=lambda: catalogue))

    def _application(self, index: int) -> Application:
        name = NAMES[index % len(NAMES)] + (f"-{index}" if index >= len(NAMES) else "")
        chain = self.second_chain if self.second_chain and index % 3 == 2 else self.environments
        last = ApprovalGate(approvers=("ada@example.com", "ben@example.com"), required=2, level=Level.LINK)
        environments = [
            Environment(name=where, clusters=("aks",), namespace="web", environment_class=EnvironmentClass.TEST)
            for where in chain
        ]
        return Application(
            application=name[:40],
            project="team",
            image=RegistryRepository(registry="nonprod", repository=name[:40]),
            environments=(*environments[:-1], environments[-1].evolve(gate=last)),
        )

    def _write(self, application: Application, index: int, definition: str) -> None:
        name, phase = application.application, STATES[index % len(STATES)]
        newest = self.releases
        names = [environment.name for environment in application.environments]
        where = names[-1] if phase is Phase.AWAITING_APPROVAL else names[index % len(names)]
        writes = []
        for number in range(1, newest + 1):
            last = number == newest
            last_environment = where if last else names[-1]
            release = self._release(name, number, phase if last else Phase.COMPLETED, last_environment, definition)
            before = [
                Rollout(environment=earlier, arrived_at=release.dated_at, left_at=release.dated_at, outcome="live")
                for earlier in names[: names.index(last_environment)]
            ]
            release = release.evolve(rollouts=(*before, *release.rollouts))
            writes.append(Write(act=Act.CREATE, key=keys.release(number), values=pack_release(release)))
        active = () if phase.final else (newest,)
        head = Head(application=name, sequence=newest * 20, next_release=newest + 1, active=active)
        writes.append(Write(act=Act.CREATE, key=keys.HEAD, values=pack(head)))
        for place, environment in enumerate(names):
            lane = self._lane(name, environment, place, index, definition)
            if environment == where and not phase.final:
                waits = phase in (Phase.AWAITING_APPROVAL, Phase.SOAKING)
                lane = lane.evolve(waiting=newest) if waits else lane.evolve(in_progress=newest)
            if environment == where and phase is Phase.FAILED:
                lane = lane.evolve(failed=newest)
            writes.append(Write(act=Act.CREATE, key=keys.lane(environment), values=pack(lane)))
        self.table.transact(name, writes)

    def _release(self, name: str, number: int, phase: Phase, where: str, definition: str) -> Release:
        at = NOW - timedelta(hours=3 * (self.releases - number), minutes=number)
        digest = sha256(f"{name} {number}".encode())
        gate = GateState(plan_hash=digest, opened_at=at, deadline=NOW + timedelta(hours=5, minutes=number))
        return Release(
            application=name,
            number=number,
            phase=phase,
            registry="nonprod",
            repository=name,
            tag=f"2026.11.{number}-rc.{number}" if number % 2 else f"1.{number}.0",
            digest=digest,
            dated_at=at,
            created_at=at,
            changed_at=at,
            push=Push(at=at, actor="ci"),
            environment=where,
            attempt=1,
            due=gate.deadline if phase is Phase.AWAITING_APPROVAL else None,
            plan_hash=digest,
            plan_base=digest,
            plan_definition=definition,
            gate=gate if phase is Phase.AWAITING_APPROVAL else None,
            rollouts=(Rollout(environment=where, arrived_at=at),),
            reason="deployment/web: 1 of 3 pods is not ready: CrashLoopBackOff" if phase is Phase.FAILED else "",
        )

    def _lane(self, name: str, environment: str, place: int, index: int, definition: str) -> Lane:
        number = self.releases - 1 - place
        release = self._release(name, number, Phase.COMPLETED, environment, definition)
        assert release.digest is not None
        nothing_yet = index % 7 == 6 and place > 2
        live = Live(
            release=number,
            dated_at=release.dated_at,
            digest=release.digest,
            tag=release.tag,
            plan_hash=release.digest,
            at=release.created_at + timedelta(minutes=9),
        )
        return Lane(environment=environment, live=None if nothing_yet else live)

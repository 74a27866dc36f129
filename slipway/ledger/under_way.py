"""The progress of steps under way, and the reasons why they wait. These rows are outside the chain: losing one only
costs time, since no decision reads them."""

from ..domain.promotion import LONGEST_WHY, StepState
from ..domain.steps import Step, StepKind
from . import keys
from .rows import pack, read_row
from .table import Act, Conflict, Row, Table, Write


class ProgressRows:
    """The notes, one row per rollout; its step writes it."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def read(self, application: str, release: int, environment: str) -> StepState | None:
        row = self._table.get(application, keys.progress(release, environment))
        return of_row(row) if row else None

    def write(self, application: str, release: int, environment: str, state: StepState) -> None:
        write = Write(act=Act.PUT, key=keys.progress(release, environment), values=pack(state))
        self._table.transact(application, [write])

    def note(self, step: Step, why: str) -> None:
        """Note what the step waits for. What a copy has kept in the row stays there."""
        keeps = step.kind is StepKind.COPY
        earlier = self.read(step.application, step.release, step.environment) if keeps else None
        state = earlier if earlier is not None and earlier.step == step.id else StepState(step=step.id)
        self.write(step.application, step.release, step.environment, state.evolve(waits=why[:LONGEST_WHY]))

    def forget(self, application: str, release: int, environment: str) -> None:
        try:
            self._table.transact(application, [Write(act=Act.DELETE, key=keys.progress(release, environment))])
        except Conflict:
            return  # there is none


def of_row(row: Row) -> StepState:
    return read_row(StepState, row)

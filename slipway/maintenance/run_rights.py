"""The doctor's questions to a source of runs. They are not in the doctor's package, whose checks load every client of
the worker."""

from typing import Protocol

from ..domain.run_source import SourceAnswer


class RunRights(Protocol):
    """The part of a source of runs that the doctor asks."""

    def pipeline(self, organization: str, project: str, definition: int) -> SourceAnswer[str]: ...

    def identities_named(self, organization: str, mail: str) -> SourceAnswer[tuple[object, ...]]: ...

    def service_named(self, organization: str, descriptor: str) -> SourceAnswer[str]: ...

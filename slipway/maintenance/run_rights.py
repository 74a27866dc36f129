"""The doctor's questions to a source of runs. They are not in the doctor's package, whose checks load every client of
the worker."""

from typing import Protocol

from ..domain.run_source import Told


class RunRights(Protocol):
    """The part of a source of runs that the doctor asks."""

    def pipeline(self, organization: str, project: str, definition: int) -> Told[str]: ...

    def identities_named(self, organization: str, mail: str) -> Told[tuple[object, ...]]: ...

    def service_named(self, organization: str, descriptor: str) -> Told[str]: ...

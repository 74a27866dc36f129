"""The CI pipeline whose runs count for an application, as its team writes it."""

from datetime import timedelta
from enum import StrEnum
from typing import Final

from pydantic import Field

from .model import Duration, Record
from .runs import Run
from .sources import PROJECTS


class RunResult(StrEnum):
    """The endings of a CI run whose image is delivered."""

    SUCCEEDED = "succeeded"
    """Every job succeeded."""
    PARTIALLY_SUCCEEDED = "partiallySucceeded"
    """It ran to its end, but a step that is allowed to fail did."""


JOIN_WITHIN: Final = timedelta(hours=24)


class Pipeline(Record):
    """The CI pipeline whose completed runs count for this application. Ids take precedence over names: a name can be
    given to another project or pipeline, an id cannot."""

    organization: str | None = Field(
        default=None, max_length=64, description="Organization; by default any that the installation accepts runs from."
    )
    project: str = Field(min_length=1, max_length=256, description=f"{PROJECTS}.")
    project_id: str | None = Field(
        default=None,
        max_length=64,
        description="The project's id; needed for run-state-changed hooks, which name the project by id only.",
    )
    name: str = Field(
        min_length=1,
        max_length=256,
        description="Pipeline (definition) name, with its folder in front unless that is the root.",
        examples=["shop-ci", "team\\shop-ci"],
    )
    definition: int | None = Field(
        default=None, ge=0, description="The pipeline's id (definitionId in its address), which no rename changes."
    )
    branches: tuple[str, ...] = Field(default=("main",), max_length=20, description="Branches whose runs count; globs.")
    results: tuple[RunResult, ...] = Field(
        default=(RunResult.SUCCEEDED,),
        min_length=1,
        max_length=2,
        description="Results of a run that count. With `partiallySucceeded`, the image of such a run is delivered, "
        "and voters see the result on the page.",
    )
    within: Duration = Field(
        default=JOIN_WITHIN, description="How long a release waits for the second trigger, where start is both."
    )
    tag: str = Field(
        default="{run_number}",
        max_length=128,
        description="How the run names the image's tag: {run_number}, {run_id} and {commit} are filled in. "
        "Used where the run's message does not name the image itself.",
    )

    def accepts_result(self, run: Run) -> bool:
        """Whether the run ended in a way that counts."""
        return run.result in self.results

    def owns(self, run: Run) -> bool:
        """Whether a run belongs to this pipeline, as far as the run tells; a run that its source proved tells
        everything."""
        if self.organization is not None and self.organization.casefold() != run.organization.casefold():
            return False
        return self._matches_project(run) and self._matches_definition(run)

    def _matches_project(self, run: Run) -> bool:
        if self.project_id is not None and run.project_id:
            return self.project_id.casefold() == run.project_id.casefold()
        theirs = {run.project.casefold(), run.project_id.casefold()}
        return not theirs.isdisjoint({self.project.casefold(), (self.project_id or self.project).casefold()})

    def _matches_definition(self, run: Run) -> bool:
        if self.definition is not None and run.definition is not None:
            return self.definition == run.definition
        *folders, name = self.name.replace("/", "\\").casefold().strip("\\").split("\\")
        same_folder = not run.folder or run.folder.casefold().strip("\\") == "\\".join(folders)
        return name == run.pipeline.casefold() and same_folder

"""The locations of the resources that the double has, as `OPTIONS _apis` lists them for Microsoft's own clients.

A request may omit the last part of a template: then it means the list, or the newest one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .versions import NEWEST, VERSION, Versions


@dataclass(frozen=True, kw_only=True)
class Location:
    """One resource of the service, with the id by which clients look it up."""

    id: str
    area: str
    resource: str
    template: str
    revision: int
    """The newest revision of its preview versions."""
    since: str

    @property
    def versions(self) -> Versions:
        return Versions(revision=self.revision, released=True)

    def fits(self, steps: Sequence[str]) -> bool:
        """Whether this is the template of a path, whose own parameters are in braces too."""
        template = self.template.replace("{area}", self.area).replace("{resource}", self.resource)
        parts = ["" if part.startswith("{") else part.casefold() for part in template.split("/")]
        path = ["" if step.startswith("{") else step.casefold() for step in steps]
        return path == parts or (parts[-1] == "" and path == parts[:-1])

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "area": self.area,
            "resourceName": self.resource,
            "routeTemplate": self.template,
            "resourceVersion": self.revision,
            "minVersion": self.since,
            "maxVersion": ".".join(map(str, NEWEST)),
            "releasedVersion": VERSION,
        }


LOCATIONS = (
    Location(
        id="0cd358e1-9217-4d94-8269-1c1ee6f93dcf",
        area="Build",
        resource="Builds",
        template="{project}/_apis/build/{resource}/{buildId}",
        revision=7,
        since="1.0",
    ),
    Location(
        id="dbeaf647-6167-421a-bda9-c9327b25e2e6",
        area="Build",
        resource="Definitions",
        template="{project}/_apis/build/{resource}/{definitionId}",
        revision=7,
        since="1.0",
    ),
    Location(
        id="7859261e-d2e9-4a68-b820-a5d84cc5bb3d",
        area="Pipelines",
        resource="runs",
        template="{project}/_apis/{area}/{pipelineId}/{resource}/{runId}",
        revision=2,
        since="5.1",
    ),
    Location(
        id="8baac422-4c6e-4de5-8532-db96d92acffa",
        area="build",
        resource="Timeline",
        template="{project}/_apis/{area}/builds/{buildId}/{resource}/{timelineId}",
        revision=3,
        since="2.0",
    ),
    Location(
        id="f2192269-89fa-4f94-baf6-8fb128c55159",
        area="build",
        resource="attachments",
        template="{project}/_apis/{area}/builds/{buildId}/{resource}/{type}",
        revision=2,
        since="4.1",
    ),
    Location(
        id="af5122d3-3438-485e-a25a-2dbbfde84ee6",
        area="build",
        resource="attachments",
        template="{project}/_apis/{area}/builds/{buildId}/{timelineId}/{recordId}/{resource}/{type}/{name}",
        revision=2,
        since="4.1",
    ),
    Location(
        id="54572c7b-bbd3-45d4-80dc-28be08941620",
        area="build",
        resource="changes",
        template="{project}/_apis/{area}/builds/{buildId}/{resource}",
        revision=2,
        since="2.0",
    ),
    Location(
        id="c2570c3b-5b3f-41b8-98bf-5407bfde8d58",
        area="git",
        resource="commits",
        template="{project}/_apis/{area}/repositories/{repositoryId}/{resource}/{commitId}",
        revision=2,
        since="1.0",
    ),
    Location(
        id="6400dfb2-0bcb-462b-b992-5a57f8f1416c",
        area="git",
        resource="commitsBatch",
        template="{project}/_apis/{area}/repositories/{repositoryId}/{resource}",
        revision=2,
        since="1.0",
    ),
    Location(
        id="7cf2abb6-c964-4f7e-9872-f78c66e72e9c",
        area="git",
        resource="mergeBases",
        template="{project}/_apis/{area}/repositories/{repositoryNameOrId}/commits/{commitId}/{resource}",
        revision=1,
        since="4.1",
    ),
    Location(
        id="52823034-34a8-4576-922c-8d8b77e9e4c4",
        area="git",
        resource="pullRequestCommits",
        template="{project}/_apis/{area}/repositories/{repositoryId}/pullRequests/{pullRequestId}/commits",
        revision=1,
        since="2.1",
    ),
    Location(
        id="b3a6eebe-9cf0-49ea-b6cb-1a4c5f5007b0",
        area="git",
        resource="pullRequestQuery",
        template="{project}/_apis/{area}/repositories/{repositoryId}/{resource}",
        revision=1,
        since="3.0",
    ),
    Location(
        id="9946fd70-0d40-406e-b686-b4744cbbcc37",
        area="git",
        resource="pullRequests",
        template="{project}/_apis/{area}/repositories/{repositoryId}/{resource}/{pullRequestId}",
        revision=2,
        since="1.0",
    ),
    Location(
        id="ea98d07b-3c87-4971-8ede-a613694ffb55",
        area="git",
        resource="pushes",
        template="{project}/_apis/{area}/repositories/{repositoryId}/{resource}/{pushId}",
        revision=3,
        since="1.0",
    ),
)


def location_of(steps: Sequence[str]) -> Location:
    """Raises `LookupError` if the service has no such resource."""
    for location in LOCATIONS:
        if location.fits(steps):
            return location
    raise LookupError(f"Azure DevOps has no resource {'/'.join(steps)}")

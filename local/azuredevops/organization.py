"""The double's data. Tests and the demo fill it, and change it to simulate a fault."""

import uuid
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from .people import PLATFORM, Addresses, Kind, Person
from .repository import Repository
from .runs import Pipeline, Run
from .times import Clock, utc_now

TENANT = "11111111-1111-4111-8111-111111111111"


@dataclass(kw_only=True)
class Reader:
    """A service principal that was added to the organization, and what it may read."""

    person: Person
    projects: frozenset[str] | None = None
    """Names; None for all."""
    basic: bool = True
    """False for the access level Stakeholder, which cannot read repositories."""
    may_read_people: bool = True
    """*View instance-level information*: without it the graph is forbidden."""


@dataclass(kw_only=True)
class Faults:
    """Faults that the real service shows on a bad day."""

    redirects_to_sign_in: bool = False
    """A bad token is answered with a redirect (302) to the sign-in page, instead of with the page itself (203)."""
    stopped: bool = False
    """The organization is deactivated: 503 with TF24668."""
    retry_after: int = 0
    """Seconds that successful responses ask the client to wait before its next request."""
    blocked: bool = False
    """Over the limit: 429 with TF400733."""
    attachments_in_preview: bool = False
    """Attachments are refused without `-preview` in the version."""
    hides_earlier_attachments: bool = False
    """The list of attachments holds only those of the last attempts. What the real service does is not known."""


@dataclass(kw_only=True)
class Project:
    name: str
    id: str
    organization: "Organization"
    repositories: dict[str, Repository] = field(default_factory=dict)
    pipelines: dict[int, Pipeline] = field(default_factory=dict)
    runs: dict[int, Run] = field(default_factory=dict)

    def repository(self, name: str, *, kind: str = "TfsGit") -> Repository:
        """The repository of that name, created if there is none."""
        if name not in self.repositories:
            self.repositories[name] = Repository(name=name, project=self, kind=kind)
        return self.repositories[name]

    def pipeline(self, name: str, repository: Repository, *, path: str = "\\", id: int | None = None) -> Pipeline:
        """The pipeline of that name and folder, created if there is none. Names need not be unique across folders."""
        for pipeline in self.pipelines.values():
            if (pipeline.name, pipeline.path) == (name, path):
                return pipeline
        new_pipeline = Pipeline(
            id=id or self.organization.next_pipeline(), name=name, repository=repository, project=self, path=path
        )
        self.pipelines[new_pipeline.id] = new_pipeline
        return new_pipeline


@dataclass
class Organization:
    """Everything of one organization: people, projects, runs, and the subscriptions of its service hooks."""

    name: str = "contoso"
    projects: dict[str, str] = field(default_factory=lambda: {"shop": str(uuid.UUID(int=1))})
    """Name → id."""
    pat: str = "a-personal-access-token"
    """Grants access to the service hooks, and to nothing else."""
    may_edit: bool = True
    """*Edit subscriptions*: without it a service hook can be neither created nor changed."""
    subscriptions: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Subscriptions as they are stored, with their passwords, which responses mask."""
    requests: list[str] = field(default_factory=list)
    """Method and path of each request."""
    tenant: str = TENANT
    people: dict[str, Person] = field(default_factory=lambda: {PLATFORM.storage_key: PLATFORM})
    """People, by storage key."""
    readers: dict[str, Reader] = field(default_factory=dict)
    """The service principals that are members, by object id."""
    faults: Faults = field(default_factory=Faults)
    page: int = 100
    """The most entries of one response, whatever `$top` says."""
    clock: Clock = utc_now
    contents: dict[str, Project] = field(default_factory=dict)
    """Projects, by id."""
    _last_numbers: dict[str, int] = field(default_factory=dict)

    def now(self) -> datetime:
        return self.clock()

    @property
    def addresses(self) -> Addresses:
        return Addresses(organization=self.name, collection=str(uuid.uuid5(uuid.NAMESPACE_URL, self.name)))

    def person(
        self, name: str, mail: str = "", *, oid: str | None = None, kind: Kind = Kind.MEMBER, active: bool = True
    ) -> Person:
        """Add somebody; the object id is derived from the address if none is given."""
        object_id = oid if oid is not None else str(uuid.uuid5(uuid.UUID(self.tenant), mail or name))
        person = Person(
            name=name,
            mail=mail,
            oid="" if kind in (Kind.BUILD_SERVICE, Kind.PLATFORM) else object_id,
            tenant=self.tenant,
            kind=kind,
            active=active,
            client_id=str(uuid.uuid5(uuid.UUID(self.tenant), f"client of {name}"))
            if kind is Kind.SERVICE_PRINCIPAL
            else "",
        )
        self.people[person.storage_key] = person
        return person

    def admit(
        self,
        name: str,
        *,
        oid: str,
        projects: frozenset[str] | None = None,
        basic: bool = True,
        may_read_people: bool = True,
    ) -> Reader:
        """Add a service principal or a managed identity, so that its tokens are accepted."""
        person = self.person(name, oid=oid, kind=Kind.SERVICE_PRINCIPAL)
        self.readers[oid] = Reader(person=person, projects=projects, basic=basic, may_read_people=may_read_people)
        return self.readers[oid]

    def project(self, name: str = "shop") -> Project:
        """The project of that name with its content, created if there is none."""
        id = self.projects.setdefault(name, str(uuid.uuid5(uuid.NAMESPACE_URL, f"{self.name}/{name}")))
        return self.contents.setdefault(id, Project(name=name, id=id, organization=self))

    def find_project(self, id_or_name: str) -> Project | None:
        for name, id in self.projects.items():
            if id_or_name.casefold() in (name.casefold(), id):
                return self.project(name)
        return None

    def next_run(self) -> int:
        return self._next("run", 400)

    def next_pipeline(self) -> int:
        return self._next("pipeline", 10)

    def next_pull_request(self) -> int:
        return self._next("pull request", 0)

    def _next(self, kind: str, start: int) -> int:
        self._last_numbers[kind] = self._last_numbers.get(kind, start) + 1
        return self._last_numbers[kind]

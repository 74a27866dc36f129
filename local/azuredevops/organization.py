"""The double's data. A test or the demo puts it in, and changes it to play a fault."""

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
    """The rights to read of a service principal that was added to the organization."""

    person: Person
    projects: frozenset[str] | None = None
    """Names; None for all."""
    basic: bool = True
    """False for the access level Stakeholder, to which repositories are closed."""
    people: bool = True
    """*View instance-level information*: without it the graph is closed."""


@dataclass(kw_only=True)
class Faults:
    """Faults that the real part shows on a bad day."""

    redirects_to_sign_in: bool = False
    """A bad token is answered with 302 to the page for signing in, instead of with the page itself (203)."""
    stopped: bool = False
    """The organization is deactivated: 503 with TF24668."""
    retry_after: int = 0
    """Seconds that answers (200!) ask to wait before the next request."""
    blocked: bool = False
    """Over the limit: 429 with TF400733."""
    attachments_in_preview: bool = False
    """Attachments are refused without `-preview` in the version."""
    hides_earlier_attachments: bool = False
    """The list of attachments holds those of the last attempts only. The real part's behaviour is not known."""


@dataclass(kw_only=True)
class Project:
    name: str
    id: str
    organization: "Organization"
    repositories: dict[str, Repository] = field(default_factory=dict)
    pipelines: dict[int, Pipeline] = field(default_factory=dict)
    runs: dict[int, Run] = field(default_factory=dict)

    def repository(self, name: str, *, kind: str = "TfsGit") -> Repository:
        """The repository of that name; made when there is none."""
        if name not in self.repositories:
            self.repositories[name] = Repository(name=name, project=self, kind=kind)
        return self.repositories[name]

    def pipeline(self, name: str, repository: Repository, *, path: str = "\\", id: int | None = None) -> Pipeline:
        """The pipeline of that name and folder; made when there is none. Names need not be unique across folders."""
        for known in self.pipelines.values():
            if (known.name, known.path) == (name, path):
                return known
        made = Pipeline(
            id=id or self.organization.next_pipeline(), name=name, repository=repository, project=self, path=path
        )
        self.pipelines[made.id] = made
        return made


@dataclass
class Organization:
    """Everything of one organization: people, projects, runs, and the subscriptions of its service hooks."""

    name: str = "contoso"
    projects: dict[str, str] = field(default_factory=lambda: {"shop": str(uuid.UUID(int=1))})
    """Name → id."""
    pat: str = "a-personal-access-token"
    """Opens the service hooks, and nothing else here."""
    may_edit: bool = True
    subscriptions: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Subscriptions as they are stored, with their passwords; answers have stars in place of these."""
    asked: list[str] = field(default_factory=list)
    """Method and path of each request."""
    tenant: str = TENANT
    people: dict[str, Person] = field(default_factory=lambda: {PLATFORM.storage_key: PLATFORM})
    """People, by storage key."""
    readers: dict[str, Reader] = field(default_factory=dict)
    """The service principals that are members, by object id."""
    faults: Faults = field(default_factory=Faults)
    page: int = 100
    """The most entries of one answer, however many `$top` asks for."""
    clock: Clock = utc_now
    contents: dict[str, Project] = field(default_factory=dict)
    """Projects, by id."""
    _counted: dict[str, int] = field(default_factory=dict)

    def now(self) -> datetime:
        return self.clock()

    @property
    def addresses(self) -> Addresses:
        return Addresses(organization=self.name, collection=str(uuid.uuid5(uuid.NAMESPACE_URL, self.name)))

    def person(
        self, name: str, mail: str = "", *, oid: str | None = None, kind: Kind = Kind.MEMBER, active: bool = True
    ) -> Person:
        """Add somebody; the object id is derived from the address when none is given."""
        known = oid if oid is not None else str(uuid.uuid5(uuid.UUID(self.tenant), mail or name))
        made = Person(
            name=name,
            mail=mail,
            oid="" if kind in (Kind.BUILD_SERVICE, Kind.PLATFORM) else known,
            tenant=self.tenant,
            kind=kind,
            active=active,
            client_id=str(uuid.uuid5(uuid.UUID(self.tenant), f"client of {name}"))
            if kind is Kind.SERVICE_PRINCIPAL
            else "",
        )
        self.people[made.storage_key] = made
        return made

    def admit(
        self, name: str, *, oid: str, projects: frozenset[str] | None = None, basic: bool = True, people: bool = True
    ) -> Reader:
        """Add a service principal or a managed identity, so that its tokens are taken."""
        person = self.person(name, oid=oid, kind=Kind.SERVICE_PRINCIPAL)
        self.readers[oid] = Reader(person=person, projects=projects, basic=basic, people=people)
        return self.readers[oid]

    def project(self, name: str = "shop") -> Project:
        """The project of that name, made when there is none, with its content."""
        id = self.projects.setdefault(name, str(uuid.uuid5(uuid.NAMESPACE_URL, f"{self.name}/{name}")))
        return self.contents.setdefault(id, Project(name=name, id=id, organization=self))

    def find_project(self, wanted: str) -> Project | None:
        for name, id in self.projects.items():
            if wanted.casefold() in (name.casefold(), id):
                return self.project(name)
        return None

    def next_run(self) -> int:
        return self._next("run", 400)

    def next_pipeline(self) -> int:
        return self._next("pipeline", 10)

    def next_pull_request(self) -> int:
        return self._next("pull request", 0)

    def _next(self, what: str, after: int) -> int:
        self._counted[what] = self._counted.get(what, after) + 1
        return self._counted[what]

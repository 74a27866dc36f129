"""CI runs: the known facts about a run with their certainty, and the people behind the change that it built.

A hook or a message only wakes us: its content is *claimed*. A fact that the source itself confirmed when asked with our
own identity is *proved*, and stays proved if the source forgets it (`inbound/proving.py`).
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Any, Final, Self
from urllib.parse import quote

from pydantic import Field

from .model import Digest, Record, Repository, Timestamp
from .people import OID, Guid, SignedIn
from .services import is_listed
from .tones import Tone

PEOPLE_LIMIT = 60
"""The most people who are kept for one run; if there are more, the rest is not known."""
RECORDED_OF_RUN: Final = ("known", "definition", "document", "people")
"""The fields of a run in audit records, besides its number and address."""


class Trust(StrEnum):
    """The certainty of a fact."""

    spoken: str
    """As people read it."""
    mark: str
    tone: Tone

    def __new__(cls, name: str, spoken: str, mark: str, tone: Tone) -> Self:
        member = str.__new__(cls, name)
        member._value_ = name
        member.spoken, member.mark, member.tone = spoken, mark, tone
        return member

    PROVED = "proved", "proved", "✓", Tone.GOOD
    """The source was asked, and said so."""
    CLAIMED = "claimed", "not proved, and taken at its word", "?", Tone.ASKS
    """It was reported, and the source was not asked, because this installation is set up not to ask."""
    NOT_PROVED = "not-proved", "not proved", "?", Tone.ASKS
    """No source that could know it has confirmed it."""
    CONTRADICTED = "contradicted", "contradicted", "✕", Tone.BAD
    """Two reports say different things."""


class Fact(Record):
    """The certainty of one fact, and the reason: who said so, or why it is not proved."""

    trust: Trust
    why: str = Field(max_length=1000)

    @property
    def stands(self) -> bool:
        """Whether a release may start from it."""
        return self.trust in (Trust.PROVED, Trust.CLAIMED)


class Involvement(StrEnum):
    """A person's part in a change, the most certain first."""

    label: str
    did: str
    vouched: bool
    """Whether the source signed them in when they did it; otherwise it is text that anybody can write."""

    def __new__(cls, name: str, label: str, did: str, vouched: bool = True) -> Self:
        member = str.__new__(cls, name)
        member._value_ = name
        member.label, member.did, member.vouched = label, did, vouched
        return member

    REQUESTER = "requester", "Run requested by", "asked for the CI run"
    """The person for whom the run was made: they pushed, or pressed the button."""
    PUSHER = "pusher", "Pushed by", "pushed the change"
    """The person who brought a commit to the server."""
    CREATOR = "creator", "Pull request by", "opened the pull request"
    """The person who opened a pull request that brought it."""
    COMPLETER = "completer", "Completed by", "completed the pull request"
    """The person who completed the pull request, or set it to complete automatically."""
    AUTHOR = "author", "Author", "wrote the commit", False
    """The author that a commit names."""
    COMMITTER = "committer", "Committed by", "made the commit", False
    """The committer that a commit names."""


class InvolvedPerson(Record):
    """A person or service behind a change. A claim about a person can keep them from voting, and never lets them
    vote."""

    part: Involvement
    trust: Trust
    name: str = Field(default="", max_length=254)
    mail: str = Field(default="", max_length=254)
    object_id: Guid | None = None
    """In Entra; None if it is not known who it is."""
    tenant: Guid | None = None
    is_service: bool = False
    """Whether it is not a person but a service principal, or a part of the source itself."""
    client_id: Guid | None = None
    """The application's id of a service principal; None if the source does not tell it."""
    unknown: str = Field(default="", max_length=600)
    """Why it is not known who that is, or for whom it acted; a project may know it as a service."""

    @property
    def shown(self) -> str:
        return self.mail or self.name or (f"{OID}{self.object_id}" if self.object_id else "somebody")

    def is_one_of(self, services: Sequence[str]) -> bool:
        """Whether it is one of these services. Text in a commit makes nobody a service."""
        return self.part.vouched and is_listed(services, client_id=self.client_id, mail=self.mail)

    @property
    def signed_in(self) -> SignedIn | None:
        return SignedIn(object_id=self.object_id) if self.object_id else None


class PublishedImage(Record):
    """One image that a bundle names."""

    repository: Repository
    digest: Digest


class PublishedList(Record):
    """A run's own list of what it published: the document of `docs/reference/formats.md`, read strictly."""

    v: Annotated[int, Field(ge=1, le=1)]
    kind: Annotated[str, Field(pattern="^(image|bundle)$")]
    registry: str = Field(min_length=1, max_length=255)
    repository: Repository
    digest: Digest
    images: tuple[PublishedImage, ...] = Field(default=(), max_length=100)
    tool: str = Field(default="", max_length=200)


class Run(Record):
    """A completed CI run, as far as it is known."""

    organization: str = Field(default="", max_length=256)
    project: str = Field(max_length=256)
    """Its name, or its id if only that was given."""
    project_id: str = Field(default="", max_length=64)
    pipeline: str = Field(max_length=256)
    folder: str = Field(default="", max_length=512)
    """The pipeline's folder, `\\` for the root; empty if it was not given."""
    definition: int | None = Field(default=None, ge=0)
    """The pipeline's id, which stays the same after a rename; None if only its name was given."""
    id: int = Field(ge=0)
    number: str = Field(max_length=256)
    result: str = Field(max_length=64)
    branch: str = Field(default="", max_length=1024)
    commit: str = Field(default="", max_length=128)
    finished_at: Timestamp
    proof: Fact
    """Whether the run happened as the fields above say."""
    built: Fact
    """Whether the run made the image of its release."""
    behind: Fact
    """Whether everybody behind the change is among `people`, and known."""
    people: tuple[InvolvedPerson, ...] = Field(default=(), max_length=PEOPLE_LIMIT)
    all_named: bool = False
    """Whether `behind` is proved apart from the `people` who are `unknown`: nobody else is missing."""
    document: Digest | None = None
    """Hash of the published document, to tell whether it was changed later."""

    @property
    def succeeded(self) -> bool:
        return self.result == "succeeded"

    @property
    def counts(self) -> bool:
        """Whether a release may start from it: it happened, and it made the image."""
        return self.proof.stands and self.built.stands

    @property
    def summary(self) -> str:
        """The proved and the unproved facts of the run, in one line."""
        facts = {"run": self.proof, "built by it": self.built, "people": self.behind}
        return "; ".join(f"{fact.trust.mark} {what}: {fact.trust.spoken}" for what, fact in facts.items())

    @property
    def url(self) -> str:
        """Its page. The URL is made from ids and names, never taken from a message; empty without an organization."""
        if not self.organization:
            return ""
        address = f"{quote(self.organization, safe='')}/{quote(self.project_id or self.project, safe='')}"
        return f"https://dev.azure.com/{address}/_build/results?buildId={self.id}"

    @property
    def recorded(self) -> dict[str, Any]:
        """The run as audit records keep it, with the certainty of each fact. A release's row has to say the same as the
        last record of its run (`on_record.py`)."""
        facts = {"run": self.proof, "built": self.built, "behind": self.behind}
        fields = {name: fact.model_dump(mode="json") for name, fact in facts.items()}
        people = [person.model_dump(mode="json", exclude_defaults=True) for person in self.people]
        parts = (fields, self.definition, self.document, people or None)
        return {name: each for name, each in zip(RECORDED_OF_RUN, parts, strict=True) if each is not None}

    def same_as(self, other: "Run") -> bool:
        """Whether both are the same CI run, perhaps from different reporters, or run again with another result."""
        if (self.organization.casefold(), self.id) != (other.organization.casefold(), other.id):
            return False
        mine, theirs = ({run.project.casefold(), run.project_id.casefold()} - {""} for run in (self, other))
        return not mine.isdisjoint(theirs)

    def is_everybody_known(self, services: Sequence[str]) -> bool:
        """Whether everybody behind the change is known, if these services are known."""
        if self.behind.trust is Trust.PROVED:
            return True
        missing = [person for person in self.people if person.unknown]
        return self.all_named and bool(missing) and all(person.is_one_of(services) for person in missing)

    def people_with_part(self, *parts: Involvement) -> tuple[InvolvedPerson, ...]:
        """Everybody who did one of these things."""
        return tuple(person for person in self.people if person.part in parts)

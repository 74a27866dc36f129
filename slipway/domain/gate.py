"""Gates: what an environment demands before its rollout, as an application sets it.

This is only the policy. `decide/quorum.py` and `decide/automatic.py` say whether it is met, rule by rule.
"""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, model_validator

from .model import Duration, Name, Record, duration_text, one_or_several
from .people import GROUP, GUID_PATTERN, MEMBER_PATTERN, OID, ROLE, IdentityMap, People, Person, SignedIn
from .services import Service, addresses

APPROVER_PATTERN = rf"{MEMBER_PATTERN}|^group:{GUID_PATTERN[1:]}|^role:[A-Za-z0-9._-]{{1,120}}$"
Approver = Annotated[str, Field(min_length=3, max_length=254, pattern=APPROVER_PATTERN)]
"""A person (by address or `oid:`), `role:<app role>`, or `group:<object id>`."""
_SUBJECT = 64
"""Longest name of a share, as rule results hold it."""


class AutoGate(Record):
    """No person is asked; named conditions may have to hold."""

    kind: Literal["auto"] = "auto"
    tests_passed: tuple[Name, ...] = Field(
        default=(),
        max_length=20,
        description="Rule tests-passed: earlier environments whose acceptance tests must have passed on this release.",
        examples=[["staging"]],
    )


class Share(Record):
    """A number of the approvals has to come from these people."""

    of: Annotated[
        tuple[Approver, ...],
        BeforeValidator(one_or_several, json_schema_input_type=Approver | list[Approver]),
        Field(min_length=1, max_length=50),
    ] = Field(description="A role, a group or a person as in approvers, or several.", examples=["role:security"])
    required: int = Field(default=1, ge=1, le=50, description="How many of the approvals must come from them.")

    @property
    def subject(self) -> str:
        """The people of this share, in words."""
        text = " or ".join(self.of)
        return text if len(text) <= _SUBJECT else f"{text[: _SUBJECT - 1]}…"


class Reminders(Record):
    """When people are asked again while a gate is open: after a while, then less and less often."""

    after: Duration = Field(default=timedelta(hours=2), description="Time from the question to the first reminder.")
    factor: float = Field(default=2, ge=1, le=10, description="Each pause is this many times as long as the last.")
    most: int = Field(default=5, ge=0, le=20, description="No more reminders than this; 0 for none.")

    @model_validator(mode="after")
    def _refuse_early_reminder(self) -> Self:
        if self.after < timedelta(minutes=1):
            raise ValueError(f"after: expected at least 1m, got {self.after.total_seconds():.0f}s")
        return self

    def pause(self, sent: int) -> timedelta | None:
        """Time until the next reminder after `sent` ones; None if no reminder is left."""
        if sent >= self.most:
            return None
        seconds = min(self.after.total_seconds() * self.factor**sent, timedelta(days=36_500).total_seconds())
        return timedelta(seconds=round(seconds))


class Level(StrEnum):
    """The certainty of a voter's identity, the most certain first."""

    SIGNED = "signed"
    """By a proof: the voter signed in for this very vote."""
    QUEUE = "queue"
    """By a message in the queue of approvals, on behalf of the voter."""
    LINK = "link"
    """By the link that was sent to the voter; its holder votes."""

    @property
    def rank(self) -> int:
        """Higher is more certain."""
        return -tuple(Level).index(self)


def _never_is_none(value: object) -> object:
    return None if value == "none" else value


def _none_is_written(value: timedelta | None) -> str:
    return "none" if value is None else duration_text(value)


Fresh = Annotated[
    Duration | None,
    BeforeValidator(_never_is_none, json_schema_input_type=str | None),
    PlainSerializer(_none_is_written, return_type=str),
]
"""The greatest age of a voter's sign-in: a duration, or `none`."""


class Need(StrEnum):
    """Whether a reason must be given."""

    OPTIONAL = "optional"
    REQUIRED = "required"


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:  # unknown; or no name at all, but a path
        raise ValueError(f"expected the name of a time zone such as Europe/Berlin, got {name!r}") from error
    return name


TimeZone = Annotated[str, Field(min_length=1, max_length=64), AfterValidator(_known_zone)]
"""A time zone by its name in the IANA database."""


class Reasons(Record):
    """The votes that need a reason."""

    reject: Literal["required"] = Field(default="required", description="A rejection always says why.")
    approve: Need = Field(default=Need.OPTIONAL, description="Whether an approval has to say why.")


class WhenNewer(StrEnum):
    """What happens to a newer release that arrives while people are asked about an older one."""

    REPLACE = "replace"
    """Once it has a plan, it takes the older release's place, whose votes are void."""
    WAIT = "wait"
    """It waits until the older release is decided; of the releases that wait, only the newest stays."""


class WrittenApprovalGate(Record):
    """People are asked; each vote is for one plan hash."""

    kind: Literal["approval"] = "approval"
    approvers: tuple[Approver, ...] = Field(
        default=(),
        max_length=50,
        description="Who may vote: oid:<object id in Entra>, role:<app role of the votes' registration>, "
        "group:<object id in Entra>, or an address, which `people` joins with an object id. Roles and groups count "
        "only for people whose vote has a proof.",
        examples=[["oid:01234567-89ab-cdef-0123-456789abcdef", "role:shop-approvers"]],
    )
    required: int = Field(default=1, ge=1, le=50, description="How many different people must approve.")
    each: tuple[Share, ...] = Field(
        default=(), max_length=10, description="From whom some of the approvals must come. They may vote too."
    )
    deadline: Duration = Field(default=timedelta(hours=24), description="After this time the gate closes as expired.")
    when_newer: WhenNewer = Field(
        default=WhenNewer.REPLACE,
        description="The treatment of a newer release that arrives while people are asked: with replace it takes the "
        "older one's place once it has a plan, with wait people decide on the older one first.",
    )
    reminders: Reminders = Field(default=Reminders(), description="When people are asked again.")
    objection: Duration = Field(
        default=timedelta(0),
        description="The time that a release waits once its gate has passed, so that a person who is told of a vote "
        "they did not give can object before anything is copied or deployed.",
        examples=["30m"],
    )
    reason: Reasons = Field(default=Reasons(), description="The votes that need a reason.")
    level: Level = Field(
        default=Level.SIGNED,
        description="How certain it must be who votes: signed, queue or link. A more certain level always counts.",
    )
    fresh: Fresh = Field(
        default=timedelta(minutes=5),
        description="How recently the voter must have signed in; none for any time. Only for level signed.",
        examples=["5m"],
    )
    timezone: TimeZone = Field(
        default="UTC",
        description="Time zone of the approvers: pages and mails show the deadline in it as well as in UTC.",
        examples=["Europe/Berlin"],
    )
    own_change: bool = Field(
        default=False,
        description="Whether somebody may approve their own work: who asked for the CI run, pushed or wrote a commit, "
        "or opened or completed its pull request.",
    )
    require_known: bool = Field(
        default=False,
        description="Whether nobody may approve until it is proved who asked for the run and who is behind the "
        "change. Otherwise an unknown person keeps nobody from approving.",
    )

    @model_validator(mode="after")
    def _refuse_impassable(self) -> Self:
        for problem in self.unmet(IdentityMap()):
            raise ValueError(problem)
        return self

    def unmet(self, identities: IdentityMap) -> Iterator[str]:
        """Why nobody could ever pass the gate, if that is so; each reason begins with the name of a field."""
        if not self.approvers and not self.each:
            yield "approvers: is missing"
        if twice := _listed_twice(self.approvers, identities):
            yield f"approvers: {twice}"
        for address in (*self.approvers, *(name for share in self.each for name in share.of)):
            if identities.only_excludes(address):
                yield f"approvers: {address} is listed only to recognize own work: name the person's object id, oid:…"
        for index, share in enumerate(self.each):
            if twice := _listed_twice(share.of, identities):
                yield f"each[{index}].of: {twice}"
            elif share.required > len(share.of) and not any(map(_only_entra_knows, share.of)):
                yield f"each[{index}].required: {share.required} approvals cannot come from {len(share.of)} people"
        people = len(identities.people(self._listed()))
        if self.required > people and not any(map(_only_entra_knows, self._all_listed())):
            yield f"required: {self.required} approvals cannot come from {people} approvers"

    def _all_listed(self) -> Iterator[str]:
        yield from self.approvers
        for share in self.each:
            yield from share.of

    def _listed(self) -> Iterator[str]:
        return (name for name in self._all_listed() if not _only_entra_knows(name))

    def among(self, people: People, known_services: Sequence[str] = ()) -> "ApprovalGate":
        """The gate with the application's people and the project's services. Fields that were left out stay left
        out."""
        written = {name: getattr(self, name) for name in self.model_fields_set}
        more = {"known_services": tuple(known_services)} if known_services else {}
        return ApprovalGate.model_validate({**written, "people": people, **more})


class ApprovalGate(WrittenApprovalGate):
    """A gate that asks people, with what its application says of them and its project of services."""

    people: People = Field(default={}, description="Who is who, as the application says.")
    known_services: tuple[Service, ...] = Field(
        default=(), max_length=100, description="Services that the project knows."
    )

    @model_validator(mode="after")
    def _refuse_impassable_for_people(self) -> Self:
        for problem in self.unmet(self.identities):
            raise ValueError(problem)
        return self

    @property
    def identities(self) -> IdentityMap:
        return IdentityMap(self.people)

    @property
    def links_vote(self) -> bool:
        """Whether a link that was sent to an approver lets its holder vote."""
        return self.level is Level.LINK

    def voters(self) -> tuple[Person, ...]:
        """Everybody who is listed, each once: in `approvers`, and then in `each`."""
        return self.identities.people(self._listed())

    def listed_as(self, names: frozenset[str], signed_in: SignedIn | None) -> frozenset[str]:
        """The one of these names under which the policy lists the person, in lower case."""
        return self._entitling(names, signed_in) & {name.casefold() for name in self._all_listed()}

    def without_object_id(self) -> tuple[Person, ...]:
        """The people who are listed only by address. A proof names an object id, so none of them can give one."""
        return tuple(person for person in self.voters() if not any(name.startswith(OID) for name in person.names))

    def roles(self) -> frozenset[str]:
        """App roles that may vote."""
        return frozenset(name.removeprefix(ROLE) for name in self._all_listed() if name.startswith(ROLE))

    def groups(self) -> frozenset[str]:
        """Object ids of the groups that may vote."""
        return frozenset(name.removeprefix(GROUP).casefold() for name in self._all_listed() if name.startswith(GROUP))

    def unlisted(self) -> tuple[str, ...]:
        """The approvers that only Entra knows, in words."""
        return tuple(dict.fromkeys(_in_words(name) for name in self._all_listed() if _only_entra_knows(name)))

    def lists(self, names: frozenset[str], signed_in: SignedIn | None = None) -> bool:
        """Whether the person with these names may vote. A service never may, no matter who uses its account."""
        if not addresses(self.known_services).isdisjoint(names):
            return False
        return self.is_person_among(tuple(self._all_listed()), names, signed_in)

    def is_person_among(self, listed: Sequence[str], names: frozenset[str], signed_in: SignedIn | None = None) -> bool:
        """Whether the person with these names is among those listed: by name, or by a verified sign-in."""
        people = self.identities.people(filter(_is_person, listed))
        if any(not person.names.isdisjoint(self._entitling(names, signed_in)) for person in people):
            return True
        if signed_in is None:
            return False
        theirs = {f"{ROLE}{role}" for role in signed_in.roles} | {f"{GROUP}{group}" for group in signed_in.groups}
        return any(_group_in_lower_case(name) in theirs for name in listed)

    def _entitling(self, names: frozenset[str], signed_in: SignedIn | None) -> frozenset[str]:
        """The names by which a person may be listed. A second account of theirs has none: it has only the rights of its
        own roles and groups."""
        account = f"{OID}{signed_in.object_id}" if signed_in is not None else ""
        return frozenset() if self.identities.only_excludes(account) else names


def _only_entra_knows(listed: str) -> bool:
    return listed.startswith((ROLE, GROUP))


def _is_person(listed: str) -> bool:
    return not _only_entra_knows(listed)


def _group_in_lower_case(listed: str) -> str:
    return listed.casefold() if listed.startswith(GROUP) else listed


def _in_words(listed: str) -> str:
    if listed.startswith(ROLE):
        return f"somebody with the role {listed.removeprefix(ROLE)}"
    return f"a member of the group {listed.removeprefix(GROUP)}"


def _listed_twice(listed: Sequence[str], identities: IdentityMap) -> str:
    """The problem if a person is listed twice; empty if nobody is."""
    if len({name.casefold() for name in listed}) != len(listed):
        return "the same person is listed twice"
    people = [name for name in listed if _is_person(name)]
    return "the same person is listed twice, under two names" if len(identities.people(people)) != len(people) else ""


WrittenGate = Annotated[AutoGate | WrittenApprovalGate, Field(discriminator="kind")]
Gate = Annotated[AutoGate | ApprovalGate, Field(discriminator="kind")]

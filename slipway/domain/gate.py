"""Gates: what an environment demands before its rollout, as an application sets it.

Here is only the policy. `decide/quorum.py` and `decide/automatic.py` say whether it is met, rule by rule.
"""

from collections.abc import Iterator
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, model_validator

from .model import Duration, Name, Record, duration_text
from .people import GROUP, MEMBER_PATTERN, OID, ROLE, Circle, Guid, Member, Person, PersonNames, SignedIn

APPROVER_PATTERN = rf"{MEMBER_PATTERN}|^group:[a-z](?:[a-z0-9-]{{0,38}}[a-z0-9])?$|^role:[A-Za-z0-9._-]{{1,120}}$"
_Approver = Annotated[str, Field(min_length=3, max_length=254, pattern=APPROVER_PATTERN)]


class AutoGate(Record):
    """No person is asked; named conditions may have to hold."""

    kind: Literal["auto"] = "auto"
    tests_passed: tuple[Name, ...] = Field(
        default=(),
        max_length=20,
        description="Rule tests-passed: earlier environments whose acceptance tests must have passed on this release.",
        examples=[["staging"]],
    )
    soak: Duration | None = Field(
        default=None, description="Rule soaked: how long the release must have been live in an earlier environment."
    )
    soak_in: Name | None = Field(
        default=None, description="The environment that it soaks in; by default the one before this."
    )

    @model_validator(mode="after")
    def _says_how_long(self) -> Self:
        if self.soak_in is not None and self.soak is None:
            raise ValueError("soak: is needed because soak_in is given")
        return self


class Group(Record):
    """A group of which some members must approve; they are listed here or managed in Entra."""

    members: tuple[Member, ...] = Field(
        default=(), max_length=50, description="E-mail addresses, or oid:<object id in Entra>."
    )
    entra: Guid | None = Field(
        default=None,
        description="Object id of a group in Entra. Counts only for people who have signed in and whose token names "
        "the group; a link alone proves no membership.",
    )
    required: int = Field(default=0, ge=0, le=50, description="How many of the approvals must come from this group.")

    @model_validator(mode="after")
    def _can_be_reached(self) -> Self:
        if not self.members and self.entra is None:
            raise ValueError("members: expected members, or entra, got neither")
        if self.entra is None and self.required > len(self.members):
            raise ValueError(f"required: {self.required} approvals cannot come from {len(self.members)} members")
        return self


class Reminders(Record):
    """When people are asked again while a gate is open: after a while, then less and less often."""

    after: Duration = Field(default=timedelta(hours=2), description="Time from the question to the first reminder.")
    factor: float = Field(default=2, ge=1, le=10, description="Each pause is this many times as long as the last.")
    most: int = Field(default=5, ge=0, le=20, description="No more reminders than this; 0 for none.")

    @model_validator(mode="after")
    def _are_no_flood(self) -> Self:
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
    """How surely a person is known who votes, the surest first."""

    SIGNED = "signed"
    """By a proof: a sign-in of their own for this very vote."""
    QUEUE = "queue"
    """By a message in the queue of approvals, on behalf of them."""
    LINK = "link"
    """By whoever has the link that was sent to them."""

    @property
    def rank(self) -> int:
        """Larger is surer."""
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
"""How long ago a person may have signed in, at most: a duration, or `none`."""


class Need(StrEnum):
    """Whether something has to be said."""

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
    """Which votes must say why."""

    reject: Literal["required"] = Field(default="required", description="A rejection always says why.")
    approve: Need = Field(default=Need.OPTIONAL, description="Whether an approval has to say why.")


class WhenNewer(StrEnum):
    """What happens when a newer release arrives while people are asked about an older one."""

    REPLACE = "replace"
    """It takes the older one's place, whose votes are void."""
    WAIT = "wait"
    """It waits until the older one is decided; of those that wait, only the newest stays."""


class ApprovalGate(Record):
    """People are asked; each vote is for one plan hash."""

    kind: Literal["approval"] = "approval"
    approvers: tuple[_Approver, ...] = Field(
        default=(),
        max_length=50,
        description="Who may vote: e-mail addresses, oid:<object id in Entra>, role:<app role of the votes' "
        "registration>, or group:<name> of a group below. A role counts only for people whose vote has a proof.",
        examples=[["ada@example.com", "role:shop-approvers", "group:release-managers"]],
    )
    required: int = Field(default=1, ge=1, le=50, description="How many different people must approve.")
    groups: dict[Name, Group] = Field(
        default={}, max_length=10, description="Groups by name. Members of a group with required may vote."
    )
    identities: tuple[PersonNames, ...] = Field(
        default=(), max_length=100, description="Names that are one person's, so that they have one vote."
    )
    deadline: Duration = Field(default=timedelta(hours=24), description="After this time the gate closes as expired.")
    when_newer: WhenNewer = Field(
        default=WhenNewer.REPLACE,
        description="What a newer release does that arrives while people are asked: replace takes the place of the one "
        "they are asked about, wait lets them decide about it first.",
    )
    reminders: Reminders = Field(default=Reminders(), description="When people are asked again.")
    reason: Reasons = Field(default=Reasons(), description="Which votes must say why.")
    level: Level = Field(
        default=Level.SIGNED,
        description="How surely the person is known who votes: signed, queue or link. A surer way always counts.",
    )
    fresh: Fresh = Field(
        default=timedelta(minutes=5),
        description="How long ago the voter may have signed in, at most; none for any time. For level signed.",
        examples=["5m"],
    )
    sign_in: Need = Field(
        default=Need.OPTIONAL,
        description="Rule voter-has-signed-in: `required` takes votes only from people who have signed in; then a link "
        "alone shows what is asked, and decides nothing.",
    )
    timezone: TimeZone = Field(
        default="UTC",
        description="Where the approvers are: pages and mails say the deadline in the time of this zone, beside UTC.",
        examples=["Europe/Berlin"],
    )
    own_change: bool = Field(
        default=False,
        description="Whether somebody may approve their own work: who asked for the CI run, pushed or wrote a commit, "
        "or opened or completed its pull request.",
    )
    require_known: bool = Field(
        default=False,
        description="Whether nobody may approve as long as it is not proved who asked for the run and who is behind "
        "the change. Otherwise somebody unknown bars nobody.",
    )

    @model_validator(mode="after")
    def _names_each_person_once(self) -> Self:
        names = [name for identity in self.identities for name in identity.names]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"identities: {twice[0]} is listed for two people")
        if len({approver.casefold() for approver in self.approvers}) != len(self.approvers):
            raise ValueError("approvers: the same person is listed twice")
        direct = [approver for approver in self.approvers if not approver.startswith((GROUP, ROLE))]
        if len(self.circle.people(direct)) != len(direct):
            raise ValueError("approvers: the same person is listed twice, under two names")
        return self

    @model_validator(mode="after")
    def _can_be_reached(self) -> Self:
        if not self.approvers and not self.groups:
            raise ValueError("approvers: is missing")
        for name in self._referred:
            if name not in self.groups:
                known = ", ".join(self.groups) or "none"
                raise ValueError(f"approvers: {GROUP}{name} is not among the groups; known are {known}")
        for name, group in self.groups.items():
            if not group.required and name not in self._referred:
                raise ValueError(f"groups: {name} has no effect: give required, or name {GROUP}{name} in approvers")
            if group.entra is None and group.required > len(self.circle.people(group.members)):
                raise ValueError(f"groups: {name}: {group.required} approvals cannot come from so few people")
        people = len(self.people())
        if self.required > people and not self.unlisted():
            raise ValueError(f"required: {self.required} approvals cannot come from {people} approvers")
        return self

    @property
    def _referred(self) -> tuple[str, ...]:
        return tuple(approver.removeprefix(GROUP) for approver in self.approvers if approver.startswith(GROUP))

    @property
    def circle(self) -> Circle:
        return Circle(self.identities)

    @property
    def links_vote(self) -> bool:
        """Whether whoever has the link that was sent to an approver votes by it."""
        return self.level is Level.LINK

    def people(self) -> tuple[Person, ...]:
        """Everybody who is listed, each once: in `approvers`, and then as a member of a group."""
        return self.circle.people(self._listed())

    def without_object_id(self) -> tuple[Person, ...]:
        """Those listed by addresses alone. A proof names an object id, so none of them can give one."""
        return tuple(person for person in self.people() if not any(name.startswith(OID) for name in person.names))

    def _listed(self) -> Iterator[str]:
        for approver in self.approvers:
            if approver.startswith(ROLE):
                continue  # only Entra knows who has it
            if approver.startswith(GROUP):
                yield from self.groups[approver.removeprefix(GROUP)].members
            else:
                yield approver
        for group in self.groups.values():
            yield from group.members

    def unlisted_groups(self) -> tuple[str, ...]:
        """Groups whose members only Entra knows."""
        return tuple(name for name, group in self.groups.items() if group.entra is not None)

    def roles(self) -> tuple[str, ...]:
        """App roles that may vote."""
        return tuple(approver.removeprefix(ROLE) for approver in self.approvers if approver.startswith(ROLE))

    def unlisted(self) -> tuple[str, ...]:
        """Whom only Entra knows, in words."""
        members = (f"a member of {name}" for name in self.unlisted_groups())
        return (*members, *(f"somebody with the role {role}" for role in self.roles()))

    def lists(self, names: frozenset[str], signed_in: SignedIn | None = None) -> bool:
        """Whether the person with these names may vote."""
        listed = any(not person.names.isdisjoint(names) for person in self.people())
        by_role = signed_in is not None and not set(self.roles()).isdisjoint(signed_in.roles)
        return listed or by_role or any(self.is_member(name, names, signed_in) for name in self.groups)

    def is_member(self, group: str, names: frozenset[str], signed_in: SignedIn | None = None) -> bool:
        """Whether the person with these names is in the group: by its member list, or by a verified sign-in."""
        definition = self.groups[group]
        if signed_in is not None and definition.entra is not None and definition.entra in signed_in.groups:
            return True
        return any(not person.names.isdisjoint(names) for person in self.circle.people(definition.members))


Gate = Annotated[AutoGate | ApprovalGate, Field(discriminator="kind")]

"""People, and the names under which channels know them, so that one person is one voter on every channel.

A person may be known by e-mail addresses and by an Entra object id. The `people` of an application say which names
belong together; `IdentityMap` tells whether two names are the same person.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import AfterValidator, Field

from .model import Record

OID: Final = "oid:"
GROUP: Final = "group:"
ROLE: Final = "role:"

GUID_PATTERN: Final = r"^[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"
EMAIL_PATTERN: Final = r"^[^\s@:,;<>\"]+@[^\s@:,;<>\"]+$"
MEMBER_PATTERN: Final = rf"{EMAIL_PATTERN}|^oid:{GUID_PATTERN[1:]}"

Guid = Annotated[str, Field(pattern=GUID_PATTERN), AfterValidator(str.casefold)]
"""An Entra object id."""
Email = Annotated[str, Field(min_length=3, max_length=254, pattern=EMAIL_PATTERN)]
Member = Annotated[str, Field(min_length=3, max_length=254, pattern=MEMBER_PATTERN)]
"""One person: an e-mail address, or `oid:` and an Entra object id."""


class SignedIn(Record):
    """The facts that a channel verified about a person by signing them in; never the person's own claims."""

    object_id: Guid
    groups: tuple[Guid, ...] = Field(default=(), max_length=1000)
    """Object ids of the Entra groups that their token names."""
    roles: tuple[Annotated[str, Field(max_length=256)], ...] = Field(default=(), max_length=1000)
    """App roles that their token names, on the registration that the token is for."""


@dataclass(frozen=True, kw_only=True)
class Principal:
    """A person who has signed in."""

    name: str
    """The person's address if the sign-in names one, else `oid:<object id>`."""
    signed_in: SignedIn


class KnownPerson(Record):
    """What an application knows of one person, besides the object id under which it lists them."""

    name: Annotated[str, Field(min_length=1, max_length=100)] | None = Field(
        default=None, description="Their name, as pages show it."
    )
    mail: Email | None = Field(
        default=None, description="The address that messages for them go to. `approvers` may name them by it."
    )
    also: tuple[Member, ...] = Field(
        default=(),
        max_length=10,
        description="Other addresses, such as the one that they commit with, and other accounts of theirs, "
        "oid:<object id in Entra>. They only join one person's work and votes, and give no right.",
    )

    @property
    def names(self) -> tuple[str, ...]:
        """All names, in lower case."""
        return tuple(name.casefold() for name in (self.mail, *self.also) if name is not None)


def _by_lower_case_id(people: dict[str, KnownPerson]) -> dict[str, KnownPerson]:
    """The people by their ids in lower case. This is no `BeforeValidator`: after one, a list in a document is no tuple
    any more."""
    listed = [oid.casefold() for oid in people]
    if twice := sorted({oid for oid in listed if listed.count(oid) > 1}):
        raise ValueError(f"{twice[0]} is listed twice")
    return {oid.casefold(): person for oid, person in people.items()}


def _refuse_shared_names(people: dict[str, KnownPerson]) -> dict[str, KnownPerson]:
    names = [name for oid, person in people.items() for name in (f"{OID}{oid}", *set(person.names))]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"{twice[0]} is listed for two people")
    return people


People = Annotated[
    dict[Annotated[str, Field(pattern=GUID_PATTERN)], KnownPerson],
    AfterValidator(_by_lower_case_id),
    AfterValidator(_refuse_shared_names),
    Field(max_length=200),
]
"""The known people, by object id in Entra."""


@dataclass(frozen=True, kw_only=True)
class Person:
    """A person listed in a policy."""

    name: str
    """Name and address of the person: their e-mail address if known, else as they are listed."""
    shown: str
    """Their name on pages and in messages."""
    names: frozenset[str]
    """Every name of the person, in lower case."""


class IdentityMap:
    """Names, joined into people by an application's `people`."""

    def __init__(self, people: Mapping[str, KnownPerson] | None = None) -> None:
        self._people: Mapping[str, KnownPerson] = people or {}
        self._owners: Mapping[str, str] = {
            name: oid for oid, person in self._people.items() for name in (f"{OID}{oid}", *person.names)
        }

    def names(self, *any_names: str, signed_in: SignedIn | None = None) -> frozenset[str]:
        """Every name of the person known by these names; empty ones are ignored."""
        names = {name.casefold() for name in any_names if name}
        if signed_in is not None:
            own = f"{OID}{signed_in.object_id}"
            names = {name for name in names if self._object_id(name) in (None, own)} | {own}
        owners = {self._owners[name] for name in names if name in self._owners}
        return frozenset(names).union(*(self._names_of(oid) for oid in owners))

    def _names_of(self, oid: str) -> tuple[str, ...]:
        return (f"{OID}{oid}", *self._people[oid].names)

    def _object_id(self, name: str) -> str | None:
        """The object id that the application has for a name. An address can be reassigned to another person, an object
        id cannot. So a sign-in with another id is another person, even with the same address."""
        return f"{OID}{self._owners[name]}" if name in self._owners else None

    def only_excludes(self, name: str) -> bool:
        """Whether the name is an address or account that only marks a person's own work, and gives no right."""
        owner = self._owners.get(name.casefold())
        return owner is not None and name.casefold() in (other.casefold() for other in self._people[owner].also)

    def person(self, listed: str) -> Person:
        owner = self._owners.get(listed.casefold())
        person = self._people[owner] if owner is not None else KnownPerson()
        address = person.mail or listed
        return Person(
            name=address if listed.startswith(OID) else listed,
            shown=person.name or (address if listed.startswith(OID) else listed),
            names=self.names(listed),
        )

    def people(self, listed: Iterable[str]) -> tuple[Person, ...]:
        """The people, each once, in the order in which they are listed."""
        return tuple(self._distinct(listed))

    def _distinct(self, listed: Iterable[str]) -> Iterator[Person]:
        names: set[str] = set()
        for entry in listed:
            person = self.person(entry)
            if names.isdisjoint(person.names):
                names |= person.names
                yield person

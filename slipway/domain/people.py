"""People and the names that channels know them by, so that one person is one voter on every channel.

A person may be known by an e-mail address and by an Entra object id. The `identities` of a gate's policy say which
names belong together; `Circle` tells whether two names are the same person.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Final, Self

from pydantic import AfterValidator, Field, model_validator

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
    """What a channel verified about a person by signing them in; never what they claim themselves."""

    object_id: Guid
    groups: tuple[Guid, ...] = Field(default=(), max_length=1000)
    """Object ids of the Entra groups that their token names."""
    roles: tuple[Annotated[str, Field(max_length=256)], ...] = Field(default=(), max_length=1000)
    """App roles that their token names, on the registration that it is for."""


@dataclass(frozen=True, kw_only=True)
class Principal:
    """A person who has signed in."""

    name: str
    """The person's address if the sign-in names one, else `oid:<object id>`."""
    signed_in: SignedIn
    roles: tuple[str, ...] = ()
    """App roles, as named in Entra."""


class PersonNames(Record):
    """The names of one person."""

    email: Email | None = Field(default=None, description="The address that their links are sent to.")
    oid: Guid | None = Field(default=None, description="Their object id in Entra.")
    also: tuple[Email, ...] = Field(
        default=(), max_length=10, description="Other addresses, such as the one that they commit with."
    )

    @model_validator(mode="after")
    def _joins_names(self) -> Self:
        if len(self.names) < 2:  # noqa: PLR2004 - one name needs no joining
            raise ValueError("expected at least two of email, oid and also, got fewer")
        return self

    @property
    def names(self) -> frozenset[str]:
        listed = (self.email, f"{OID}{self.oid}" if self.oid else None, *self.also)
        return frozenset(name.casefold() for name in listed if name is not None)


@dataclass(frozen=True, kw_only=True)
class Person:
    """A person listed in a policy."""

    name: str
    """Name and address of the person: their e-mail address if known, else as they are listed."""
    names: frozenset[str]
    """Every name of the person, in lower case."""


class Circle:
    """Names, joined into people by a policy's identities."""

    def __init__(self, identities: Iterable[PersonNames] = ()) -> None:
        self._known: Mapping[str, PersonNames] = {name: identity for identity in identities for name in identity.names}

    def names(self, *known: str, signed_in: SignedIn | None = None) -> frozenset[str]:
        """Every name of the person known by these names; empty ones are ignored."""
        named = {name.casefold() for name in known if name}
        if signed_in is not None:
            own = f"{OID}{signed_in.object_id}"
            named = {name for name in named if self._object_id(name) in (None, own)} | {own}
        joined = [self._known[name].names for name in named if name in self._known]
        return frozenset(named).union(*joined)

    def _object_id(self, name: str) -> str | None:
        """The object id that the policy has for a name. An address can be reassigned to another person, an object id
        cannot: so a sign-in with another id is another person, whatever its address."""
        identity = self._known.get(name)
        return f"{OID}{identity.oid}" if identity and identity.oid else None

    def person(self, listed: str) -> Person:
        identity = self._known.get(listed.casefold())
        address = (identity.email if identity else None) or listed
        return Person(name=address if listed.startswith(OID) else listed, names=self.names(listed))

    def people(self, listed: Iterable[str]) -> tuple[Person, ...]:
        """Each person once, in the order in which they are listed."""
        return tuple(self._distinct(listed))

    def _distinct(self, listed: Iterable[str]) -> Iterator[Person]:
        seen: set[str] = set()
        for entry in listed:
            person = self.person(entry)
            if seen.isdisjoint(person.names):
                seen |= person.names
                yield person

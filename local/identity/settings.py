"""The directory of the local stack: registrations, people, managed identities. `main.mjs` reads it as JSON."""

import secrets
from collections.abc import Sequence
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

TENANT = "11111111-1111-4111-8111-111111111111"
SIGN_IN, VOTES, COMMAND = "sign-in", "votes", "command"
_GUID = r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"

Guid = Annotated[str, Field(pattern=_GUID)]


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Registration(_Settings):
    """An app registration: a client, and a resource whose scopes are requested as `api://<client id>/<scope>`."""

    name: str
    client_id: Guid
    redirect_uris: tuple[str, ...] = ()
    """May be set later, when the app's port is known: `Identity.set_redirect_uris`."""
    scopes: tuple[str, ...] = ()
    calls: str | None = None
    """The registration whose scopes it requests, if not its own."""
    public: bool = False
    """A command on somebody's machine: it cannot prove who it is, and its redirect may use any port."""
    groups: bool = False
    """Whether tokens name the groups that are assigned to the application."""
    auth_time: bool = True
    """Whether it has the optional claim; a registration that somebody made by hand may lack it."""
    acct: bool = True
    """Whether it has the optional claim that identifies guests."""


class Person(_Settings):
    oid: Guid
    name: str
    mail: str
    roles: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """App roles by the name of the registration: a role in one does not count in the other."""
    groups: tuple[Guid, ...] = ()
    guest: Guid | None = None
    """A guest's home tenant."""


class ManagedIdentity(_Settings):
    """A user-assigned identity. Whoever has the secret (IDENTITY_HEADER) gets its tokens."""

    name: str
    client_id: Guid
    principal_id: Guid
    secret: Annotated[str, Field(min_length=16)] = Field(default_factory=lambda: secrets.token_urlsafe(24))
    roles: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    federated: tuple[str, ...] = ()
    """The registrations that accept its token as their own proof."""


class Settings(_Settings):
    tenant: Guid = TENANT
    port: Annotated[int, Field(ge=0, le=65535)] = 0
    registrations: tuple[Registration, ...]
    people: tuple[Person, ...]
    identities: tuple[ManagedIdentity, ...] = ()

    @model_validator(mode="after")
    def _check_names(self) -> Self:
        registration_names = {registration.name for registration in self.registrations}
        referenced = {name for person in self.people for name in person.roles}
        referenced |= {name for identity in self.identities for name in identity.roles}
        referenced |= {name for identity in self.identities for name in identity.federated}
        referenced |= {registration.calls for registration in self.registrations if registration.calls}
        if unknown := sorted(referenced - registration_names):
            raise ValueError(f"there is no registration {', '.join(unknown)}")
        return self

    def registration(self, name: str) -> Registration:
        return next(registration for registration in self.registrations if registration.name == name)

    def identity(self, name: str) -> ManagedIdentity:
        return next(identity for identity in self.identities if identity.name == name)

    def person(self, name: str) -> Person:
        return next(person for person in self.people if person.name == name)


def laptop(*, port: int = 0, besides: Sequence[Person] = ()) -> Settings:
    """Two registrations and a command; six people and those `besides`; and one identity each for the front, the worker
    and whoever applies."""
    everywhere: dict[str, tuple[str, ...]] = {SIGN_IN: ("reader",), VOTES: ("reader",)}
    approver: dict[str, tuple[str, ...]] = {
        SIGN_IN: ("reader", "approvers", "shop-approvers"),
        VOTES: ("reader", "approvers", "shop-approvers"),
    }
    rights = ("reader", "operator", "platform")
    managing = (*rights, "release-managers")
    operates: dict[str, tuple[str, ...]] = {SIGN_IN: managing, VOTES: managing}
    platform: dict[str, tuple[str, ...]] = {SIGN_IN: rights, VOTES: rights}
    return Settings(
        port=port,
        registrations=(
            Registration(name=SIGN_IN, client_id=_client(1), scopes=("user_impersonation",)),
            Registration(name=VOTES, client_id=_client(2), scopes=("vote",)),
            Registration(
                name=COMMAND,
                client_id=_client(3),
                redirect_uris=("http://localhost/", "http://127.0.0.1/", "http://127.0.0.1/back"),
                calls=SIGN_IN,
                public=True,
            ),
        ),
        people=(
            Person(oid=_person(1), name="Ada", mail="ada@example.com", roles=approver),
            Person(oid=_person(2), name="Ben", mail="ben@example.com", roles=approver),
            Person(oid=_person(3), name="Grace", mail="grace@example.com", roles=everywhere),
            Person(oid=_person(4), name="Olu", mail="olu@example.com", roles=operates),
            # Two may stand in when the voters are gone, and neither is the person who proposed the change.
            Person(oid=_person(5), name="Pia", mail="pia@example.com", roles=platform),
            Person(oid=_person(6), name="Tom", mail="tom@example.com", roles=platform),
            *besides,
        ),
        identities=(
            ManagedIdentity(
                name="front", client_id=_identity(1), principal_id=_principal(1), federated=(SIGN_IN, VOTES)
            ),
            ManagedIdentity(name="worker", client_id=_identity(2), principal_id=_principal(2)),
            ManagedIdentity(
                name="platform", client_id=_identity(3), principal_id=_principal(3), roles={SIGN_IN: rights}
            ),
        ),
    )


def _client(number: int) -> str:
    return f"cccccccc-0000-4000-8000-{number:012d}"


def _person(number: int) -> str:
    return f"aaaaaaaa-0000-4000-8000-{number:012d}"


def _identity(number: int) -> str:
    return f"dddddddd-0000-4000-8000-{number:012d}"


def _principal(number: int) -> str:
    return f"99999999-0000-4000-8000-{number:012d}"

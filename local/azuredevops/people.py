"""The people of an organization, in the three formats of Azure DevOps: reference, identity, graph subject.

Azure DevOps' own id of a person (the storage key), the descriptor and the Entra object id are three different values.
None can be computed from another in the real service. Here the first two are hashes of the third, so that code that
confuses them fails.
"""

import base64
import uuid
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

OBJECT_ID = "http://schemas.microsoft.com/identity/claims/objectidentifier"
_NAMESPACE = uuid.UUID("6f0f8c1e-2f0b-4f0e-9d5e-0d8f0b1c2a3d")


class Kind(StrEnum):
    """What an identity stands for."""

    MEMBER = "member"
    GUEST = "guest"
    """A person of another directory, whose object id and domain are those of the organization's tenant."""
    SERVICE_PRINCIPAL = "service principal"
    """An application or a managed identity of Entra."""
    BUILD_SERVICE = "build service"
    """The identity of the project's build jobs: Azure DevOps' own, unknown to Entra."""
    PLATFORM = "platform"
    """Azure DevOps itself, which starts the runs that somebody's push triggers."""


_PREFIXES = {
    Kind.MEMBER: "aad",
    Kind.GUEST: "aad",
    Kind.SERVICE_PRINCIPAL: "aadsp",
    Kind.BUILD_SERVICE: "svc",
    Kind.PLATFORM: "s2s",
}


@dataclass(frozen=True, kw_only=True)
class Person:
    """A member of the organization: a person, a guest, a service principal, or a system identity."""

    name: str
    mail: str = ""
    oid: str = ""
    """Object id in Entra; empty if Entra does not know the identity."""
    tenant: str = ""
    kind: Kind = Kind.MEMBER
    active: bool = True
    """False for somebody who has left."""
    client_id: str = ""
    """The application's id, if this is a service principal."""

    @property
    def storage_key(self) -> str:
        if self.kind is Kind.PLATFORM:
            return "00000002-0000-8888-8000-000000000000"
        return str(uuid.uuid5(_NAMESPACE, f"storage key of {self.oid or self.name}"))

    @property
    def descriptor(self) -> str:
        inner = str(uuid.uuid5(_NAMESPACE, f"descriptor of {self.oid or self.name}"))
        if self.kind in (Kind.BUILD_SERVICE, Kind.PLATFORM):
            inner = f"{self.storage_key}:{self.name}"
        encoded = base64.urlsafe_b64encode(inner.encode()).decode().rstrip("=")
        return f"{_PREFIXES[self.kind]}.{encoded}"

    @property
    def in_entra(self) -> bool:
        return self.kind in (Kind.MEMBER, Kind.GUEST, Kind.SERVICE_PRINCIPAL)

    @property
    def unique_name(self) -> str:
        if self.kind is Kind.PLATFORM:
            return f"{self.storage_key}@2c895908-04e0-4952-89fd-54b0046d6288"
        return self.mail or self.oid or f"{self.storage_key}@{self.name}"

    @property
    def directory_alias(self) -> str:
        if self.kind is Kind.GUEST:
            return self.mail.replace("@", "_") + "#EXT#"
        if self.kind is Kind.SERVICE_PRINCIPAL:
            return self.oid
        return self.mail.partition("@")[0]


PLATFORM = Person(name="Microsoft.VisualStudio.Services.TFS", kind=Kind.PLATFORM)


@dataclass(frozen=True, kw_only=True)
class Signature:
    """A commit's author or committer: text that nobody verifies."""

    name: str
    email: str

    @classmethod
    def of(cls, person: Person) -> "Signature":
        return cls(name=person.name, email=person.mail)


@dataclass(frozen=True, kw_only=True)
class Addresses:
    """The addresses in the links of responses. They never lead to the double, because no client should follow them."""

    organization: str
    collection: str
    """Id of the organization."""
    main: str = "https://dev.azure.com"
    people: str = "https://vssps.dev.azure.com"
    data_centre: str = "https://spsprodweu1.vssps.visualstudio.com"
    """The host of the identity links in real responses, which no list of endpoints mentions."""

    @property
    def organization_url(self) -> str:
        return f"{self.main}/{self.organization}"

    def graph(self, *steps: str) -> str:
        return "/".join((self.people, self.organization, "_apis", "Graph", *steps))


def reference(person: Person, at: Addresses) -> dict[str, Any]:
    """An `IdentityRef`, as runs, commits and pull requests carry it."""
    avatar = f"{at.organization_url}/_apis/GraphProfile/MemberAvatars/{person.descriptor}"
    return {
        "displayName": person.name,
        "url": f"{at.data_centre}/A{at.collection}/_apis/Identities/{person.storage_key}",
        "_links": {"avatar": {"href": avatar}},
        "id": person.storage_key,
        "uniqueName": person.unique_name,
        "imageUrl": avatar,
        "descriptor": person.descriptor,
    }


def identity(person: Person) -> dict[str, Any]:
    """An entry of `identities`: the only released response that holds the Entra object id."""
    domain = person.tenant if person.in_entra else "Build" if person.kind is Kind.BUILD_SERVICE else "ServicePrincipal"
    properties = {
        "SchemaClassName": _text("ServicePrincipal" if person.kind is Kind.SERVICE_PRINCIPAL else "User"),
        "Description": _text(""),
        "Domain": _text(domain),
        "Account": _text(person.unique_name),
        "DN": _text(""),
        "Mail": _text(person.mail),
        "SpecialType": _text("Generic"),
        "ComplianceValidated": {"$type": "System.DateTime", "$value": "2026-04-01T00:00:00Z"},
    }
    if person.in_entra:
        properties["PUID"] = _text("aad:")
        properties[OBJECT_ID] = _text(person.oid)
        properties["DirectoryAlias"] = _text(person.directory_alias)
    account = f"{domain}\\{person.unique_name}"
    return {
        "id": person.storage_key,
        "descriptor": f"Microsoft.IdentityModel.Claims.ClaimsIdentity;{account}",
        "subjectDescriptor": person.descriptor,
        "providerDisplayName": person.name,
        "isActive": person.active,
        "members": [],
        "memberOf": [],
        "memberIds": [],
        "properties": properties,
        "resourceVersion": 2,
        "metaTypeId": 1 if person.kind is Kind.GUEST else 0,
    }


def graph_subject(person: Person, at: Addresses) -> dict[str, Any]:
    """A `GraphUser` or a `GraphServicePrincipal`."""
    service = person.kind is Kind.SERVICE_PRINCIPAL
    area = "ServicePrincipals" if service else "Users"
    meta = "application" if service else "guest" if person.kind is Kind.GUEST else "member"
    application = {"applicationId": person.client_id} if service else {}
    return {
        "subjectKind": "servicePrincipal" if service else "user",
        **application,
        "metaType": meta,
        "directoryAlias": person.directory_alias,
        "domain": person.tenant,
        "principalName": person.oid if service else person.mail,
        "mailAddress": None if service else person.mail,
        "origin": "aad",
        "originId": person.oid,
        "displayName": person.name,
        "_links": {
            "self": {"href": at.graph(area, person.descriptor)},
            "memberships": {"href": at.graph("Memberships", person.descriptor)},
            "membershipState": {"href": at.graph("MembershipStates", person.descriptor)},
            "storageKey": {"href": at.graph("StorageKeys", person.descriptor)},
            "avatar": {"href": f"{at.organization_url}/_apis/GraphProfile/MemberAvatars/{person.descriptor}"},
        },
        "url": at.graph(area, person.descriptor),
        "descriptor": person.descriptor,
    }


def _text(value: str) -> dict[str, str]:
    return {"$type": "System.String", "$value": value}

"""The two Entra registrations as they should be, and the steps that are still missing. No request is made here."""

import json
import os
import re
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from cloud import (
    GRAPH,
    RefusedError,
    graph,
    value_of,
)

AZURE_CLI = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"
MICROSOFT_GRAPH = "00000003-0000-0000-c000-000000000000"
SIGNING_IN = {"openid": "37f7f235-527c-4136-accd-4a02d197296e", "profile": "14dad69e-099b-42c9-810b-d002981feec1"}
"""The scopes of Microsoft Graph that signing in asks for, with their ids there."""
EXCHANGE = "api://AzureADTokenExchange"
TOKEN_VERSION = 2

ROLES = {
    "reader": "Sees everything that the pages show.",
    "operator": "Sees everything, and gives commands: freeze, hold, cancel, retry, roll back.",
    "platform": "Does what operators do, and changes the installation itself.",
}
"""App roles that every installation has. Those that gates and projects name are added by SLIPWAY_APP_ROLES."""
FIRST_ROLE = "platform"
"""The role of the person who installs Slipway, as long as nobody else has any role."""

_IDS = uuid.UUID("5c7e3a0e-4c8b-5f0e-9d2f-6a1b7c3d9e10")
_ROLE_NAME = r"[A-Za-z][A-Za-z0-9._-]{0,119}"
DEVELOPER = "Application Developer, or the tenant lets everybody register applications"
OWNER = "owner of the registration, or Cloud Application Administrator"
CONSENT = "Cloud Application Administrator or Privileged Role Administrator"


@dataclass(frozen=True, kw_only=True)
class Registration:
    """One registration as it should be."""

    name: str
    unique: str
    """End of the name that only this environment gives."""
    display: str
    variable: str
    """The variable in which azd keeps its client id."""
    way_back: str
    """Path at which people come back from signing in."""
    scope: str
    scope_says: str
    for_commands: bool
    """Whether the Azure CLI may ask for tokens without asking anybody."""
    claims: Mapping[str, tuple[str, ...]]
    """Optional claims, by kind of token."""


SIGN_IN = Registration(
    name="sign-in",
    unique="",
    display="Slipway",
    variable="SLIPWAY_SIGN_IN_CLIENT_ID",
    way_back="/sign-in/back",
    scope="user_impersonation",
    scope_says="Use Slipway as yourself",
    for_commands=True,
    claims={"idToken": ("acct",), "accessToken": ("idtyp", "acct")},
)
VOTES = Registration(
    name="votes",
    unique="-votes",
    display="Slipway votes",
    variable="SLIPWAY_VOTES_CLIENT_ID",
    way_back="/say/back",
    scope="vote",
    scope_says="Sign a vote or a command in Slipway",
    for_commands=False,
    claims={"idToken": ("acct", "auth_time"), "accessToken": ("idtyp",)},
)
REGISTRATIONS = (SIGN_IN, VOTES)


@dataclass(frozen=True, kw_only=True)
class Trusted:
    """The managed identity that may speak for a registration."""

    name: str
    principal: str
    tenant: str

    @property
    def credential(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "issuer": f"https://login.microsoftonline.com/{self.tenant}/v2.0",
            "subject": self.principal,
            "audiences": [EXCHANGE],
        }


@dataclass(frozen=True, kw_only=True)
class Step:
    """One request that changes something."""

    what: str
    right: str
    method: str
    path: str
    body: dict[str, Any]
    headers: tuple[str, ...] = ()

    def do(self) -> None:
        graph(self.method, self.path, body=self.body, headers=self.headers)

    @property
    def command(self) -> str:
        headers = " ".join([*self.headers, "Content-Type=application/json"])
        body = json.dumps(self.body).replace("'", "'\\''")
        return f"az rest --method {self.method} --url \"{GRAPH}{self.path}\" --headers {headers} --body '{body}'"


@dataclass(frozen=True, kw_only=True)
class ExistingRegistration:
    """The parts of a registration that the tenant has; none for a new one."""

    application: dict[str, Any] = field(default_factory=dict)
    entry: dict[str, Any] = field(default_factory=dict)
    """Its service principal."""
    credentials: tuple[dict[str, Any], ...] = ()
    assigned: tuple[dict[str, Any], ...] = ()
    grants: tuple[dict[str, Any], ...] = ()
    graph_entry: str = ""
    me: str = ""

    @property
    def client_id(self) -> str:
        return str(self.application.get("appId", "CLIENT-ID"))

    @property
    def entry_id(self) -> str:
        return str(self.entry.get("id", "OBJECT-ID-OF-THE-ENTERPRISE-APPLICATION"))


def key(registration: Registration) -> str:
    client_id = os.environ.get(registration.variable, "")
    if client_id:
        return f"/applications(appId='{client_id}')"
    unique = f"slipway-{value_of('AZURE_SUBSCRIPTION_ID')}-{value_of('AZURE_ENV_NAME')}{registration.unique}"
    return f"/applications(uniqueName='{unique}')"


def steps(
    registration: Registration,
    found: ExistingRegistration,
    *,
    addresses: tuple[str, ...] = (),
    trusted: Trusted | None = None,
) -> list[Step]:
    """Everything that is still to be done, in the order in which it can be done."""
    return [
        *_creation_steps(registration, found),
        *_description_steps(registration, found),
        *_pre_authorisation_steps(registration, found),
        *_redirect_steps(registration, found, addresses),
        *_trust_steps(registration, found, trusted),
        *_closing_steps(registration, found),
        *_first_person_steps(registration, found),
        *_consent_steps(registration, found),
    ]


def _creation_steps(registration: Registration, found: ExistingRegistration) -> Iterator[Step]:
    if not found.application:
        wanted = {
            "displayName": f"{registration.display} ({value_of('AZURE_ENV_NAME')})",
            "signInAudience": "AzureADMyOrg",
        }
        yield Step(
            what=f"Register {wanted['displayName']}",
            right=DEVELOPER,
            method="patch",
            path=key(registration),
            body=wanted,
            headers=("Prefer=create-if-missing",),
        )
    if not found.entry:
        yield Step(
            what=f"Make the enterprise application of {registration.name}",
            right=DEVELOPER,
            method="post",
            path="/servicePrincipals",
            body={"appId": found.client_id},
        )


def _application_step(registration: Registration, found: ExistingRegistration, what: str, body: dict[str, Any]) -> Step:
    path = f"/applications(appId='{found.client_id}')"
    return Step(what=f"{what} ({registration.name})", right=OWNER, method="patch", path=path, body=body)


def _description_steps(registration: Registration, found: ExistingRegistration) -> Iterator[Step]:
    """The registration's own fields: address, scope, roles, claims."""
    there, changes = found.application, dict[str, Any]()
    identifier = f"api://{found.client_id}"
    if identifier not in there.get("identifierUris", []):
        changes["identifierUris"] = [*there.get("identifierUris", []), identifier]
    if api := _api(registration, there.get("api") or {}):
        changes["api"] = api
    if missing := _missing_roles(registration, there.get("appRoles", [])):
        changes["appRoles"] = [*there.get("appRoles", []), *missing]
    if claims := _claims(registration, there.get("optionalClaims") or {}):
        changes["optionalClaims"] = claims
    if access := _required_access(registration, found):
        changes["requiredResourceAccess"] = access
    if changes:
        yield _application_step(registration, found, f"Set {', '.join(changes)}", changes)


def _scope_id(registration: Registration, api: Mapping[str, Any]) -> str:
    named = [scope for scope in api.get("oauth2PermissionScopes", []) if scope["value"] == registration.scope]
    return str(named[0]["id"] if named else uuid.uuid5(_IDS, f"scope {registration.name} {registration.scope}"))


def _api(registration: Registration, there: dict[str, Any]) -> dict[str, Any]:
    scopes = there.get("oauth2PermissionScopes", [])
    changes = dict[str, Any]()
    if there.get("requestedAccessTokenVersion") != TOKEN_VERSION:
        changes["requestedAccessTokenVersion"] = TOKEN_VERSION
    if all(scope["value"] != registration.scope for scope in scopes):
        own = {
            "id": _scope_id(registration, there),
            "value": registration.scope,
            "type": "User",
            "isEnabled": True,
            "adminConsentDisplayName": registration.scope_says,
            "adminConsentDescription": f"{registration.scope_says}. Whether it counts is decided by roles.",
        }
        changes["oauth2PermissionScopes"] = [*scopes, own]
    return changes


def role_names() -> dict[str, str]:
    """Every app role that both registrations have, with its description."""
    named = [name.strip() for name in os.environ.get("SLIPWAY_APP_ROLES", "").split(",") if name.strip()]
    for name in named:
        if not re.fullmatch(_ROLE_NAME, name):
            raise RefusedError(
                f"SLIPWAY_APP_ROLES has {name!r}: expected letters, digits, dots and hyphens, at most 120."
            )
    return ROLES | {name: f"Named by gates and projects as role:{name}." for name in named if name not in ROLES}


def role_id(name: str) -> str:
    return str(uuid.uuid5(_IDS, f"role {name}"))


def _missing_roles(registration: Registration, there: list[dict[str, Any]]) -> list[dict[str, Any]]:
    known = {role["value"] for role in there}
    return [
        {
            "id": role_id(name),
            "value": name,
            "displayName": name,
            "description": says,
            "allowedMemberTypes": ["User", "Application"] if registration.for_commands else ["User"],
            "isEnabled": True,
        }
        for name, says in role_names().items()
        if name not in known
    ]


def _claims(registration: Registration, there: Mapping[str, Any]) -> dict[str, Any]:
    """All optional claims, or nothing if none is missing: Graph replaces the whole."""
    whole = {kind: list(there.get(kind) or []) for kind in ("idToken", "accessToken", "saml2Token")}
    missing = False
    for kind, names in registration.claims.items():
        for name in names:
            if all(claim["name"] != name for claim in whole[kind]):
                whole[kind].append({"name": name, "essential": False})
                missing = True
    return whole if missing else {}


def _required_access(registration: Registration, found: ExistingRegistration) -> list[dict[str, Any]]:
    """All scopes that signing in asks for, or nothing if none is missing."""
    there: list[dict[str, Any]] = found.application.get("requiredResourceAccess", [])
    wanted = {
        MICROSOFT_GRAPH: list(SIGNING_IN.values()),
        found.client_id: [_scope_id(registration, found.application.get("api") or {})],
    }
    whole = {item["resourceAppId"]: list(item["resourceAccess"]) for item in there}
    missing = False
    for resource, scopes in wanted.items():
        for scope in scopes:
            if all(item["id"] != scope for item in whole.get(resource, [])):
                whole.setdefault(resource, []).append({"id": scope, "type": "Scope"})
                missing = True
    return [{"resourceAppId": name, "resourceAccess": items} for name, items in whole.items()] if missing else []


def _pre_authorisation_steps(registration: Registration, found: ExistingRegistration) -> Iterator[Step]:
    """A request of its own: Graph takes the id of a scope here only once the scope is there."""
    api = found.application.get("api") or {}
    there = api.get("preAuthorizedApplications", [])
    if not registration.for_commands or any(item["appId"] == AZURE_CLI for item in there):
        return
    own = {"appId": AZURE_CLI, "delegatedPermissionIds": [_scope_id(registration, api)]}
    changes = {"api": {"preAuthorizedApplications": [*there, own]}}
    yield _application_step(registration, found, "Let the Azure CLI ask for tokens", changes)


def _redirect_steps(
    registration: Registration, found: ExistingRegistration, addresses: tuple[str, ...]
) -> Iterator[Step]:
    there = (found.application.get("web") or {}).get("redirectUris", [])
    wanted = [f"{address}{registration.way_back}" for address in addresses]
    if missing := [address for address in wanted if address not in there]:
        changes = {"web": {"redirectUris": [*there, *missing]}}
        yield _application_step(registration, found, f"People may come back to {', '.join(missing)}", changes)


def _trust_steps(registration: Registration, found: ExistingRegistration, trusted: Trusted | None) -> Iterator[Step]:
    """After `azd down` a new identity has the same name."""
    if trusted is None:
        return
    wanted = trusted.credential
    path = f"/applications(appId='{found.client_id}')/federatedIdentityCredentials"
    what = f"Trust the managed identity of {trusted.name} ({registration.name})"
    named = [item for item in found.credentials if item["name"] == wanted["name"]]
    if not named:
        yield Step(what=what, right=OWNER, method="post", path=path, body=wanted)
    elif any(named[0].get(name) != value for name, value in wanted.items()):
        changed = {name: value for name, value in wanted.items() if name != "name"}
        yield Step(what=what, right=OWNER, method="patch", path=f"{path}/{named[0]['id']}", body=changed)


def _closing_steps(registration: Registration, found: ExistingRegistration) -> Iterator[Step]:
    if not found.entry.get("appRoleAssignmentRequired"):
        yield Step(
            what=f"Let in only people and applications with a role ({registration.name})",
            right=OWNER,
            method="patch",
            path=f"/servicePrincipals(appId='{found.client_id}')",
            body={"appRoleAssignmentRequired": True},
        )


def _first_person_steps(registration: Registration, found: ExistingRegistration) -> Iterator[Step]:
    """Give the first person a role; otherwise nobody could sign in. Nothing is given if anybody has a role already."""
    if found.assigned or not found.me:
        return
    roles = {role["value"]: role["id"] for role in found.application.get("appRoles", [])}
    yield Step(
        what=f"Give the person who installs Slipway the role {FIRST_ROLE} ({registration.name})",
        right=OWNER,
        method="post",
        path=f"/servicePrincipals/{found.entry_id}/appRoleAssignedTo",
        body={
            "principalId": found.me,
            "resourceId": found.entry_id,
            "appRoleId": roles.get(FIRST_ROLE, role_id(FIRST_ROLE)),
        },
    )


def _consent_steps(registration: Registration, found: ExistingRegistration) -> Iterator[Step]:
    """Give consent once for everybody: if users need a role to get in, Entra asks nobody for consent."""
    wanted = {
        found.graph_entry or "OBJECT-ID-OF-MICROSOFT-GRAPH": list(SIGNING_IN),
        found.entry_id: [registration.scope],
    }
    for resource, scopes in wanted.items():
        given = [
            grant
            for grant in found.grants
            if grant["resourceId"] == resource and grant["consentType"] == "AllPrincipals"
        ]
        there = given[0]["scope"].split() if given else []
        missing = [scope for scope in scopes if scope not in there]
        if not missing:
            continue
        what = f"Consent for everybody to {', '.join(missing)} ({registration.name})"
        whole = " ".join([*there, *missing])
        if given:
            path, method, body = f"/oauth2PermissionGrants/{given[0]['id']}", "patch", {"scope": whole}
        else:
            path, method = "/oauth2PermissionGrants", "post"
            body = {
                "clientId": found.entry_id,
                "consentType": "AllPrincipals",
                "resourceId": resource,
                "scope": whole,
            }
        yield Step(what=what, right=CONSENT, method=method, path=path, body=body)

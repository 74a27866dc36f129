"""Microsoft Graph as the hooks use it: registrations, enterprise applications, roles, consent.

As strict as Graph where it is known to be: the id of a scope is taken for a pre-authorised client only once the scope
is there (so never in the same request), a credential's name never changes and its subject is unique, ids and values of
roles and scopes are unique, an entry of a list replaces the list, a role is assigned and consent given once.
"""

import json
import re
from collections.abc import Callable
from typing import Any

GRAPH_ENTRY = "00000000-0000-0000-0003-000000000000"
MICROSOFT_GRAPH = "00000003-0000-0000-c000-000000000000"
ME = "00000000-0000-0000-0004-00000000000a"

Handler = Callable[[dict[str, Any], dict[str, str], Any, re.Match[str], dict[str, str]], Any]
ROUTES: list[tuple[str, str, Handler]] = []


class Refused(Exception):  # noqa: N818
    """Azure's refusal in place of a result."""

    def __init__(self, reason: str, code: str = "", message: str = "") -> None:
        error = {"code": code or reason} | ({"message": message} if message else {})
        super().__init__(f"{reason}({json.dumps({'error': error})})")


def route(method: str, pattern: str) -> Callable[[Handler], Handler]:
    def register(handler: Handler) -> Handler:
        ROUTES.append((method, pattern, handler))
        return handler

    return register


def new_id(state: dict[str, Any]) -> str:
    state["made"] += 1
    return f"00000000-0000-0000-0001-{state['made']:012d}"


def _bad_request(message: str) -> Refused:
    return Refused("Bad Request", "Request_BadRequest", message)


def _require_permission(state: dict[str, Any], permission: str) -> None:
    if permission in state["forbidden"]:
        raise Refused("Forbidden", "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")


# ---- registrations

APPLICATION = r"/applications\((uniqueName|appId)='([^']+)'\)"
FIELDS = {
    "displayName",
    "signInAudience",
    "identifierUris",
    "api",
    "appRoles",
    "optionalClaims",
    "requiredResourceAccess",
    "web",
}
API_FIELDS = {"requestedAccessTokenVersion", "oauth2PermissionScopes", "preAuthorizedApplications"}


def _application(state: dict[str, Any], name: str, value: str) -> dict[str, Any]:
    for application in state["applications"].values():
        if application.get(name) == value:
            return application  # type: ignore[no-any-return]
    raise Refused("Not Found", "Request_ResourceNotFound")


@route("get", APPLICATION)
def _get_application(state: dict[str, Any], _query: Any, _body: Any, match: re.Match[str], _headers: Any) -> Any:
    return _application(state, match[1], match[2])


@route("patch", APPLICATION)
def _patch_application(
    state: dict[str, Any], _query: Any, body: Any, match: re.Match[str], headers: dict[str, str]
) -> Any:
    if unknown := set(body) - FIELDS:
        raise _bad_request(f"unknown fields {sorted(unknown)}")
    try:
        application = _application(state, match[1], match[2])
    except Refused:
        if match[1] != "uniqueName" or headers.get("Prefer") != "create-if-missing":
            raise
        _require_permission(state, "register")
        app_id = new_id(state)
        application = {
            "appId": app_id,
            "uniqueName": match[2],
            "identifierUris": [],
            "appRoles": [],
            "requiredResourceAccess": [],
            "optionalClaims": None,
            "api": {"requestedAccessTokenVersion": None, "oauth2PermissionScopes": [], "preAuthorizedApplications": []},
            "web": {"redirectUris": [], "implicitGrantSettings": {"enableIdTokenIssuance": False}},
            "credentials": [],
        }
        _change_application(application, body)
        state["applications"][app_id] = application
        return application
    _require_permission(state, "change")
    _change_application(application, body)
    return None


def _change_application(application: dict[str, Any], body: dict[str, Any]) -> None:
    api = body.get("api", {})
    if set(api) - API_FIELDS:
        raise _bad_request(f"unknown fields of api {sorted(set(api) - API_FIELDS)}")
    scopes = {scope["id"] for scope in application["api"]["oauth2PermissionScopes"]}
    for client in api.get("preAuthorizedApplications", []):
        if not set(client["delegatedPermissionIds"]) <= scopes:
            raise Refused(
                "Bad Request",
                "InvalidValue",
                "Property api.preAuthorizedApplications.delegatedPermissionIds has a Permission Id that cannot be "
                "found in the AppPermissions sets.",
            )
    for uri in body.get("identifierUris", []):
        if uri != f"api://{application.get('appId')}":
            raise _bad_request(f"{uri} does not contain the app's id")
    for items in (body.get("appRoles", []), api.get("oauth2PermissionScopes", [])):
        for key in ("id", "value"):
            if len({item[key] for item in items}) != len(items):
                raise _bad_request(f"{key} must be unique")
    _keep_enabled(application.get("appRoles", []), body.get("appRoles"))
    application["web"].update(body.get("web", {}))
    application["api"].update(api)
    application.update({name: value for name, value in body.items() if name not in ("web", "api")})


def _keep_enabled(current: list[dict[str, Any]], new: list[dict[str, Any]] | None) -> None:
    new_ids = {role["id"] for role in new or []}
    if new is not None and any(role["isEnabled"] and role["id"] not in new_ids for role in current):
        raise Refused("Bad Request", "CannotDeleteOrUpdateEnabledEntitlement", "disable the role first")


CREDENTIALS = r"/applications\(appId='([^']+)'\)/federatedIdentityCredentials"


@route("get", CREDENTIALS)
def _credentials(state: dict[str, Any], _query: Any, _body: Any, match: re.Match[str], _headers: Any) -> Any:
    return {"value": _application(state, "appId", match[1])["credentials"]}


@route("post", CREDENTIALS)
def _add_credential(state: dict[str, Any], _query: Any, body: Any, match: re.Match[str], _headers: Any) -> Any:
    _require_permission(state, "change")
    credentials = _application(state, "appId", match[1])["credentials"]
    if any(item["name"] == body["name"] or item["subject"] == body["subject"] for item in credentials):
        raise Refused("Conflict", "Request_MultipleObjectsWithSameKeyValue")
    credentials.append({"id": new_id(state), **body})
    return credentials[-1]


@route("patch", CREDENTIALS + r"/([\w-]+)")
def _change_credential(state: dict[str, Any], _query: Any, body: Any, match: re.Match[str], _headers: Any) -> Any:
    if "name" in body:
        raise _bad_request("name cannot be changed")
    for item in _application(state, "appId", match[1])["credentials"]:
        if item["id"] == match[2]:
            item.update(body)
            return None
    raise Refused("Not Found", "Request_ResourceNotFound")


# ---- enterprise applications


def _entry(state: dict[str, Any], key: str, value: str) -> dict[str, Any]:
    for entry in state["entries"]:
        if entry[key] == value:
            return entry  # type: ignore[no-any-return]
    raise Refused("Not Found", "Request_ResourceNotFound")


ENTRY = r"/servicePrincipals\(appId='([^']+)'\)"


@route("get", ENTRY)
def _get_entry(state: dict[str, Any], _query: Any, _body: Any, match: re.Match[str], _headers: Any) -> Any:
    return _entry(state, "appId", match[1])


@route("post", r"/servicePrincipals")
def _add_entry(state: dict[str, Any], _query: Any, body: Any, _found: Any, _headers: Any) -> Any:
    _require_permission(state, "register")
    if any(entry["appId"] == body["appId"] for entry in state["entries"]):
        raise Refused("Conflict", "Request_MultipleObjectsWithSameKeyValue")
    if body["appId"] not in state["applications"]:
        raise Refused("Bad Request", "NoBackingApplicationObject")
    state["entries"].append({"id": new_id(state), "appId": body["appId"], "appRoleAssignmentRequired": False})
    return state["entries"][-1]


@route("patch", ENTRY)
def _change_entry(state: dict[str, Any], _query: Any, body: Any, match: re.Match[str], _headers: Any) -> Any:
    _require_permission(state, "change")
    if set(body) != {"appRoleAssignmentRequired"}:
        raise _bad_request(f"unknown fields {sorted(body)}")
    _entry(state, "appId", match[1]).update(body)


ASSIGNED = r"/servicePrincipals/([\w-]+)/appRoleAssignedTo"


@route("get", ASSIGNED)
def _list_assignments(state: dict[str, Any], _query: Any, _body: Any, match: re.Match[str], _headers: Any) -> Any:
    _entry(state, "id", match[1])
    return {"value": [item for item in state["assigned"] if item["resourceId"] == match[1]]}


@route("post", ASSIGNED)
def _assign(state: dict[str, Any], _query: Any, body: Any, match: re.Match[str], _headers: Any) -> Any:
    _require_permission(state, "change")
    entry = _entry(state, "id", match[1])
    roles = _application(state, "appId", entry["appId"])["appRoles"]
    if body["resourceId"] != match[1] or body["appRoleId"] not in {role["id"] for role in roles if role["isEnabled"]}:
        raise _bad_request("Permission being assigned was not found on application")
    if body in [{key: item[key] for key in body} for item in state["assigned"]]:
        raise Refused("Bad Request", "Request_BadRequest", "Permission being assigned already exists on the object")
    state["assigned"].append({"id": new_id(state), **body})
    return state["assigned"][-1]


@route("get", r"/servicePrincipals/([\w-]+)/oauth2PermissionGrants")
def _list_grants(state: dict[str, Any], _query: Any, _body: Any, match: re.Match[str], _headers: Any) -> Any:
    return {"value": [item for item in state["grants"] if item["clientId"] == match[1]]}


@route("post", r"/oauth2PermissionGrants")
def _grant(state: dict[str, Any], _query: Any, body: Any, _found: Any, _headers: Any) -> Any:
    _require_permission(state, "consent")
    for item in state["grants"]:
        if all(item[key] == body[key] for key in ("clientId", "resourceId", "consentType")):
            raise Refused("Conflict", "Request_MultipleObjectsWithSameKeyValue", "Permission entry already exists.")
    _known_scopes(state, body["resourceId"], body["scope"])
    state["grants"].append({"id": new_id(state), **body})
    return state["grants"][-1]


@route("patch", r"/oauth2PermissionGrants/([\w-]+)")
def _change_grant(state: dict[str, Any], _query: Any, body: Any, match: re.Match[str], _headers: Any) -> Any:
    _require_permission(state, "consent")
    for item in state["grants"]:
        if item["id"] == match[1] and set(body) == {"scope"}:
            _known_scopes(state, item["resourceId"], body["scope"])
            item.update(body)
            return None
    raise Refused("Not Found", "Request_ResourceNotFound")


def _known_scopes(state: dict[str, Any], resource: str, scope: str) -> None:
    entry = _entry(state, "id", resource)
    if entry["appId"] == MICROSOFT_GRAPH:
        scope_names = {"openid", "profile", "email", "offline_access", "User.Read"}
    else:
        scopes = _application(state, "appId", entry["appId"])["api"]["oauth2PermissionScopes"]
        scope_names = {item["value"] for item in scopes}
    if not set(scope.split()) <= scope_names:
        raise _bad_request("Claim value is not a known scope of the resource")


@route("get", r"/me")
def _me(state: dict[str, Any], _query: Any, _body: Any, _found: Any, _headers: Any) -> Any:
    if not state["me"]:
        raise _bad_request("/me request is only valid with delegated authentication flow.")
    return {"id": state["me"]}


def empty_tenant() -> dict[str, Any]:
    return {
        "applications": {},
        "entries": [{"id": GRAPH_ENTRY, "appId": MICROSOFT_GRAPH, "appRoleAssignmentRequired": False}],
        "assigned": [],
        "grants": [],
        "forbidden": [],
        "me": ME,
    }

"""A stand-in for `az` and `azd` that remembers in a file what the hooks did to Azure, and answers from it.

It knows the requests that our hooks make, in the words in which `az` 2.91 answers them (a 404 is `ERROR: Not Found(…)`
and the code 1), and refuses every other by name. Started as a program of its own for each call, as `az` is.

`$AZURE_DOUBLE` is the folder with `state.json`. In it, `lines` makes it end lines as Windows does, and `plan` says what
happens at one call: `before` or `after` its effect the hook is killed, or the call fails (`fail`).
"""

import json
import os
import re
import signal
import sys
from pathlib import Path
from typing import Any

from tests.infra.entra_double import ROUTES, Refused, empty_tenant, route

SUBSCRIPTION = "00000000-0000-0000-0000-000000000001"
OTHER_SUBSCRIPTION = "00000000-0000-0000-0000-0000000000f1"
TENANT = "00000000-0000-0000-0000-000000000002"
GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-slipway-try"
NEWEST = {
    "2026-02-01",
    "2023-05-01",
    "2022-04-01",
    "2022-03-01",
    "2019-05-01",
    "2016-06-01",
    "2025-09-01",
    "2024-11-01",
    "2023-01-31",
}


def empty_state() -> dict[str, Any]:
    """Two subscriptions of one tenant, and nothing in either."""
    return {
        "accounts": {SUBSCRIPTION: TENANT, OTHER_SUBSCRIPTION: TENANT},
        "default_account": SUBSCRIPTION,
        "environment": {},
        "secrets": {},
        **empty_tenant(),
        "rights": [],
        "resources": [],
        "deleted_vaults": [],
        "policy": None,
        "refreshed": 0,
        "calls": [],
        "page": 100,
        "made": 0,
    }


SECRET = rf"{GROUP}/providers/Microsoft\.KeyVault/vaults/[\w-]+/secrets/([\w-]+)"


@route("get", SECRET)
def _get_secret(state: dict[str, Any], _query: Any, _body: Any, match: re.Match[str], _headers: Any) -> Any:
    if match[1] not in state["secrets"]:
        raise Refused("Not Found", "SecretNotFound")
    return {"name": match[1], "properties": {"attributes": {"enabled": True}}}


@route("put", SECRET)
def _put_secret(state: dict[str, Any], _query: Any, body: Any, match: re.Match[str], _headers: Any) -> Any:
    state["secrets"][match[1]] = body["properties"]["value"]
    return {"name": match[1], "properties": {}}


POLICY = r".*/storageAccounts/\w+/blobServices/default/containers/audit/immutabilityPolicies/default"


@route("get", POLICY)
def _get_policy(state: dict[str, Any], _query: Any, _body: Any, _found: Any, _headers: Any) -> Any:
    if state["policy"] is None:
        raise Refused("Not Found", "ContainerNotFound")
    return {"etag": '"1"', "properties": state["policy"]}


@route("post", POLICY + "/extend")
def _extend_policy(state: dict[str, Any], _query: Any, body: Any, _found: Any, headers: dict[str, str]) -> Any:
    days = body["properties"]["immutabilityPeriodSinceCreationInDays"]
    if headers.get("If-Match") != '"1"':
        raise Refused("Precondition Failed")
    if state["policy"]["state"] != "Locked" or days <= state["policy"]["immutabilityPeriodSinceCreationInDays"]:
        raise Refused("Conflict", "ImmutabilityPolicyCannotBeExtended")
    state["policy"]["immutabilityPeriodSinceCreationInDays"] = days
    return {"properties": state["policy"]}


@route(
    "get",
    rf"(/subscriptions/{SUBSCRIPTION}(?:/resourceGroups/[\w-]+)?)/providers/Microsoft\.Authorization/roleAssignments",
)
def _list_rights(state: dict[str, Any], query: dict[str, str], _body: Any, match: re.Match[str], _headers: Any) -> Any:
    principal_filter = re.fullmatch(r"principalId eq '([\w-]+)'", query["$filter"]) if "$filter" in query else None
    rights = [
        right
        for right in state["rights"]
        if (
            right["properties"]["principalId"] == principal_filter[1] if principal_filter else _touches(right, match[1])
        )
    ]
    return _page(state, rights, match[0], query)


def _touches(right: dict[str, Any], scope: str) -> bool:
    """At, above or below a scope: that is what a list of rights holds."""
    right_scope = right["properties"]["scope"] + "/"
    return bool(right_scope.startswith(scope + "/") or (scope + "/").startswith(right_scope))


def _page(state: dict[str, Any], items: list[Any], path: str, query: dict[str, str]) -> dict[str, Any]:
    start = int(query.get("$skiptoken", 0))
    page: dict[str, Any] = {"value": items[start : start + state["page"]]}
    if len(items) > start + state["page"]:
        other_parameters = "&".join(f"{key}={value}" for key, value in query.items() if key != "$skiptoken")
        page["nextLink"] = f"https://management.azure.com{path}?{other_parameters}&$skiptoken={start + state['page']}"
    return page


@route("delete", r"(.*/providers/Microsoft\.Authorization/roleAssignments/[\w-]+)")
def _take_right(state: dict[str, Any], _query: Any, _body: Any, match: re.Match[str], _headers: Any) -> Any:
    state["rights"] = [right for right in state["rights"] if right["id"] != match[1]]


@route("get", rf"/subscriptions/{SUBSCRIPTION}/providers/Microsoft\.KeyVault/deletedVaults")
def _deleted_vaults(
    state: dict[str, Any], query: dict[str, str], _body: Any, match: re.Match[str], _headers: Any
) -> Any:
    return _page(state, state["deleted_vaults"], match[0], query)


@route("post", rf"{GROUP}/providers/Microsoft\.Web/sites/[\w-]+/config/configreferences/appsettings/refresh")
def _refresh(state: dict[str, Any], _query: Any, _body: Any, _found: Any, _headers: Any) -> Any:
    state["refreshed"] += 1


RESOURCE = (
    rf"({GROUP}/providers/Microsoft\."
    r"(?:Logic|Communication|ManagedIdentity|Web/connections|Web/serverfarms|Web/sites)[\w./-]+)"
)
FORMER = "11111111-1111-1111-1111-333333333333"
"""The principal of an identity that is asked for by its resource."""


@route("get", RESOURCE)
def _get_resource(state: dict[str, Any], _query: Any, _body: Any, match: re.Match[str], _headers: Any) -> Any:
    if match[1] not in state["resources"]:
        raise Refused("Not Found", "ResourceNotFound")
    identity = "/userAssignedIdentities/" in match[1]
    return {"id": match[1]} | ({"properties": {"principalId": FORMER}} if identity else {})


@route("delete", RESOURCE)
def _delete_resource(state: dict[str, Any], _query: Any, _body: Any, match: re.Match[str], _headers: Any) -> Any:
    if match[1] not in state["resources"]:
        raise Refused("Not Found", "ResourceNotFound")
    deleted = {match[1]}
    if "/sites/" in match[1]:  # an empty plan goes with its last app
        deleted |= {resource for resource in state["resources"] if "/serverfarms/" in resource}
    state["resources"] = [resource for resource in state["resources"] if resource not in deleted]


def _options(arguments: list[str]) -> dict[str, list[str]]:
    options: dict[str, list[str]] = {}
    name = ""
    for argument in arguments:
        if argument.startswith("--"):
            name = argument
            options[name] = []
        else:
            options.setdefault(name, []).append(argument)
    return options


def _pairs(items: list[str]) -> dict[str, str]:
    return dict(item.split("=", 1) for item in items)


def rest(state: dict[str, Any], options: dict[str, list[str]]) -> Any:
    (method,), (url,) = options["--method"], options["--url"]
    address, _, rest_of_query = url.partition("?")
    query = _pairs(options.get("--url-parameters", [])) | _pairs([item for item in rest_of_query.split("&") if item])
    body = None
    if "--body" in options:
        (body_argument,) = options["--body"]
        if body_argument.startswith("@"):
            file = Path(body_argument.removeprefix("@"))
            state.setdefault("modes", []).append(oct(file.stat().st_mode & 0o777))
            body_argument = file.read_text(encoding="utf-8")
        body = json.loads(body_argument)
    for start in ("https://management.azure.com", "https://graph.microsoft.com/v1.0"):
        if address.startswith(start):
            path = address.removeprefix(start)
            if start.endswith("azure.com") and query.get("api-version") not in NEWEST:
                raise Refused("Bad Request", "InvalidApiVersionParameter")
            for route_method, pattern, handler in ROUTES:
                if route_method == method and (match := re.fullmatch(pattern, path)):
                    return handler(state, query, body, match, _pairs(options.get("--headers", [])))
    raise NotImplementedError(f"{method} {url} is not known to this double")


def az(state: dict[str, Any], arguments: list[str]) -> Any:
    if arguments[:2] == ["account", "show"]:
        account = _options(arguments[2:]).get("--subscription", [state["default_account"]])[0]
        if account not in state["accounts"]:
            raise Refused(f"The subscription of '{account}' doesn't exist in cloud 'AzureCloud'.")
        return {"id": account, "tenantId": state["accounts"][account]}
    if arguments[:1] == ["rest"]:
        return rest(state, _options(arguments[1:]))
    raise NotImplementedError(f"az {' '.join(arguments)} is not known to this double")


def azd(state: dict[str, Any], arguments: list[str]) -> Any:
    if arguments[:2] == ["env", "set"] and arguments[4:] == ["--environment", "try"]:
        state["environment"][arguments[2]] = arguments[3]
        return None
    raise NotImplementedError(f"azd {' '.join(arguments)} is not known to this double")


def execute(state: dict[str, Any], program: str, arguments: list[str]) -> tuple[int, str, str]:
    """The exit code of a call, and what the program writes to its output and as errors."""
    try:
        result = (az if program == "az" else azd)(state, arguments)
    except Refused as refused:
        return 1, "", f"ERROR: {refused}"
    except NotImplementedError as unknown:
        return 2, "", f"ERROR: {unknown}"
    return 0, "" if result is None else json.dumps(result, indent=2), ""


def main(program: str, arguments: list[str]) -> int:
    folder = Path(os.environ["AZURE_DOUBLE"])
    file = folder / "state.json"
    state = json.loads(file.read_text(encoding="utf-8"))
    state["calls"].append(" ".join([program, *arguments]))
    plan = state.get("plan", {})
    is_planned = plan.get("at") == len(state["calls"])
    exit_code, output, error = 0, "", ""
    if not (is_planned and plan["how"] in ("before", "fail")):
        exit_code, output, error = execute(state, program, arguments)
    elif plan["how"] == "fail":
        exit_code, error = 1, "ERROR: Too Many Requests"
    file.write_text(json.dumps(state), encoding="utf-8")
    if is_planned and plan["how"] in ("before", "after"):
        os.kill(os.getppid(), signal.SIGKILL)
    end = "\r\n" if state.get("lines") == "windows" else "\n"
    for stream, text in ((sys.stdout, output), (sys.stderr, error)):
        if text:
            stream.buffer.write((text.replace("\n", end) + end).encode())
    return exit_code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))

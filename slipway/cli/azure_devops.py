"""The part of Azure DevOps' REST API that `slipway connect` needs: projects and service-hook subscriptions."""

import base64
import json
import os
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit

import urllib3

from slipway import __version__

from .errors import CliError, Exit

PAT_VARIABLE: Final = "AZURE_DEVOPS_EXT_PAT"
"""The variable that `az devops` reads too."""
SCOPE: Final = "499b84ac-1321-427f-aa17-267ca6975798/.default"
"""Azure DevOps, as an application of Entra."""
CLOUD: Final = "https://dev.azure.com"
VERSION: Final = "7.1"
LIMIT: Final = 8 * 1024 * 1024
TIMEOUT: Final = urllib3.Timeout(connect=10, read=60)
OK, SIGN_IN_PAGE, MULTIPLE = 200, 203, 300
"""203 comes with a sign-in page, for an unknown token."""
_EXIT_CODES: Final = {401: Exit.REFUSED, 203: Exit.REFUSED, 302: Exit.REFUSED, 403: Exit.REFUSED, 404: Exit.NOT_FOUND}
"""A command's exit code by status; any other status does not come from Azure DevOps."""
LOOPBACK: Final = frozenset({"127.0.0.1", "localhost"})


class AzureDevOpsAdministration:
    """One organization, with the rights of the token's owner. The token appears in no message."""

    def __init__(self, organization: str, *, server: str = CLOUD, authorization: Callable[[], str]) -> None:
        address = urlsplit(server)
        if address.scheme != "https" and address.hostname not in LOOPBACK:
            raise CliError(
                f"--server: expected an address that begins with https://, got {server}", exit_code=Exit.USAGE
            )
        self._base = f"{server.rstrip('/')}/{quote(organization, safe='')}"
        self._name = f"{address.netloc}/{organization}"
        self._authorization = authorization
        self._pool = urllib3.PoolManager(retries=urllib3.Retry(2, redirect=0, status=0), timeout=TIMEOUT)

    def project_id(self, project: str) -> str:
        answer = self._ask(
            "GET", f"/_apis/projects/{quote(project, safe='')}", missing=f"there is no project {project!r}"
        )
        return str(answer["id"])

    def subscriptions(self) -> list[dict[str, Any]]:
        """Every web hook for completed builds that is visible to the caller."""
        query = {
            "publisherId": "tfs",
            "eventType": "build.complete",
            "consumerId": "webHooks",
            "consumerActionId": "httpRequest",
        }
        subscriptions: list[dict[str, Any]] = self._ask("GET", "/_apis/hooks/subscriptions", query)["value"]
        return subscriptions

    def create(self, body: Mapping[str, Any]) -> dict[str, Any]:
        return self._ask("POST", "/_apis/hooks/subscriptions", body=body)

    def replace(self, id: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Rewrite the subscription under its id and enable it, which also ends a probation."""
        path = f"/_apis/hooks/subscriptions/{quote(id, safe='')}"
        return self._ask("PUT", path, body={**body, "id": id, "status": "enabled"})

    def subscription(self, id: str) -> dict[str, Any]:
        return self._ask("GET", f"/_apis/hooks/subscriptions/{quote(id, safe='')}")

    def _ask(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        *,
        body: Mapping[str, Any] | None = None,
        missing: str = "not found",
    ) -> dict[str, Any]:
        url = f"{self._base}{path}?{urlencode({**(query or {}), 'api-version': VERSION})}"
        headers = {
            "Authorization": self._authorization(),
            "Accept": "application/json",
            "Content-Type": "application/json",
            "User-Agent": f"slipway/{__version__}",
        }
        payload = None if body is None else json.dumps(body).encode()
        try:
            answer = self._pool.request(
                method, url, body=payload, headers=headers, preload_content=False, redirect=False
            )
            content = answer.read(LIMIT)
            answer.release_conn()
        except urllib3.exceptions.HTTPError as error:
            raise CliError(
                f"{self._name} cannot be reached ({type(error).__name__})", exit_code=Exit.UNREACHABLE
            ) from None
        if not OK <= answer.status < MULTIPLE or answer.status == 203:  # noqa: PLR2004 - the sign-in page, for an unknown token
            raise self._refused(answer.status, content, missing)
        try:
            parsed: dict[str, Any] = json.loads(content)
        except ValueError:
            raise CliError(f"{self._name} did not answer with JSON", exit_code=Exit.UNREACHABLE) from None
        return parsed

    def _refused(self, status: int, content: bytes, missing: str) -> CliError:
        try:
            detail = str(json.loads(content).get("message", ""))[:300]
        except (ValueError, AttributeError):
            detail = ""
        match status:
            case 401 | 203 | 302:
                text = f"does not accept the token; sign in with `az login`, or set {PAT_VARIABLE}"
            case 403:
                text = (
                    f"refuses this: *Edit subscriptions* is needed (project administrators have it). {detail}".rstrip()
                )
            case 404:
                text = f"says that {missing}"
            case _:
                text = f"answered {status}: {detail}" if detail else f"answered {status}"
        exit_code = _EXIT_CODES.get(status, Exit.UNREACHABLE)
        return CliError(f"{self._name} {text}", exit_code=exit_code)


def authorization(environment: Mapping[str, str] = os.environ) -> Callable[[], str]:
    """A function that returns the Authorization header: from a personal access token if one is set, otherwise from
    Entra."""
    token = environment.get(PAT_VARIABLE, "")
    if token:
        basic = base64.b64encode(f":{token}".encode()).decode()
        return lambda: f"Basic {basic}"
    return _entra_authorization


def _entra_authorization() -> str:
    from azure.core.exceptions import ClientAuthenticationError  # noqa: PLC0415 - slow, and a token may be given
    from azure.identity import DefaultAzureCredential  # noqa: PLC0415

    try:
        return f"Bearer {DefaultAzureCredential().get_token(SCOPE).token}"
    except ClientAuthenticationError:
        raise CliError("you are not signed in to Azure DevOps", cure=f"run `az login`, or set {PAT_VARIABLE}") from None

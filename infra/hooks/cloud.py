"""Azure as the hooks speak to it: `az rest`, one request at a time, with an answer or a named refusal.

The hooks are Python, so that they run wherever azd does: no shell, no line ends to trim, and JSON is read as JSON.
They need nothing beyond the standard library and the Azure CLI, whose sign-in they use.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

ARM = "https://management.azure.com"
GRAPH = "https://graph.microsoft.com/v1.0"
PAUSE = float(os.environ.get("SLIPWAY_HOOK_PAUSE", "10"))
"""Seconds between two looks at a resource that Azure is still making."""

_NOT_FOUND = re.compile(r"^ERROR: Not Found(\(|$)", re.MULTILINE)


class RefusedError(Exception):
    """Something that a person has to put right; the text says what."""


class AzError(Exception):
    """`az` or `azd` failed; the text is the program's own message."""


class NotFoundError(AzError):
    """The one thing that was asked for is not there. Any other failure is no such answer."""


def command(program: str, *, which: Callable[[str], str | None] = shutil.which) -> list[str]:
    """The command that starts a program. On Windows `az` is a batch file, which would read parentheses and `&` of a
    request as its own: there the Python that it would start is started directly."""
    found = which(program)
    if found is None:
        raise RefusedError(f"{program} is not installed, or not on the PATH.")
    if found.lower().endswith((".cmd", ".bat")):
        python = Path(found).parent.parent / "python.exe"
        if not python.exists():
            raise RefusedError(f"Beside {found} there is no python.exe: install the Azure CLI by its installer.")
        return [str(python), "-IBm", "azure.cli"]
    return [found]


def run(program: str, *arguments: str) -> str:
    ended = subprocess.run(  # noqa: S603 - no shell, and the program was looked up
        [*command(program), *arguments], capture_output=True, text=True, check=False
    )
    if ended.returncode == 0:
        return ended.stdout
    kind = NotFoundError if program == "az" and _NOT_FOUND.search(ended.stderr) else AzError
    raise kind(f"{program} {' '.join(arguments[:2])}: {ended.stderr.strip()}")


def request(
    method: str, url: str, *, query: Mapping[str, str] | None = None, body: object = None, headers: Sequence[str] = ()
) -> Any:
    """One request with the sign-in of `az`. A body goes through a file that only this user can read, never through
    arguments, environment or output."""
    arguments = ["rest", "--method", method, "--url", url, "--output", "json"]
    if query:
        arguments += ["--url-parameters", *(f"{name}={value}" for name, value in query.items())]
    if headers:
        arguments += ["--headers", *headers]
    if body is None:
        answer = run("az", *arguments)
    else:
        with tempfile.TemporaryDirectory() as folder:  # made for this user alone
            file = Path(folder) / "body.json"
            file.touch(mode=0o600)
            file.write_text(json.dumps(body), encoding="utf-8")
            answer = run("az", *arguments, "--body", f"@{file}")
    return json.loads(answer) if answer.strip() else None


def arm(method: str, path: str, version: str, *, body: object = None, query: Mapping[str, str] | None = None) -> Any:
    """A request to the resource manager. The subscription is in the path, so it is never the default one of `az`."""
    return request(method, ARM + path, query={"api-version": version, **(query or {})}, body=body)


def arm_list(path: str, version: str, *, query: Mapping[str, str] | None = None) -> Iterator[dict[str, Any]]:
    """Everything in a list, page after page."""
    page = arm("get", path, version, query=query)
    yield from page["value"]
    while following := page.get("nextLink"):
        page = request("get", following)
        yield from page["value"]


def graph(method: str, path: str, *, body: object = None, headers: Sequence[str] = ()) -> Any:
    return request(method, GRAPH + path, body=body, headers=[*headers, "Content-Type=application/json"] if body else ())


def exists(look: Callable[[], Any]) -> Any:
    """The result of a look, or None if the thing does not exist. Any other failure is raised: it is not proof of
    absence."""
    try:
        return look()
    except NotFoundError:
        return None


def wait_for(what: str, look: Callable[[], Any], *, tries: int = 30) -> Any:
    """Looks until there is something. Azure answers before everything has arrived everywhere."""
    for attempt in range(tries):
        if attempt:
            time.sleep(PAUSE)
        found = exists(look)
        if found:
            return found
    raise RefusedError(f"{what} is still not there after {tries} looks.")


def value_of(name: str) -> str:
    """A variable that azd must have set."""
    value = os.environ.get(name, "")
    if not value:
        raise RefusedError(f"{name} is not set: run the hooks by `azd provision` or `azd hooks run`.")
    return value


def remember(name: str, value: str) -> None:
    """Keeps a value in the azd environment, from which the template's parameters are taken."""
    run("azd", "env", "set", name, value, "--environment", value_of("AZURE_ENV_NAME"))


def tenant_of_subscription() -> str:
    """The tenant that the subscription belongs to. Entra is asked in the tenant of the default subscription of `az`, so
    that must be the same one."""
    subscription = value_of("AZURE_SUBSCRIPTION_ID")
    try:
        own = json.loads(run("az", "account", "show", "--subscription", subscription, "--output", "json"))
    except AzError as error:
        raise RefusedError(f"az does not know the subscription {subscription}: `az login` first. ({error})") from error
    default = json.loads(run("az", "account", "show", "--output", "json"))
    if own["tenantId"] != default["tenantId"]:
        raise RefusedError(
            f"az is signed in to the tenant {default['tenantId']}, and the subscription belongs to {own['tenantId']}: "
            f"`az account set --subscription {subscription}` first."
        )
    return str(own["tenantId"])


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main(steps: Callable[[], None]) -> NoReturn:
    """Runs a hook. A refusal is printed on one line, and azd stops."""
    try:
        steps()
    except (RefusedError, AzError) as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(1)
    sys.exit(0)

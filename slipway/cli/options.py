"""Options that commands share."""

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate

import click

from .finding import find_app

if TYPE_CHECKING:
    from .api import Api

URL_HELP = "Address of the app, such as https://app.azurewebsites.net.  [env: SLIPWAY_URL]"
AUDIENCE_HELP = (
    "Sign in to Entra for the app with this client id (or `api://…`): as in `az login` or `azd auth login`, in a "
    "browser, or as a pipeline or managed identity.  "
    "[env: SLIPWAY_AUDIENCE]"
)
KEY_HELP = "Function key of the app. Other users of this machine can see it: prefer the variable.  [env: SLIPWAY_KEY]"

one_object = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
as_json = click.option("--json", "as_json", is_flag=True, help="Print the API's answer, one JSON object.")


class DigestType(click.ParamType[str]):
    """`sha256:` and 64 hexadecimal digits."""

    name = "digest"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        from slipway.domain.model import DIGEST_PATTERN  # noqa: PLC0415 - slow to import; `--help` does without

        if re.fullmatch(DIGEST_PATTERN, value) is None:
            self.fail(f"expected sha256: and 64 hexadecimal digits, got {value[:80]!r}", param, ctx)
        return value


def app_options[**P, T](command: Callable[P, T]) -> Callable[P, T]:
    """`--url` and `--key`."""
    return click.option("--url", metavar="URL", help=URL_HELP)(
        click.option("--key", metavar="KEY", help=KEY_HELP)(command)
    )


def connected[**P](command: Callable[Concatenate["Api", P], None]) -> Callable[..., None]:
    """Pass the command an `Api`, found by --url and --key (its own, else those of `slipway`) or by `find_app`."""

    @connectable
    @wraps(command)
    def connect(open_app: Callable[[], "Api"], /, *args: Any, **values: Any) -> None:
        command(open_app(), *args, **values)

    return connect


def connectable[**P](command: Callable[Concatenate[Callable[[], "Api"], P], None]) -> Callable[..., None]:
    """Like `connected`, for a command that may do without the app: it is found when the command asks for it."""

    @app_options
    @click.pass_context
    @wraps(command)
    def connect(context: click.Context, /, *args: Any, url: str | None, key: str | None, **values: Any) -> None:
        command(partial(_open_app, context, url=url, key=key), *args, **values)

    return connect


def _open_app(context: click.Context, *, url: str | None, key: str | None) -> "Api":
    from .api import Api  # noqa: PLC0415 - slow to import; completion and `--help` do without

    above = context.find_root().params
    url, key, audience = url or above.get("url"), key or above.get("key"), above.get("audience")
    return Api(find_app(url=url, key=key, audience=audience, environment=os.environ, folder=Path.cwd()))


def reason_option(help: str, *, required: bool = False) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """`--reason`, held to what the app would refuse."""

    def check(_: click.Context, __: click.Parameter, value: str) -> str:
        from slipway.domain.blocks import REASON_LIMIT  # noqa: PLC0415 - slow to import; `--help` does without

        if required and not value.strip():
            raise click.BadParameter("expected a few words, got none")
        if len(value) > REASON_LIMIT:
            raise click.BadParameter(f"expected at most {REASON_LIMIT} characters, got {len(value)}")
        return value

    more: dict[str, Any] = {"required": True} if required else {"default": ""}
    return click.option("--reason", metavar="TEXT", callback=check, help=help, **more)


@dataclass(frozen=True, kw_only=True)
class Confirming:
    """What the command does while a person confirms it on a page."""

    open_it: bool = False
    """Whether it opens the page in a browser."""
    wait: bool = True


def waiting(command: Callable[..., None]) -> Callable[..., None]:
    """Pass the command a `Confirming`, for the person who confirms what lets something through."""
    opened = click.option("--open", "open_it", is_flag=True, help="Open that page in a browser.")
    waits = click.option(
        "--no-wait",
        "wait",
        is_flag=True,
        flag_value=False,
        default=True,
        help="Print the address and exit with code 5.",
    )

    @opened
    @waits
    @wraps(command)
    def run(*args: Any, open_it: bool, wait: bool, **values: Any) -> None:
        command(*args, confirming=Confirming(open_it=open_it, wait=wait), **values)

    return run

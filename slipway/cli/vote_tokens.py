"""The voter's token for a vote from a terminal, and the release and plan that it names.

The token is enough to vote. So it is read from a link, sent only in the body of one request, and never printed.
"""

import base64
import json
from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit

import click

from slipway.domain.model import release_id

from .errors import CliError
from .finding import FoundApp, checked_url

LINK, BEARER = "SLIPWAY_LINK", "SLIPWAY_BEARER"
TOKEN_LIMIT = 2048


@dataclass(frozen=True, kw_only=True)
class Token:
    """An approver's token. Its content is unverified: only the app can check the signature."""

    text: str = field(repr=False)
    release: str
    plan_hash: str


def _token(text: str) -> Token:
    """Raises `CliError`, which does not repeat the token."""
    payload = text[:TOKEN_LIMIT].partition(".")[0]
    try:
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        application, number, plan_hash = claims["application"], claims["release"], claims["plan"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise CliError("--link: expected the complete link from your approval message") from error
    return Token(text=text, release=release_id(application, number), plan_hash=str(plan_hash))


def page_of(app: FoundApp, release: str, environment: str) -> str:
    """The page on which people who sign in decide on a release. Its address grants nothing."""
    application, _, number = release.rpartition("-")
    return f"{app.url.rstrip('/')}/approvals/{application}/{number}/{quote(environment, safe='')}"


def app_and_token(link: str) -> tuple[FoundApp, Token]:
    """The app that a link leads to, and the token in it. Raises `CliError` and `UsageError`."""
    parts = urlsplit(link.strip())
    before, separator, token = parts.path.partition("/approvals/")
    if not separator or "/" in token:
        raise click.UsageError("--link: expected the link from your approval message, https://…/approvals/…")
    app = FoundApp(url=checked_url(f"{parts.scheme}://{parts.netloc}{before}", "--link"), source="--link")
    return app, _token(token)

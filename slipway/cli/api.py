"""Client of the JSON API: one request at a time, with limits, and errors that name the fault."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import click
import urllib3
from pydantic import BaseModel, ValidationError

from slipway import __version__
from slipway.api import base
from slipway.api.audit import (
    AnchoredChainsAnswer,
    AnchorsAnswer,
    ChainEndAnswer,
    ChainPart,
    IndexAnswer,
    PublicKeysAnswer,
    ReindexAnswer,
)
from slipway.api.releases import Applications

from ..domain.model import NAME_PATTERN
from ..domain.reports import NotShown
from ..domain.rules import read_result
from .errors import CliError, Exit
from .finding import FoundApp
from .signing_in import sign_in
from .text import neutral

BASE = "/api/v1/"
KEY_HEADER = "x-functions-key"
PAGE = 500
"""The largest page that the app returns."""
MAX_ANSWER = 64 * 1024 * 1024
CONNECT_SECONDS = 10
READ_SECONDS = 60
"""A cold start takes up to half a minute."""
BUSY = (429, 502, 503, 504)
PAUSE = 0.2
"""Seconds before the first retry; doubled for each further one."""
SHOWN_BODY = 200
_SHOWN = 500
_ENDS = {
    400: Exit.USAGE,
    401: Exit.REFUSED,
    403: Exit.REFUSED,
    404: Exit.NOT_FOUND,
    409: Exit.REFUSED,
    413: Exit.REFUSED,
    415: Exit.REFUSED,
    422: Exit.REFUSED,
}
"""A command's exit code if the app refused, by status; any other status does not come from the app."""
_KIND = re.compile(r"urn:slipway:problem:([a-z][a-z-]{0,60})")
NEWER = "unknown value; the app may be newer than this command: update the command"

type Parameters = Mapping[str, str | int | None]


@dataclass(frozen=True, kw_only=True)
class RawAuditPage:
    """A page of one chain. The records are left unparsed, because verification has to parse them strictly."""

    application: str
    head: ChainEndAnswer
    records: list[dict[str, Any]]
    next: int | None


class Api:
    """A connection to one installation. Only GET requests are retried when the app is busy."""

    def __init__(self, app: FoundApp) -> None:
        self.app = app
        headers = {"Accept": "application/json", "User-Agent": f"slipway/{__version__}"}
        if app.key:
            headers[KEY_HEADER] = app.key
        again = urllib3.Retry(
            connect=1,
            read=1,
            status=3,
            redirect=0,  # the key must not be sent to another host
            status_forcelist=BUSY,
            respect_retry_after_header=False,  # a person is waiting, and the header may ask for hours
            allowed_methods={"GET"},
            backoff_factor=PAUSE,
            raise_on_redirect=False,
            raise_on_status=False,
        )
        timeout = urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS)
        self._signed_in = ""
        self._pool = urllib3.PoolManager(headers=headers, retries=again, timeout=timeout)

    def get(self, *path: str, **parameters: str | int | None) -> dict[str, Any]:
        """The JSON object at the path, unparsed."""
        content = self._object(self._request("GET", path, parameters))
        for item in content.get("not_shown") or ():
            missing = read_answer(NotShown, item)
            click.echo(f"not shown: {neutral(missing.application)}: {neutral(missing.why)}", err=True)
        return content

    def post(self, *path: str, body: Mapping[str, Any] | None = None, bearer: str = "") -> dict[str, Any]:
        """`bearer` is the access token of a signed-in person."""
        return self._object(self._request("POST", path, {}, body=body, bearer=bearer))

    def document(self, digest: str) -> bytes:
        """A stored document; its hash is not checked."""
        return self._request("GET", ("evidence", digest), {})

    def applications(self) -> list[str]:
        """The names of all applications, including those that cannot be shown."""
        answer = read_answer(Applications, self.get("applications"))
        names = [item.application for item in answer.applications] + [item.application for item in answer.not_shown]
        return [name for name in dict.fromkeys(names) if re.fullmatch(NAME_PATTERN, name)]  # not the installation

    def audit_page(self, application: str, *, after: int, limit: int, release: str | None = None) -> RawAuditPage:
        content = self.get("audit", application, after=after, limit=limit, release=release)
        page = read_answer(ChainPart, content)
        return RawAuditPage(application=page.application, head=page.head, records=records_in(content), next=page.next)

    def audit(self, application: str, *, after: int, limit: int | None, release: str | None) -> Iterator[RawAuditPage]:
        """Pages of the trail, until there are no more or `limit` records were read."""
        left = limit
        while left is None or left > 0:
            page = self.audit_page(
                application, after=after, limit=PAGE if left is None else min(left, PAGE), release=release
            )
            yield page
            if page.next is None or page.next <= after:
                return
            after = page.next
            left = None if left is None else left - len(page.records)

    def trust(self) -> PublicKeysAnswer:
        """The public keys that the app names, and the registration whose tokens prove votes."""
        return read_answer(PublicKeysAnswer, self.get("public-keys"))

    def public_keys(self) -> str:
        """The public keys that the app names, as `id:base64,id:base64`."""
        return self.trust().text

    def anchored_chains(self) -> list[str]:
        """The application of each chain that was ever anchored, by the name in the chain's records."""
        return read_answer(AnchoredChainsAnswer, self.get("anchors")).chains

    def anchors(self, application: str) -> list[Any]:
        """The newest anchors of a chain, newest first, unparsed."""
        return read_answer(AnchorsAnswer, self.get("anchors", application)).anchors

    def index_part(self, application: str, *, after: int) -> ReindexAnswer:
        """The records of the next part of a trail that the audit index lacks."""
        return read_answer(IndexAnswer, self.get("verification", application, "index", after=after)).compared

    # ---- one request
    def _request(
        self,
        method: str,
        path: tuple[str, ...],
        parameters: Parameters,
        *,
        body: Mapping[str, Any] | None = None,
        bearer: str = "",
    ) -> bytes:
        url = self.app.url + BASE + "/".join(quote(part, safe="") for part in path)
        query = {name: value for name, value in parameters.items() if value is not None}
        if query:
            url += "?" + urlencode(query)
        payload = None if body is None else json.dumps(body).encode()
        try:
            answer = self._pool.request(
                method, url, body=payload, headers=self._headers(payload, bearer), preload_content=False
            )
            content = answer.read(MAX_ANSWER + 1)
            answer.release_conn()
        except urllib3.exceptions.HTTPError as error:
            raise self._unreachable(error) from error
        if len(content) > MAX_ANSWER:
            raise self._unexpected_answer(f"the answer is longer than {MAX_ANSWER // 1024**2} MiB")
        if answer.status >= 300:  # noqa: PLR2004
            raise self._refused(answer.status, content)
        return content

    def _headers(self, payload: bytes | None, bearer: str) -> dict[str, str]:
        more = {"Content-Type": "application/json"} if payload is not None else {}
        if bearer := bearer or self._bearer():
            more["Authorization"] = f"Bearer {bearer}"
        return {**self._pool.headers, **more}

    def _bearer(self) -> str:
        """The access token for the app, if an audience is set; acquired once."""
        if self.app.audience and not self._signed_in:
            self._signed_in = sign_in(self.app.audience, self.app.signs_in)
        return self._signed_in

    def _object(self, body: bytes) -> dict[str, Any]:
        try:
            content = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise self._unexpected_answer("the answer is not JSON") from error
        if not isinstance(content, dict):
            raise self._unexpected_answer(f"expected a JSON object, got {type(content).__name__}")
        return content

    # ---- errors
    def _unreachable(self, error: Exception) -> CliError:
        reason = getattr(error, "reason", None) or error
        why = str(reason).rpartition(": ")[2] or type(reason).__name__
        return CliError(
            f"{self._name} cannot be reached ({self.app.source}): {why}",
            exit_code=Exit.UNREACHABLE,
        )

    def _unexpected_answer(self, oddity: str) -> CliError:
        return CliError(f"{self._name} does not respond like Slipway: {oddity}", exit_code=Exit.UNREACHABLE)

    def _refused(self, status: int, body: bytes) -> CliError:
        try:
            problem = json.loads(body)
            title, detail = str(problem["title"]), str(problem["detail"])
        except (ValueError, KeyError, TypeError, RecursionError):
            if status in (401, 403):  # the host answered before the app was called
                advice = "the key is not accepted" if self.app.key else "it needs a key"
                return CliError(f"{self._name} answered {status}: {advice}", cure="set SLIPWAY_KEY or use --key")
            shown = body[:SHOWN_BODY].decode("utf-8", "replace").strip()
            return self._unexpected_answer(f"status {status}" + (f", {shown}" if shown else ""))
        parameter = str(problem.get("parameter", ""))
        shown = f" (parameter: {parameter})" if parameter and not detail.startswith(f"{parameter}:") else ""
        details = {
            name: str(problem[name])[:_SHOWN] for name in ("expected", "got") if isinstance(problem.get(name), str)
        }
        return CliError(
            f"{title}: {detail}{shown}{_rules(problem)}",
            exit_code=_ENDS.get(status, Exit.UNREACHABLE),
            code=_code(problem),
            field=parameter[:_SHOWN],
            problem=problem,
            **details,
        )

    @property
    def _name(self) -> str:
        return f"the app at {urlsplit(self.app.url).netloc}"


def records_in(content: dict[str, Any]) -> list[dict[str, Any]]:
    """The records of a page, unparsed. Raises `CliError`."""
    records = content.get("records")
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        raise CliError(
            "the answer cannot be read: records: expected a list of JSON objects", exit_code=Exit.UNREACHABLE
        )
    return records


def _code(problem: Mapping[str, Any]) -> str:
    """The kind of the problem, if it is one of ours."""
    kind = _KIND.fullmatch(str(problem.get("type", "")))
    return kind[1] if kind else ""


def _rules(problem: Any) -> str:
    """The names of the rules that failed, if the problem has any."""
    rules = problem.get("rules")
    names = [result.name for rule in rules if (result := read_result(rule))] if isinstance(rules, list) else []
    return f" ({'; '.join(names)})" if names else ""


def read_answer[T: BaseModel](kind: type[T], content: Any) -> T:
    """The answer as its model. Raises `CliError`."""
    try:
        return base.read(kind, content)
    except OverflowError as error:
        raise CliError("the answer cannot be read: a time is out of range", exit_code=Exit.UNREACHABLE) from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(step) for step in first["loc"])
        wrong = NEWER if first["type"] in ("enum", "literal_error") else first["msg"]
        raise CliError(f"the answer cannot be read: {where}: {wrong}", exit_code=Exit.UNREACHABLE) from error

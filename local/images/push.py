"""Pushes a built image: blobs before manifests, manifests by digest, the index by tag.

Every step looks first whether its work is done already, so a push that was cut off is simply run again.
"""

import base64
import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, urlencode, urljoin

import urllib3

from .image import BuiltImage, Part

ATTEMPTS = 5
WORTH_RETRYING = frozenset({408, 429, 500, 502, 503, 504})
MAX_WAIT = 30.0
TIMEOUT = urllib3.Timeout(connect=10, read=60)
CHALLENGE = re.compile(r'(\w+)="([^"]*)"')


class PushError(Exception):
    """The registry refused, or could not be reached."""


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """A name and a password, as docker login takes them; the password is never shown."""

    user: str
    password: str = field(repr=False)

    def header(self) -> str:
        return "Basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode()


@dataclass(frozen=True, kw_only=True)
class Pushed:
    """The result of a push."""

    digest: str
    tag: str
    repository: str
    pushed_bytes: int


def push(
    image: BuiltImage,
    *,
    registry_url: str,
    repository: str,
    tag: str,
    credentials: Credentials | None = None,
    progress: Callable[[str], None] = lambda _: None,
    sleep: Callable[[float], None] = time.sleep,
) -> Pushed:
    """Push all of it and give the digest of the index; what the registry has already is not sent again."""
    session = _Session(registry_url, repository, credentials, sleep)
    sent = 0
    for blob in image.blobs:
        sent += _push_blob(session, blob, progress)
    for manifest in image.manifests:
        sent += _push_manifest(session, manifest, manifest.digest)
        progress(f"manifest {manifest.digest[:19]} pushed")
    sent += _push_manifest(session, image.index, tag)
    progress(f"{repository}:{tag} is {image.digest}")
    return Pushed(digest=image.digest, tag=tag, repository=repository, pushed_bytes=sent)


def _push_blob(session: "_Session", blob: Part, progress: Callable[[str], None]) -> int:
    for attempt in range(1, ATTEMPTS + 1):
        found = session.send("HEAD", f"blobs/{blob.digest}", expect=(200, 404))
        if found.status == 200:
            progress(f"blob {blob.digest[:19]} is there already")
            return 0
        started = session.send("POST", "blobs/uploads/", expect=(202,))
        location = started.headers.get("Location", "")
        target = location + ("&" if "?" in location else "?") + urlencode({"digest": blob.digest})
        headers = {"Content-Type": "application/octet-stream"}
        # An upload cannot be sent twice to one location: a failed one begins again from the start.
        done = session.send("PUT", target, body=blob.data, headers=headers, expect=(201, *WORTH_RETRYING), once=True)
        if done.status == 201:
            progress(f"blob {blob.digest[:19]} pushed, {len(blob.data)} bytes")
            return len(blob.data)
        session.wait(attempt, done)
    raise PushError(f"blob {blob.digest}: not accepted in {ATTEMPTS} attempts")


def _push_manifest(session: "_Session", manifest: Part, reference: str) -> int:
    headers = {"Content-Type": manifest.media_type}
    answer = session.send("PUT", f"manifests/{reference}", body=manifest.data, headers=headers, expect=(201,))
    kept = answer.headers.get("Docker-Content-Digest")
    if kept != manifest.digest:
        raise PushError(f"manifest {reference}: expected the registry to keep {manifest.digest}, it kept {kept}")
    return len(manifest.data)


class _Session:
    """Requests to one repository, with the token that its challenge asks for."""

    def __init__(
        self, registry_url: str, repository: str, credentials: Credentials | None, sleep: Callable[[float], None]
    ) -> None:
        self._base = f"{registry_url.rstrip('/')}/v2/{quote(repository)}/"
        self._credentials = credentials
        self._sleep = sleep
        self._pool = urllib3.PoolManager(timeout=TIMEOUT, retries=False)
        self._authorization: str | None = None

    def send(
        self,
        method: str,
        target: str,
        *,
        expect: tuple[int, ...],
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        once: bool = False,
    ) -> urllib3.BaseHTTPResponse:
        """One request; signs in when challenged, and tries again where that is safe and may help."""
        url = urljoin(self._base, target)
        for attempt in range(1, ATTEMPTS + 1):
            answer = self._try(method, url, body, headers)
            if answer is not None and answer.status == 401:
                self._sign_in(answer)
                answer = self._try(method, url, body, headers)
            if answer is not None and answer.status in expect:
                return answer
            if once and answer is None:
                return urllib3.HTTPResponse(status=503)
            if answer is not None and answer.status not in WORTH_RETRYING:
                raise PushError(f"{method} {_shown(url)}: {_reason(answer)}")
            self.wait(attempt, answer)
        raise PushError(f"{method} {_shown(url)}: no useful answer in {ATTEMPTS} attempts")

    def wait(self, attempt: int, answer: urllib3.BaseHTTPResponse | None) -> None:
        """Wait longer after each attempt; as long as the registry asks for, if it does."""
        asked = (answer.headers.get("Retry-After") if answer is not None else None) or ""
        self._sleep(min(float(asked) if asked.isdecimal() else 0.2 * 2**attempt, MAX_WAIT))

    def _try(
        self, method: str, url: str, body: bytes | None, headers: Mapping[str, str] | None
    ) -> urllib3.BaseHTTPResponse | None:
        signed = {**(headers or {}), **({"Authorization": self._authorization} if self._authorization else {})}
        try:
            return self._pool.request(method, url, body=body, headers=signed, redirect=False)
        except urllib3.exceptions.HTTPError:
            return None  # not reached, or cut off; the caller decides on another attempt

    def _sign_in(self, refused: urllib3.BaseHTTPResponse) -> None:
        challenge = refused.headers.get("WWW-Authenticate", "")
        if challenge.casefold().startswith("basic") and self._credentials:
            self._authorization = self._credentials.header()
            return
        parts = dict(CHALLENGE.findall(challenge))
        if not challenge.casefold().startswith("bearer") or "realm" not in parts:
            raise PushError(f"{_shown(self._base)}: expected a Bearer or Basic challenge, got {challenge[:100]!r}")
        query = urlencode({name: parts[name] for name in ("service", "scope") if name in parts})
        headers = {"Authorization": self._credentials.header()} if self._credentials else {}
        self._authorization = None
        try:
            answer = self._pool.request("GET", f"{parts['realm']}?{query}", headers=headers, redirect=False)
        except urllib3.exceptions.HTTPError as error:
            raise PushError(f"{parts['realm']}: cannot be reached: {type(error).__name__}") from None
        if answer.status != 200:
            raise PushError(f"sign-in at {parts['realm']} for {parts.get('scope', 'no scope')}: {_reason(answer)}")
        document = answer.json()
        self._authorization = f"Bearer {document.get('access_token') or document.get('token')}"


def _reason(answer: urllib3.BaseHTTPResponse) -> str:
    """The status and the registry's own words."""
    try:
        error = json.loads(answer.data)["errors"][0]
        return f"{answer.status} {error['code']}: {error.get('message', '')} {error.get('detail') or ''}".strip()[:500]
    except (ValueError, LookupError, TypeError):
        return f"{answer.status} {answer.reason or ''}".strip()


def _shown(url: str) -> str:
    return url.partition("?")[0]

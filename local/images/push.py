"""Pushes a built image: blobs before manifests, manifests by digest, the index by tag.

Every step first checks whether its work is done already, so a push that was cut off can simply be run again.
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
    """A name and a password, as docker login takes them; the password is never printed."""

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
    """Push all of it and return the index's digest; what the registry already has is not sent again."""
    session = _Session(registry_url, repository, credentials, sleep)
    sent_bytes = 0
    for blob in image.blobs:
        sent_bytes += _push_blob(session, blob, progress)
    for manifest in image.manifests:
        sent_bytes += _push_manifest(session, manifest, manifest.digest)
        progress(f"manifest {manifest.digest[:19]} pushed")
    sent_bytes += _push_manifest(session, image.index, tag)
    progress(f"{repository}:{tag} is {image.digest}")
    return Pushed(digest=image.digest, tag=tag, repository=repository, pushed_bytes=sent_bytes)


def _push_blob(session: "_Session", blob: Part, progress: Callable[[str], None]) -> int:
    for attempt in range(1, ATTEMPTS + 1):
        existing = session.send("HEAD", f"blobs/{blob.digest}", expect=(200, 404))
        if existing.status == 200:
            progress(f"blob {blob.digest[:19]} exists already")
            return 0
        upload = session.send("POST", "blobs/uploads/", expect=(202,))
        location = upload.headers.get("Location", "")
        target = location + ("&" if "?" in location else "?") + urlencode({"digest": blob.digest})
        headers = {"Content-Type": "application/octet-stream"}
        # An upload cannot be repeated at the same location: after a failure it begins again from the start.
        response = session.send(
            "PUT", target, body=blob.data, headers=headers, expect=(201, *WORTH_RETRYING), once=True
        )
        if response.status == 201:
            progress(f"blob {blob.digest[:19]} pushed, {len(blob.data)} bytes")
            return len(blob.data)
        session.wait(attempt, response)
    raise PushError(f"blob {blob.digest}: not accepted in {ATTEMPTS} attempts")


def _push_manifest(session: "_Session", manifest: Part, reference: str) -> int:
    headers = {"Content-Type": manifest.media_type}
    response = session.send("PUT", f"manifests/{reference}", body=manifest.data, headers=headers, expect=(201,))
    stored_digest = response.headers.get("Docker-Content-Digest")
    if stored_digest != manifest.digest:
        raise PushError(
            f"manifest {reference}: expected the registry to store {manifest.digest}, it stored {stored_digest}"
        )
    return len(manifest.data)


class _Session:
    """Requests to one repository, with the token that its challenge demands."""

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
        """One request; signs in when challenged, and retries where that is safe and may help."""
        url = urljoin(self._base, target)
        for attempt in range(1, ATTEMPTS + 1):
            response = self._try(method, url, body, headers)
            if response is not None and response.status == 401:
                self._sign_in(response)
                response = self._try(method, url, body, headers)
            if response is not None and response.status in expect:
                return response
            if once and response is None:
                return urllib3.HTTPResponse(status=503)
            if response is not None and response.status not in WORTH_RETRYING:
                raise PushError(f"{method} {_without_query(url)}: {_reason(response)}")
            self.wait(attempt, response)
        raise PushError(f"{method} {_without_query(url)}: no useful response in {ATTEMPTS} attempts")

    def wait(self, attempt: int, response: urllib3.BaseHTTPResponse | None) -> None:
        """Wait longer after each attempt, or as long as the registry demands."""
        retry_after = (response.headers.get("Retry-After") if response is not None else None) or ""
        self._sleep(min(float(retry_after) if retry_after.isdecimal() else 0.2 * 2**attempt, MAX_WAIT))

    def _try(
        self, method: str, url: str, body: bytes | None, headers: Mapping[str, str] | None
    ) -> urllib3.BaseHTTPResponse | None:
        signed = {**(headers or {}), **({"Authorization": self._authorization} if self._authorization else {})}
        try:
            return self._pool.request(method, url, body=body, headers=signed, redirect=False)
        except urllib3.exceptions.HTTPError:
            return None  # not reached, or cut off; the caller decides whether to retry

    def _sign_in(self, response: urllib3.BaseHTTPResponse) -> None:
        challenge = response.headers.get("WWW-Authenticate", "")
        if challenge.casefold().startswith("basic") and self._credentials:
            self._authorization = self._credentials.header()
            return
        parts = dict(CHALLENGE.findall(challenge))
        if not challenge.casefold().startswith("bearer") or "realm" not in parts:
            raise PushError(
                f"{_without_query(self._base)}: expected a Bearer or Basic challenge, got {challenge[:100]!r}"
            )
        query = urlencode({name: parts[name] for name in ("service", "scope") if name in parts})
        headers = {"Authorization": self._credentials.header()} if self._credentials else {}
        self._authorization = None
        try:
            token_response = self._pool.request("GET", f"{parts['realm']}?{query}", headers=headers, redirect=False)
        except urllib3.exceptions.HTTPError as error:
            raise PushError(f"{parts['realm']}: cannot be reached: {type(error).__name__}") from None
        if token_response.status != 200:
            raise PushError(
                f"sign-in at {parts['realm']} for {parts.get('scope', 'no scope')}: {_reason(token_response)}"
            )
        document = token_response.json()
        self._authorization = f"Bearer {document.get('access_token') or document.get('token')}"


def _reason(response: urllib3.BaseHTTPResponse) -> str:
    """The status and the registry's own message."""
    try:
        error = json.loads(response.data)["errors"][0]
        return f"{response.status} {error['code']}: {error.get('message', '')} {error.get('detail') or ''}".strip()[
            :500
        ]
    except (ValueError, LookupError, TypeError):
        return f"{response.status} {response.reason or ''}".strip()


def _without_query(url: str) -> str:
    return url.partition("?")[0]

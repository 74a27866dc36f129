"""Reads from a registry like a container runtime: challenge, token, manifests and blobs, verified by digest."""

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

import urllib3

from ..settings import RegistryLogin

MAX_DOCUMENT = 4 * 1024 * 1024
MAX_BLOB = 1024 * 1024 * 1024
_ACCEPT = ", ".join(
    (
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    )
)
_PARAMETER = re.compile(r'([a-zA-Z_]+)="([^"]*)"')
_CHUNK = 256 * 1024
_REDIRECTS = (301, 302, 303, 307, 308)


class PullError(Exception):
    """An image could not be pulled; the message is what the pod's status shows."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Manifest:
    """A manifest as received, with the digest of its bytes."""

    digest: str
    document: dict[str, Any]


class RegistryClient:
    """A client of one registry, with its configured credentials."""

    def __init__(self, login: RegistryLogin) -> None:
        self._login = login
        self._base = login.base_url
        timeout = urllib3.Timeout(connect=5, read=60)
        self._http = urllib3.PoolManager(timeout=timeout, retries=False, maxsize=8)
        self._authorization: dict[str, str] = {}
        self._lock = threading.Lock()

    def manifest(self, repository: str, version: str) -> Manifest:
        response = self._get(repository, f"/v2/{repository}/manifests/{version}", accept=_ACCEPT)
        body = b"".join(_read_at_most(response, MAX_DOCUMENT, "manifest"))
        digest = "sha256:" + hashlib.sha256(body).hexdigest()
        if version.startswith("sha256:") and digest != version:
            raise PullError(f"manifest of {repository}: expected {version}, got {digest}")
        return Manifest(digest=digest, document=_document(body, "manifest"))

    def document(self, repository: str, digest: str) -> dict[str, Any]:
        """A small JSON blob, such as an image's config."""
        response = self._get(repository, f"/v2/{repository}/blobs/{digest}")
        body = b"".join(_read_at_most(response, MAX_DOCUMENT, "config"))
        _compare(digest, hashlib.sha256(body).hexdigest(), repository)
        return _document(body, "config")

    def download(self, repository: str, digest: str, target: Path) -> None:
        """Download a layer into a file."""
        response = self._get(repository, f"/v2/{repository}/blobs/{digest}")
        digester = hashlib.sha256()
        with target.open("wb") as file:
            for chunk in _read_at_most(response, MAX_BLOB, "layer"):
                digester.update(chunk)
                file.write(chunk)
        _compare(digest, digester.hexdigest(), repository)

    # ---- HTTP

    def _get(self, repository: str, path: str, accept: str = "*/*") -> urllib3.BaseHTTPResponse:
        """Send a request; authenticate if challenged; follow redirects without sending our token to the other host."""
        url = self._base + path
        for _ in range(2):
            headers = {"Accept": accept}
            if authorization := self._authorization.get(repository):
                headers["Authorization"] = authorization
            response = self._ask(url, headers)
            if response.status != 401:
                break
            challenge = response.headers.get("WWW-Authenticate", "")
            response.drain_conn()
            self._authenticate(repository, challenge)
        for _ in range(3):
            if response.status not in _REDIRECTS:
                break
            response.drain_conn()
            url = urljoin(url, response.headers.get("Location", ""))
            response = self._ask(url, {"Accept": accept})
        if response.status != 200:
            response.drain_conn()
            raise PullError(self._refusal(repository, path, response.status))
        return response

    def _refusal(self, repository: str, path: str, status: int) -> str:
        """If a manifest is missing, use containerd's text, which is what readers of a pod's status expect."""
        name = f"{self._login.login_server}/{repository}"
        kind, _, version = path.removeprefix(f"/v2/{repository}/").partition("/")
        if (kind, status) == ("manifests", 404):
            reference = f"{name}{'@' if version.startswith('sha256:') else ':'}{version}"
            return f'failed to resolve reference "{reference}": {reference}: not found'
        return f"{name}: {_status_text(status)}"

    def _ask(self, url: str, headers: dict[str, str]) -> urllib3.BaseHTTPResponse:
        try:
            return self._http.request("GET", url, headers=headers, preload_content=False, redirect=False)
        except urllib3.exceptions.HTTPError as error:
            raise PullError(f"{urlsplit(url).netloc}: {type(error).__name__}: no response") from error

    def _authenticate(self, repository: str, challenge: str) -> None:
        scheme = challenge.partition(" ")[0].casefold()
        basic = base64.b64encode(f"{self._login.username}:{self._login.password}".encode()).decode()
        if scheme == "basic":
            self._authorization[repository] = f"Basic {basic}"
            return
        parameters = dict(_PARAMETER.findall(challenge))
        if scheme != "bearer" or "realm" not in parameters:
            raise PullError(f"{self._login.login_server}: 401 with a challenge that is neither Basic nor Bearer")
        query = {"service": parameters.get("service", ""), "scope": f"repository:{repository}:pull"}
        headers = {"Authorization": f"Basic {basic}"} if self._login.username else {}
        realm = urljoin(self._base, parameters["realm"])
        response = self._ask(f"{realm}?{urlencode(query)}", headers)
        body = b"".join(_read_at_most(response, MAX_DOCUMENT, "token"))
        if response.status != 200:
            raise PullError(f"{self._login.login_server}: token for {repository}: {_status_text(response.status)}")
        document = _document(body, "token")
        token = document.get("access_token") or document.get("token")
        if not token:
            raise PullError(f"{self._login.login_server}: token for {repository}: the response holds no access_token")
        with self._lock:
            self._authorization[repository] = f"Bearer {token}"


def _status_text(status: int) -> str:
    meanings = {401: "unauthorized", 403: "forbidden", 404: "not found", 429: "too many requests"}
    return f"{status} {meanings.get(status, 'unexpected status')}"


def _read_at_most(response: urllib3.BaseHTTPResponse, most: int, what: str) -> Iterator[bytes]:
    total = 0
    try:
        for chunk in response.stream(_CHUNK, decode_content=False):
            total += len(chunk)
            if total > most:
                raise PullError(f"{what}: more than {most} bytes")
            yield chunk
    except urllib3.exceptions.HTTPError as error:
        raise PullError(f"{what}: the transfer broke off: {type(error).__name__}") from error
    finally:
        response.release_conn()


def _document(body: bytes, what: str) -> dict[str, Any]:
    try:
        document = json.loads(body)
    except ValueError as error:
        raise PullError(f"{what}: expected JSON: {error}") from error
    if not isinstance(document, dict):
        raise PullError(f"{what}: expected an object, got {type(document).__name__}")
    return document


def _compare(digest: str, actual: str, repository: str) -> None:
    if digest != f"sha256:{actual}":
        raise PullError(f"blob of {repository}: expected {digest}, got sha256:{actual}")

"""Azure Resource Manager's `importImage`: the registry itself fetches an artifact by digest, not through Slipway.

The operation is long-running: `start` returns its address, and `look` polls it once, whenever the caller decides. It
imports the image or index with its platforms, untagged and without referrers; `copy_artifact` then copies the
referrers, compares and tags, as after a copy.
"""

import json
import random as _random
import re
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

from ._answers import in_brackets, presentable
from ._copy_types import CopySource, CopyTarget
from ._endpoint import origin
from ._errors import ErrorSubject, ImportDenied, NotImportable, RequestRejected, Unreachable, Unsupported
from ._http import Limits, Pool, RegistryResponse, Surroundings, ask, new_pool
from ._manifest import INDEXES, content_of

PUBLIC_CLOUD: Final = "https://management.azure.com"
API_VERSION: Final = "2023-07-01"
MOST_IMPORTED: Final = 50
"""A registry imports at most this many manifests of one image."""
_RESOURCE: Final = re.compile(
    r"/subscriptions/[^/\s?#]+/resourceGroups/[^/\s?#]+/providers/Microsoft\.ContainerRegistry/registries/[A-Za-z0-9]+",
    re.IGNORECASE,
)
_LARGEST_ANSWER: Final = 256 * 1024
_LONGEST_ADDRESS: Final = 4096
_LONGEST_PAUSE: Final = 60.0
_OK, _CREATED, _ACCEPTED, _NO_CONTENT = 200, 201, 202, 204
_UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND = 401, 403, 404
_ENDED_WELL: Final = "succeeded"
_ENDED_BADLY: Final = frozenset({"failed", "canceled", "cancelled"})
_NO_RIGHTS: Final = re.compile(r"(?i)authoriz|forbidden|denied|permission")


@dataclass(frozen=True, kw_only=True)
class Importing:
    """The state of an import."""

    operation: str = field(default="", repr=False)
    """Address to poll; empty once the import is done. May contain a signature."""
    after: float = 1.0
    """Seconds to wait before polling again."""

    @property
    def is_done(self) -> bool:
        return not self.operation


class Importer:
    """Resource Manager, accessed with one identity. `token` returns a current access token for it."""

    def __init__(
        self,
        token: Callable[[], str],
        *,
        endpoint: str = PUBLIC_CLOUD,
        pool: Pool | None = None,
        clock: Callable[[], float] = time.time,
        pause: Callable[[float], None] = time.sleep,
        random: Callable[[], float] = _random.random,
        limits: Limits | None = None,
    ) -> None:
        self._token = token
        self._endpoint = endpoint.rstrip("/")
        self._around = Surroundings(
            pool=pool or new_pool(), clock=clock, pause=pause, random=random, limits=limits or Limits()
        )

    def start(self, source: CopySource, target: CopyTarget, *, source_id: str, target_id: str) -> Importing:
        """Start importing the source's artifact, by digest, into the target's registry.

        `source_id` and `target_id` are the resource ids of the two registries.
        """
        where = target.registry.where(target.repository, target.digest)
        for role, resource in (("source", source_id), ("target", target_id)):
            if not _RESOURCE.fullmatch(resource):
                raise NotImportable(where, f"the settings give no resource_id for the registry of the {role}")
        _check_count(source)
        body = {
            "source": {"resourceId": source_id, "sourceImage": f"{source.repository}@{source.digest}"},
            "untaggedTargetRepositories": [target.repository],
            "mode": "NoForce",
        }
        url = f"{self._endpoint}{quote(target_id)}/importImage?api-version={API_VERSION}"
        return self._importing(self._ask("POST", url, where, json.dumps(body).encode()), where, "asking for the import")

    def look(self, operation: str, target: CopyTarget) -> Importing:
        """Poll the import once."""
        where = target.registry.where(target.repository, target.digest)
        answer = self._ask("GET", self._checked_address(operation, where), where)
        if answer.status == _NOT_FOUND:
            raise Unreachable(where, "Resource Manager no longer knows the import")
        return self._importing(answer, where, "looking at the import", known=operation)

    def _ask(self, method: str, url: str, where: ErrorSubject, body: bytes | None = None) -> RegistryResponse:
        headers = {"Authorization": f"Bearer {self._token()}", "Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        return ask(self._around, method, url, where=where, headers=headers, body=body, limit=_LARGEST_ANSWER)

    def _importing(self, answer: RegistryResponse, where: ErrorSubject, doing: str, known: str = "") -> Importing:
        detail = in_brackets(*_error(answer))
        if answer.status in (_UNAUTHORIZED, _FORBIDDEN):
            raise ImportDenied(where, f"{doing} was answered with {answer.status}{detail}")
        if answer.status not in (_OK, _CREATED, _ACCEPTED, _NO_CONTENT):
            raise RequestRejected(where, f"{doing} was answered with {answer.status}{detail}")
        status = str(_content(answer).get("status", "")).casefold()
        if status in _ENDED_BADLY:
            raise _import_failure(status, _error(answer), where)
        if status == _ENDED_WELL or (answer.status in (_OK, _NO_CONTENT) and not status):
            return Importing()
        address = answer.headers.get("Azure-AsyncOperation") or answer.headers.get("Location") or known
        after = answer.headers.get("Retry-After", "")
        return Importing(
            operation=self._checked_address(address, where),
            after=min(float(after[:4]), _LONGEST_PAUSE) if after.isdecimal() else 1.0,
        )

    def _checked_address(self, address: str, where: ErrorSubject) -> str:
        """The address, if it is Resource Manager's, since the token must go nowhere else; raises `Unsupported`
        otherwise."""
        if origin(address) != origin(self._endpoint) or len(address) > _LONGEST_ADDRESS:
            raise Unsupported(where, f"the import's operation address is not at {self._endpoint}")
        return address


def _check_count(source: CopySource) -> None:
    """Raises `NotImportable` if there are too many manifests. Referrers do not count, since they are not imported."""
    digests, pending = {source.digest}, [source.digest]
    while pending:
        digest = pending.pop()
        manifest = source.registry.manifest(source.repository, digest)
        if manifest.media_type in INDEXES:
            children = content_of(manifest, source.registry.where(source.repository, digest)).children
            indexes = {child.digest for child in children if child.media_type in INDEXES}
            pending += sorted(indexes - digests)
            digests |= {child.digest for child in children}
        if len(digests) > MOST_IMPORTED:
            where = source.registry.where(source.repository, source.digest)
            raise NotImportable(where, f"it has over {MOST_IMPORTED} manifests, which registries do not import")


def _import_failure(status: str, error: tuple[str, str], where: ErrorSubject) -> Exception:
    code = error[0]
    if _NO_RIGHTS.search(code):
        return ImportDenied(where, f"the import {status}{in_brackets(*error)}")
    if code.casefold() in ("internalservererror", "serviceunavailable", "toomanyrequests", "timeout"):
        return Unreachable(where, f"the import {status}{in_brackets(*error)}")
    return RequestRejected(where, f"the import {status}{in_brackets(*error)}")


def _content(answer: RegistryResponse) -> dict[str, Any]:
    with suppress(ValueError):
        content = json.loads(answer.body)
        if isinstance(content, dict):
            return content
    return {}


def _error(answer: RegistryResponse) -> tuple[str, str]:
    """Code and message in Resource Manager's form."""
    error = _content(answer).get("error")
    if not isinstance(error, dict):
        return "", ""
    code = str(error.get("code", ""))
    return (code if re.fullmatch(r"[A-Za-z0-9_]{1,64}", code) else ""), presentable(error.get("message", ""))

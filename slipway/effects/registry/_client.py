"""The client for one registry: manifests as raw bytes, blobs as streams, tags, referrers and locks.

Azure's own client serialises manifests again (which changes their digest), signs in for every request and sends every
chunk of an upload twice, so only `_metadata` uses it.
"""

import random as _random
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from email.utils import parsedate_to_datetime
from itertools import count

from slipway.domain.model import sha256

from . import _blobs, _listing, _metadata
from ._answers import failure
from ._credentials import Credential
from ._endpoint import RegistryEndpoint, checked_digest, checked_reference, checked_repository
from ._errors import (
    DigestMismatch,
    ErrorSubject,
    Forgotten,
    NoRegistryThere,
    NotInRegistry,
    RequestRejected,
    TagTaken,
    TooLarge,
    Unsupported,
)
from ._http import Limits, Pool, RegistryResponse, Surroundings, new_pool
from ._listing import Referrers, referrers_tag
from ._manifest import ACCEPT, LARGEST_MANIFEST, Manifest, type_of
from ._metadata import Lock, TagInfo
from ._session import RegistrySession, pull_scopes, push_scopes

_OK, _CREATED, _NOT_FOUND = 200, 201, 404

_PAGE = "text/html"


class Registry:
    """One registry, accessed with one identity. Thread-safe; threads share tokens and connections."""

    def __init__(
        self,
        endpoint: RegistryEndpoint,
        credential: Credential,
        *,
        pool: Pool | None = None,
        clock: Callable[[], float] = time.time,
        pause: Callable[[float], None] = time.sleep,
        random: Callable[[], float] = _random.random,
        limits: Limits | None = None,
    ) -> None:
        self.endpoint = endpoint
        around = Surroundings(
            pool=pool or new_pool(), clock=clock, pause=pause, random=random, limits=limits or Limits()
        )
        self._session = RegistrySession(endpoint, credential, around)

    def where(self, repository: str, reference: str = "") -> ErrorSubject:
        """The repository, tag or digest for error messages. Raises `Unsupported` if a name is malformed."""
        checked_repository(self.endpoint, repository)
        where = self._session.where(repository, reference)
        if reference:
            checked_reference(ErrorSubject(self.endpoint.login_server, repository), reference)
        return where

    def time(self) -> datetime | None:
        """The registry's clock, to the second; None if its response has no valid date."""
        answer = self._session.ask("GET", "/v2/", where=self._session.where(), scopes=())
        date = answer.headers.get("Date")
        try:
            return parsedate_to_datetime(date) if date else None
        except ValueError:
            return None

    def resolve(self, repository: str, reference: str) -> str | None:
        """The digest that a tag names now; None if the tag (or, given a digest, the manifest) does not exist."""
        where = self.where(repository, reference)
        path = f"/v2/{repository}/manifests/{reference}"
        answer = self._session.ask(
            "HEAD", path, where=where, scopes=pull_scopes(repository), headers={"Accept": ACCEPT}
        )
        if answer.status == _NOT_FOUND:
            return None
        if answer.status != _OK:
            raise failure(answer, where, "resolving it")
        digest = answer.headers.get("Docker-Content-Digest")
        if digest is None:
            return self.manifest(repository, reference).digest
        checked_digest(where, digest)
        if ":" in reference and digest != reference:
            raise DigestMismatch(where, f"the registry answers for {digest}")
        return digest

    def named_after_writing(self, repository: str, tag: str, digest: str, *, before: str | None = None) -> str | None:
        """The digest of a tag that was just set; asked a few times while a replica still answers with the previous
        digest. Raises `Forgotten` if that does not stop."""
        around = self._session.around
        for attempt in count(1):
            current_digest = self.resolve(repository, tag)
            if current_digest not in (before, None):
                return current_digest
            if attempt >= around.limits.attempts:
                break
            around.pause(around.backoff(attempt))
        still = f"still names {current_digest}" if current_digest else "is not there"
        raise Forgotten(self.where(repository, tag), f"the tag was set to {digest}, and {still}")

    def manifest(self, repository: str, reference: str) -> Manifest:
        """A manifest, its bytes checked against the requested digest and the one in the response."""
        where = self.where(repository, reference)
        answer = self._session.ask(
            "GET",
            f"/v2/{repository}/manifests/{reference}",
            where=where,
            scopes=pull_scopes(repository),
            headers={"Accept": ACCEPT, "Accept-Encoding": "identity"},
            limit=LARGEST_MANIFEST,
        )
        if answer.status != _OK:
            raise failure(answer, where, "reading the manifest")
        media_type = type_of(answer.headers.get("Content-Type", ""), answer.body)
        if media_type == _PAGE:
            raise NoRegistryThere(where, "reading the manifest was answered with a web page")
        digest = sha256(answer.body)
        for expected in (reference if ":" in reference else None, answer.headers.get("Docker-Content-Digest")):
            if expected is not None and expected != digest:
                raise DigestMismatch(where, f"expected {expected[:100]}, the {len(answer.body)} bytes have {digest}")
        return Manifest(raw=answer.body, media_type=media_type, digest=digest)

    def put_manifest(self, repository: str, reference: str, raw: bytes, media_type: str) -> str:
        """Store exactly these bytes under a digest or a tag; returns their digest."""
        where = self.where(repository, reference)
        digest = sha256(raw)
        if len(raw) > LARGEST_MANIFEST:
            raise TooLarge(where, f"expected a manifest of at most {LARGEST_MANIFEST} bytes, got {len(raw)}")
        if ":" in reference and reference != digest:
            raise DigestMismatch(where, f"the {len(raw)} bytes to store have the digest {digest}")
        answer = self._store(repository, reference, raw, media_type)
        stored = answer.headers.get("Docker-Content-Digest", digest)
        if stored != digest:
            raise DigestMismatch(where, f"stored {digest}, the registry says that it is {stored[:100]}")
        return digest

    def _store(self, repository: str, reference: str, raw: bytes, media_type: str) -> RegistryResponse:
        """Store the manifest; send it again, a few times, if a replica does not see yet what the manifest names."""
        where, around = self.where(repository, reference), self._session.around
        for attempt in count(1):
            answer = self._session.ask(
                "PUT",
                f"/v2/{repository}/manifests/{reference}",
                where=where,
                scopes=push_scopes(repository),
                headers={"Content-Type": media_type},
                body=raw,
            )
            if answer.status == _CREATED:
                break
            error = failure(answer, where, "storing the manifest")
            if isinstance(error, NotInRegistry):
                # Everything that it names was stored in this repository before: another replica does not know it yet.
                error = Forgotten(where, error.what)
            if not isinstance(error, Forgotten) or attempt >= around.limits.attempts:
                raise error
            around.pause(around.backoff(attempt))
        return answer

    def blob_exists(self, repository: str, digest: str) -> bool:
        self.where(repository, digest)
        return _blobs.exists(self._session, repository, digest)

    def open_blob(self, repository: str, digest: str, size: int) -> Iterator[bytes]:
        """Stream a blob in chunks of at most 128 KiB. The last chunk comes only if all of them match digest and
        size."""
        where = self.where(repository, digest)
        return _blobs.verified(_blobs.read_blob(self._session, repository, digest, size), digest, size, where)

    def put_blob(
        self,
        repository: str,
        digest: str,
        size: int,
        chunks: Callable[[], Iterable[bytes]],
        *,
        verify: bool = True,
    ) -> None:
        """Upload a blob as a stream. `chunks` is called once per attempt and must start from the first byte.

        `verify=False` skips hashing a stream that is verified already, such as that of `open_blob`.
        """
        where = self.where(repository, digest)

        def stream() -> Iterable[bytes]:
            return _blobs.verified(chunks(), digest, size, where) if verify else chunks()

        _blobs.write(self._session, repository, digest, size, stream)

    def mount_blob(self, repository: str, digest: str, origin: str) -> bool:
        """Link a blob from another repository of this registry; False if the registry wants an upload instead."""
        self.where(repository, digest)
        self.where(origin, digest)
        return _blobs.mount(self._session, repository, digest, origin)

    def referrers(self, repository: str, digest: str) -> Referrers:
        """The referrers of a manifest, from the registry's API or else from the index that clients keep under a tag."""
        self.where(repository, digest)
        by_api = _listing.referrers_by_api(self._session, repository, digest)
        if by_api.by_registry:
            return by_api
        tag = referrers_tag(digest)
        try:
            listed = _listing.referrers_in(self.manifest(repository, tag), self.where(repository, tag), of=digest)
        except NotInRegistry:
            return by_api
        except (RequestRejected, Unsupported) as error:
            return replace(by_api, note=f"has no list of referrers under {tag}: {error.what}", tag_is_taken=True)
        return replace(by_api, listed=listed)

    def recent_tags(self, repository: str, limit: int) -> list[TagInfo]:
        """The newest tags first; in registries that keep no times (all but ACR), the last tags by name."""
        where = self.where(repository)
        if limit < 1:
            raise Unsupported(where, f"limit: expected at least 1, got {limit}")
        try:
            return _metadata.recent_tags(self._session, repository, limit)
        except NotInRegistry:
            names = _listing.tag_names(self._session, repository, most=limit)
        digests = [(name, self.resolve(repository, name)) for name in reversed(names)]
        return [TagInfo(tag=name, digest=digest, updated_at=None) for name, digest in digests if digest]

    def lock(self, repository: str, tag: str, digest: str) -> Lock:
        """Protect the tag and its manifest from change and deletion. Raises `TagTaken` if it names another digest."""
        where = self.where(repository, tag)
        checked_digest(where, digest)
        current = self.resolve(repository, tag)
        if current is None:
            raise Forgotten(where, "it was set a moment ago, and is not there to be locked")
        if current != digest:
            raise TagTaken(where, f"expected it to name {digest}, it names {current}")
        try:
            _metadata.lock(self._session, repository, tag, digest)
        except NotInRegistry:
            return Lock.NOT_SUPPORTED
        return Lock.LOCKED

    def unlock_tag(self, repository: str, tag: str) -> None:
        """Allow a locked tag to be moved; does nothing if the registry has no locks."""
        self.where(repository, tag)
        with suppress(NotInRegistry):
            _metadata.unlock_tag(self._session, repository, tag)

"""Lists that a registry keeps: the referrers of a manifest, and the tags of a repository.

A registry with the OCI 1.1 API lists referrers (signatures, SBOMs, attestations). On any other, clients keep an index
under the tag `sha256-<hex>`, and a client that pushes a referrer has to update it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from pydantic import BaseModel, ConfigDict

from slipway.domain.model import canonical, sha256

from ._answers import failure
from ._endpoint import trusted
from ._errors import ErrorSubject, OurLimit, Unsupported
from ._http import RegistryResponse
from ._manifest import LARGEST_MANIFEST, OCI_INDEX, Descriptor, Manifest, parsed
from ._session import RegistrySession, Scopes, pull_scopes

_OK: Final = 200
_NOT_FOUND: Final = 404
_REFUSALS: Final = frozenset({401, 403, 407, 408, 429})
"""Statuses that tell nothing about the API. A failing server (5xx except 501) is tried again, and ends as an error
before this."""
_MOST_PAGES: Final = 100
_NEXT: Final = re.compile(r'<([^<>]*+)>\s*;\s*rel="?next"?')


@dataclass(frozen=True, kw_only=True)
class Referrers:
    """The referrers of one manifest, and who maintains the list."""

    listed: tuple[Descriptor, ...] = ()
    by_registry: bool
    """False if the list is an index under a tag, maintained by clients."""
    note: str = ""
    """Describes an answer that is neither a list nor the 404 of a registry without this API."""
    tag_is_taken: bool = False
    """Whether the tag of the list names something that is not a list."""


class _ReferrersIndex(BaseModel):
    model_config = ConfigDict(defer_build=True, extra="ignore")

    manifests: tuple[Descriptor, ...] | None = None


class _Tags(BaseModel):
    model_config = ConfigDict(defer_build=True, extra="ignore")

    tags: tuple[str, ...] | None = None


def referrers_tag(digest: str, suffix: str = "") -> str:
    """`sha256-<hex>`: the referrers tag of a manifest; with a suffix, one of cosign's."""
    return digest.replace(":", "-") + suffix


def referrers_by_api(session: RegistrySession, repository: str, digest: str) -> Referrers:
    """The registry's list of referrers, or that it has no such API.

    Registries without the API answer in many ways: 400, 405, 406, 501, a redirect to a page, a page. As with ORAS and
    crane, an answer that is not a list means that there are no referrers; a refusal, a failure, or a list that breaks
    off is an error.
    """
    where = session.where(repository, digest)
    descriptors: list[Descriptor] = []
    for number, answer in enumerate(
        _pages(session, f"/v2/{repository}/referrers/{digest}", where, pull_scopes(repository))
    ):
        media_type = answer.headers.get("Content-Type", "").partition(";")[0].strip()
        if answer.status == _OK and media_type == OCI_INDEX:
            descriptors.extend(parsed(_ReferrersIndex, answer.body, where).manifests or ())
        elif answer.status in _REFUSALS or number:
            raise failure(answer, where, "listing referrers")
        else:
            answered = f"{answer.status}" if answer.status != _OK else f"with {media_type[:80]!r}"
            note = f"answers {answered} when asked for referrers, so their list is looked for under a tag"
            return Referrers(by_registry=False, note="" if answer.status == _NOT_FOUND else note)
    return Referrers(listed=tuple(descriptors), by_registry=True)


def referrers_in(index: Manifest, where: ErrorSubject, *, of: str) -> tuple[Descriptor, ...]:
    """The entries of an index that clients maintain. A registry may mistake the tag for the digest that it is made of,
    and answer with the artifact itself, whose parts are not referrers."""
    if index.media_type != OCI_INDEX:
        raise Unsupported(where, f"expected the list of referrers to be {OCI_INDEX}, got {index.media_type[:255]!r}")
    if index.digest == of:
        raise Unsupported(where, "expected the list of referrers, got the artifact that it would be of")
    return parsed(_ReferrersIndex, index.raw, where).manifests or ()


def referrers_index(listed: tuple[Descriptor, ...]) -> Manifest:
    """The manifest of an index that clients maintain."""
    raw = canonical(
        {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [descriptor.as_json() for descriptor in listed]}
    )
    return Manifest(raw=raw, media_type=OCI_INDEX, digest=sha256(raw))


def tag_names(session: RegistrySession, repository: str, *, most: int) -> list[str]:
    """At most the last `most` tags by name; registries list them in any order."""
    where = session.where(repository)
    names: list[str] = []
    for answer in _pages(session, f"/v2/{repository}/tags/list?n=1000", where, pull_scopes(repository)):
        if answer.status != _OK:
            raise failure(answer, where, "listing tags")
        names = sorted({*names, *(parsed(_Tags, answer.body, where).tags or ())})[-most:]
    return names


def _pages(session: RegistrySession, path: str, where: ErrorSubject, scopes: Scopes) -> Iterator[RegistryResponse]:
    base = session.endpoint.url
    for _ in range(_MOST_PAGES):
        answer = session.ask("GET", path, where=where, scopes=scopes, limit=LARGEST_MANIFEST)
        yield answer
        following = _NEXT.search(answer.headers.get("Link", ""))
        if not following:
            return
        path = trusted(where, base, following[1], "next page")
    raise OurLimit(where, f"expected at most {_MOST_PAGES} pages, the registry has more")

"""The operations that the changeable attributes forbid. ACR answers 405 REGISTRY_DISALLOWED_OPERATION, and so does
this.

Locks of a repository, a tag and a manifest are separate: a locked manifest may lose its tag, a locked tag's manifest
cannot be deleted (the tag would go with it).
"""

from .errors import Code, OciError
from .index import Index
from .names import is_digest
from .records import Attributes

DELETE = "deleteEnabled or writeEnabled"


def check_read(index: Index, repository: str, digest: str, tag: str | None) -> None:
    _refuse_unless(all(held.read_enabled for held in _held(index, repository, digest, tag)), "readEnabled")


def check_push(index: Index, repository: str, digest: str, tag: str | None) -> None:
    """A push is an update of the tag, even when it names the same digest again."""
    _refuse_unless(all(held.write_enabled for held in _held(index, repository, digest, tag)), "writeEnabled")


def check_delete_tag(index: Index, repository: str, tag: str) -> None:
    _refuse_unless(all(_deletable(held) for held in _held(index, repository, None, tag)), DELETE)


def check_delete_manifest(index: Index, repository: str, digest: str) -> None:
    held = _held(index, repository, digest, None) + [tag.attributes for tag in index.tags_of(repository, digest)]
    _refuse_unless(all(_deletable(attributes) for attributes in held), DELETE)


def check_delete_repository(index: Index, repository: str) -> None:
    held = _held(index, repository, None, None) + index.attributes_within(repository)
    _refuse_unless(all(_deletable(attributes) for attributes in held), DELETE)


def resolve(index: Index, repository: str, reference: str) -> tuple[str, str | None]:
    """Digest and tag that a reference means; raises MANIFEST_UNKNOWN."""
    if is_digest(reference):
        if index.manifest(repository, reference):
            return reference, None
        raise OciError(Code.MANIFEST_UNKNOWN, {"Name": repository, "Revision": reference})
    tag = index.tag(repository, reference)
    if tag is None:
        raise OciError(Code.MANIFEST_UNKNOWN, {"Name": repository, "Tag": reference})
    return tag.digest, reference


def _held(index: Index, repository: str, digest: str | None, tag: str | None) -> list[Attributes]:
    found = [
        index.repository(repository),
        index.manifest(repository, digest) if digest else None,
        index.tag(repository, tag) if tag else None,
    ]
    return [thing.attributes for thing in found if thing is not None]


def _deletable(attributes: Attributes) -> bool:
    return attributes.delete_enabled and attributes.write_enabled


def _refuse_unless(allowed: bool, attribute: str) -> None:
    if not allowed:
        raise OciError(Code.REGISTRY_DISALLOWED_OPERATION, {"reason": f"{attribute} is false"})

"""Which operations the changeable attributes forbid. Like ACR, this responds with 405 REGISTRY_DISALLOWED_OPERATION.

The locks of a repository, a tag and a manifest are separate: a locked manifest may lose its tag; the manifest of a
locked tag cannot be deleted (its tag would go with it).
"""

from .errors import Code, OciError
from .index import Index
from .names import is_digest
from .records import Attributes

DELETE = "deleteEnabled or writeEnabled"


def check_read(index: Index, repository: str, digest: str, tag: str | None) -> None:
    _refuse_unless(
        all(attributes.read_enabled for attributes in _attributes_of(index, repository, digest, tag)), "readEnabled"
    )


def check_push(index: Index, repository: str, digest: str, tag: str | None) -> None:
    """A push is an update of the tag, even when it names the same digest again."""
    _refuse_unless(
        all(attributes.write_enabled for attributes in _attributes_of(index, repository, digest, tag)), "writeEnabled"
    )


def check_delete_tag(index: Index, repository: str, tag: str) -> None:
    _refuse_unless(all(_deletable(attributes) for attributes in _attributes_of(index, repository, None, tag)), DELETE)


def check_delete_manifest(index: Index, repository: str, digest: str) -> None:
    all_attributes = _attributes_of(index, repository, digest, None) + [
        tag.attributes for tag in index.tags_of(repository, digest)
    ]
    _refuse_unless(all(_deletable(attributes) for attributes in all_attributes), DELETE)


def check_delete_repository(index: Index, repository: str) -> None:
    all_attributes = _attributes_of(index, repository, None, None) + index.attributes_within(repository)
    _refuse_unless(all(_deletable(attributes) for attributes in all_attributes), DELETE)


def resolve(index: Index, repository: str, reference: str) -> tuple[str, str | None]:
    """Digest and tag to which a reference resolves; raises MANIFEST_UNKNOWN."""
    if is_digest(reference):
        if index.manifest(repository, reference):
            return reference, None
        raise OciError(Code.MANIFEST_UNKNOWN, {"Name": repository, "Revision": reference})
    tag = index.tag(repository, reference)
    if tag is None:
        raise OciError(Code.MANIFEST_UNKNOWN, {"Name": repository, "Tag": reference})
    return tag.digest, reference


def _attributes_of(index: Index, repository: str, digest: str | None, tag: str | None) -> list[Attributes]:
    records = [
        index.repository(repository),
        index.manifest(repository, digest) if digest else None,
        index.tag(repository, tag) if tag else None,
    ]
    return [record.attributes for record in records if record is not None]


def _deletable(attributes: Attributes) -> bool:
    return attributes.delete_enabled and attributes.write_enabled


def _refuse_unless(allowed: bool, attribute: str) -> None:
    if not allowed:
        raise OciError(Code.REGISTRY_DISALLOWED_OPERATION, {"reason": f"{attribute} is false"})

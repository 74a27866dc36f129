"""Foresees what would stop a copy, or a node's pull, before anybody is asked to vote.

It only reads. It finds the obstacles that `copy_artifact` would meet: a taken tag, a platform removed by a clean-up, a
missing layer, content that cannot be copied.
"""

from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import partial
from typing import Final

from ._client import Registry
from ._copy import digest_named_by_tag
from ._copy_types import CopySource, CopyTarget
from ._errors import LayerMissing, Unsupported
from ._graph import discover, missing_child
from ._manifest import INDEXES, Content, Manifest, content_of
from ._parallel import Question, map_parallel

_WORKERS: Final = 4


def foresee(source: CopySource, target: CopyTarget) -> None:
    """Raises the `RegistryError` that a copy would raise."""
    with ThreadPoolExecutor(max_workers=_WORKERS, thread_name_prefix="foresee") as executor:
        tag = executor.submit(digest_named_by_tag, target)
        _look_through(source.registry, source.repository, source.digest, executor)
        tag.result()


def check_whole(registry: Registry, repository: str, digest: str) -> None:
    """Raises `Incomplete` or `LayerMissing` if the registry does not hold the artifact with all of its bytes."""
    with ThreadPoolExecutor(max_workers=_WORKERS, thread_name_prefix="foresee") as executor:
        _look_through(registry, repository, digest, executor)


def _look_through(registry: Registry, repository: str, digest: str, executor: Executor) -> None:
    digests_held = set[str]()

    def look_for_blob(digest: str) -> tuple[Question, ...]:
        if registry.blob_exists(repository, digest):
            digests_held.add(digest)
        return ()

    def questions_about(_: Manifest, content: Content) -> Iterator[Question]:
        return (partial(look_for_blob, blob.digest) for blob in content.blobs if not blob.may_be_elsewhere)

    graph = discover(registry, repository, digest, executor, also=questions_about)
    needed = graph.needed_blobs()
    for blob in graph.blobs():
        if blob.digest in needed - digests_held and not blob.may_be_elsewhere:
            where = registry.where(repository, blob.digest)
            raise LayerMissing(where, f"these {blob.size} bytes of the image are not there")


def check_children(registry: Registry, repository: str, manifest: Manifest) -> None:
    """Raises `Incomplete` if the manifest is an index that lists a manifest which the registry no longer has."""
    if manifest.media_type not in INDEXES:
        return
    try:
        children = content_of(manifest, registry.where(repository, manifest.digest)).children
    except Unsupported:
        return  # it cannot be copied, which only matters if it has to be
    with ThreadPoolExecutor(max_workers=_WORKERS, thread_name_prefix="foresee") as executor:
        digests = map_parallel(executor, lambda child: registry.resolve(repository, child.digest), children)
    for child, digest in zip(children, digests, strict=True):
        if digest is None:
            raise missing_child(registry.where(repository, manifest.digest), child)

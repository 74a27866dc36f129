"""Copies an artifact, by digest, with its referrers from one registry into another.

The digest that was tested and voted on is the digest that arrives: manifests are copied as raw bytes, every blob is
hashed on the way, and every manifest is read back from the target before the tag is set. The tag is set last, so nobody
sees half an artifact; a tag that names something else is moved only if the target allows it. Running it again copies
nothing.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field

from slipway.domain.model import canonical

from ._copy_types import Comparison, CopyResult, CopySource, CopyTarget, Progress, Unfinished, limited_notes
from ._endpoint import checked_digest
from ._errors import (
    DigestMismatch,
    Forgotten,
    Locked,
    NotInRegistry,
    NotListed,
    RegistryError,
    RequestRejected,
    SubjectRefused,
    TagTaken,
)
from ._graph import Graph, Node, discover, platforms_of
from ._inventory import TargetInventory, has_manifest
from ._listing import referrers_index, referrers_tag
from ._manifest import Content, Descriptor, content_of
from ._parallel import map_parallel
from ._progress import BlobOutcome, ProgressCounter


def copy_artifact(
    source: CopySource,
    target: CopyTarget,
    *,
    workers: int = 4,
    progress: Callable[[Progress], None] | None = None,
    time_is_up: Callable[[], bool] = lambda: False,
) -> CopyResult:
    """Copy what the target lacks, compare, then tag. Safe to repeat after any failure.

    Once `time_is_up` returns true, no further blob is started after the first that was copied, and `Unfinished` is
    raised; the next call continues from there. `progress` is called before the first blob, after each one and during
    large ones, from any thread but never concurrently; an exception from it ends the copy. Other failures raise a
    `RegistryError`.
    """
    where = target.registry.where(target.repository, target.tag)
    checked_digest(where, source.digest)
    if target.digest != source.digest:
        raise DigestMismatch(where, f"the plan's target digest is {target.digest}, the source is {source.digest}")
    with ThreadPoolExecutor(max_workers=workers, thread_name_prefix="copy") as executor:
        tag = executor.submit(digest_named_by_tag, target)
        inventory = TargetInventory(target.registry, target.repository)
        graph = discover(source.registry, source.repository, source.digest, executor, also=inventory.questions_about)
        root = graph.nodes[graph.root].manifest
        platforms = executor.submit(platforms_of, source.registry, source.repository, root)
        run = _Run(
            source=source,
            target=target,
            graph=graph,
            levels=tuple(graph.levels()),
            inventory=inventory,
            executor=executor,
        )
        tag.result()
        blobs = _copy_blobs(run, progress, time_is_up)
        copied = _copy_manifests(run)
        _copy_cosign_tags(run)
        notes = _list_referrers(run) + run.notes()
        confirmed = inventory.manifests | _read_back(run, copied)
        tag_was = _move_tag(run)
    return CopyResult(
        source=str(source.registry.where(source.repository, source.digest)),
        target=str(target.registry.where(target.repository, target.digest)),
        digest=source.digest,
        tag=target.tag,
        tag_was=tag_was,
        media_type=root.media_type,
        platforms=platforms.result(),
        manifests=tuple(node.digest for node in run.nodes()),
        referrers=tuple(digest for digest in graph.belongings() if digest not in run.left_out),
        manifests_copied=len(copied),
        blobs_copied=blobs.count[BlobOutcome.COPIED],
        blobs_mounted=blobs.count[BlobOutcome.MOUNTED],
        blobs_skipped=blobs.count[BlobOutcome.SKIPPED],
        bytes_copied=blobs.bytes_copied,
        comparison=Comparison(
            tag=target.tag,
            resolves_to=target.digest,
            read_back=tuple(node.digest for node in run.nodes() if node.digest in confirmed),
        ),
        notes=limited_notes(graph.notes + notes),
    )


@dataclass(frozen=True, kw_only=True)
class _Run:
    source: CopySource
    target: CopyTarget
    graph: Graph
    levels: tuple[tuple[Node, ...], ...]
    inventory: TargetInventory
    executor: Executor
    left_out: dict[str, str] = field(default_factory=dict)
    """Referrers that cannot be copied, with the reason."""

    def nodes(self) -> Iterator[Node]:
        """The nodes in the order in which they are stored, without those that were left out."""
        for level in self.levels:
            yield from (node for node in level if node.digest not in self.left_out)

    def leave_out_holders_of(self, blob: str, why: str) -> None:
        for node in self.graph.nodes.values():
            if any(each.digest == blob for each in node.content.blobs):
                self.left_out[node.digest] = why

    def notes(self) -> tuple[str, ...]:
        where = self.source.registry.where(self.source.repository)
        return tuple(f"{where}: the referrer {digest} was left out: {why}" for digest, why in self.left_out.items())


def _copy_blobs(
    run: _Run, progress: Callable[[Progress], None] | None, time_is_up: Callable[[], bool]
) -> ProgressCounter:
    """Copy all blobs. If `time_is_up` becomes true, copy at least one and raise `Unfinished`."""
    blobs = run.graph.blobs()
    counter = ProgressCounter(blobs, progress)
    counter.start()

    def copy(blob: Descriptor) -> None:
        over = counter.count[BlobOutcome.COPIED] and time_is_up()
        counter.finish(blob, BlobOutcome.DEFERRED if over else _copy_blob(run, blob, counter))

    map_parallel(run.executor, copy, blobs)
    if counter.count[BlobOutcome.DEFERRED]:
        raise Unfinished(counter.progress)
    return counter


def _copy_blob(run: _Run, blob: Descriptor, counter: ProgressCounter) -> BlobOutcome:
    source, target = run.source, run.target
    if blob.digest in run.inventory.blobs:
        return BlobOutcome.SKIPPED
    if source.registry.endpoint == target.registry.endpoint:
        # A link only saves the transfer of the bytes: if it is refused, for lack of a right or otherwise, they are
        # copied.
        with suppress(RegistryError):
            if target.registry.mount_blob(target.repository, blob.digest, source.repository):
                return BlobOutcome.MOUNTED
    try:
        target.registry.put_blob(
            target.repository,
            blob.digest,
            blob.size,
            lambda: counter.passing(blob, source.registry.open_blob(source.repository, blob.digest, blob.size)),
            verify=False,  # `open_blob` already checks the hash
        )
    except NotInRegistry as gone:
        if blob.digest in run.graph.needed_blobs() or gone.where != source.registry.where(
            source.repository, blob.digest
        ):
            raise
        run.leave_out_holders_of(blob.digest, f"{blob.digest} is gone")
        return BlobOutcome.SKIPPED
    return BlobOutcome.COPIED


def _copy_manifests(run: _Run) -> list[Node]:
    """Level by level, since registries refuse a manifest whose references do not exist yet."""
    target = run.target

    def store(node: Node) -> None:
        if any(child.digest in run.left_out for child in node.content.children):
            run.left_out[node.digest] = "a part of it is"
        if node.digest in run.left_out:
            return
        try:
            target.registry.put_manifest(target.repository, node.digest, node.manifest.raw, node.manifest.media_type)
        except RequestRejected as error:
            if node.content.subject is None or isinstance(error, Locked):
                raise
            if not target.may_lack_referrers:
                what = f"it is a referrer, and a manifest with a subject was refused ({error.what})"
                raise SubjectRefused(error.where, what) from error
            run.left_out[node.digest] = error.what

    missing = [[node for node in level if node.digest not in run.inventory.manifests] for level in run.levels]
    for level in missing:
        map_parallel(run.executor, store, level)
    return [node for level in missing for node in level if node.digest not in run.left_out]


def _copy_cosign_tags(run: _Run) -> None:
    pairs = [pair for node in run.nodes() for pair in node.cosign_tags.items() if pair[1] not in run.left_out]
    map_parallel(run.executor, lambda pair: _copy_cosign_tag(run, *pair), pairs)


def _copy_cosign_tag(run: _Run, tag: str, digest: str) -> None:
    target = run.target
    where = target.registry.where(target.repository, tag)
    current = target.registry.resolve(target.repository, tag)
    if current == digest:
        return
    node = run.graph.nodes[digest]
    if current is not None:
        # Cosign adds a signature by replacing the manifest with one that has a further layer. No layer may be lost.
        current_content = content_of(target.registry.manifest(target.repository, current), where)
        if not _layers(current_content) <= _layers(node.content):
            raise TagTaken(where, f"it names {current}, with content that {digest} at the source does not have")
    target.registry.put_manifest(target.repository, tag, node.manifest.raw, node.manifest.media_type)


def _layers(content: Content) -> set[bytes]:
    return {canonical(layer.as_json()) for layer in content.layers}


def _list_referrers(run: _Run) -> tuple[str, ...]:
    """Make the target list the same referrers for each manifest as the source does. Returns its unexpected answers."""
    target = run.target

    def list_for(node: Node) -> str:
        current = target.registry.referrers(target.repository, node.digest)
        listed_digests = {descriptor.digest for descriptor in current.listed}
        digests = listed_digests | run.left_out.keys()
        missing = tuple(descriptor for descriptor in node.referrers if descriptor.digest not in digests)
        note = f"{target.registry.where(target.repository)} {current.note}" if current.note else ""
        if not missing:
            return note
        if current.by_registry:
            where = target.registry.where(target.repository, node.digest)
            raise NotListed(where, f"the referrer {missing[0].digest} is stored but not listed")
        if current.tag_is_taken:
            where = target.registry.where(target.repository, referrers_tag(node.digest))
            raise TagTaken(where, "the list of referrers has to go there, and it names something else")
        index = referrers_index(current.listed + missing)
        target.registry.put_manifest(target.repository, referrers_tag(node.digest), index.raw, index.media_type)
        return note

    notes = map_parallel(run.executor, list_for, [node for node in run.nodes() if node.referrers])
    return tuple(sorted(set(filter(None, notes))))


def _read_back(run: _Run, copied: list[Node]) -> frozenset[str]:
    target = run.target
    stored = map_parallel(
        run.executor, lambda node: has_manifest(target.registry, target.repository, node.digest), copied
    )
    for node, is_stored in zip(copied, stored, strict=True):
        if not is_stored:
            where = run.target.registry.where(run.target.repository, node.digest)
            raise Forgotten(where, "it was stored, but is not there")
    return frozenset(node.digest for node in copied)


def _move_tag(run: _Run) -> str | None:
    """Make the tag name the artifact. Returns the digest that it named before, or None if it was not moved."""
    target = run.target
    current = digest_named_by_tag(target)
    if current == target.digest:
        return None
    if current is not None:
        if target.before_moving:
            target.before_moving(current)
        # The old manifest stays locked: it may be deployed, and retention must not delete it once it has no tag.
        target.registry.unlock_tag(target.repository, target.tag)
    root = run.graph.nodes[run.graph.root].manifest
    target.registry.put_manifest(target.repository, target.tag, root.raw, root.media_type)
    resolved = target.registry.named_after_writing(target.repository, target.tag, target.digest, before=current)
    if resolved != target.digest:
        where = target.registry.where(target.repository, target.tag)
        raise TagTaken(where, f"it was moved to {resolved} while the artifact was being copied")
    return current


def digest_named_by_tag(target: CopyTarget) -> str | None:
    """The digest that the tag names. Raises `TagTaken` if it is another one and the tag may not be moved."""
    current = target.registry.resolve(target.repository, target.tag)
    if current not in (None, target.digest) and not target.may_move:
        where = target.registry.where(target.repository, target.tag)
        raise TagTaken(where, f"it names {current}, but should name {target.digest}")
    return current

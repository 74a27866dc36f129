"""The graph of manifests that make up an artifact, read from the source, and the order in which to store them.

From the artifact's digest the graph follows the platforms of an index, the referrers of any manifest (signatures,
SBOMs, attestations, and their own referrers), and cosign's tags.
"""

import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import partial
from graphlib import TopologicalSorter
from typing import Final
from urllib.parse import urlsplit

from ._client import Registry
from ._errors import ErrorSubject, Incomplete, LayerMissing, NotInRegistry, OurLimit, TooLarge, Unsupported
from ._listing import referrers_tag
from ._manifest import IMAGE_CONFIGS, INDEXES, Content, Descriptor, Manifest, Platform, content_of, parsed
from ._parallel import Question, explore

COSIGN_SUFFIXES: Final = (".sig", ".att", ".sbom")
MOST_MANIFESTS: Final = 500
MOST_BLOBS: Final = 5_000
"""The most layers and configs of all manifests together: each costs a request, and a small manifest can list many."""
MOST_BYTES: Final = 64 * 1024 * 1024
"""Limit for all manifests together, as they stay in memory until the end."""
_LARGEST_CONFIG: Final = 4 * 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Node:
    """A manifest, with its referrers."""

    manifest: Manifest
    content: Content
    referrers: tuple[Descriptor, ...] = ()
    cosign_tags: dict[str, str] = field(default_factory=dict)
    """Cosign's tags for this manifest → the digests that they name."""

    @property
    def digest(self) -> str:
        return self.manifest.digest


@dataclass(frozen=True, kw_only=True)
class Graph:
    """An artifact with all of its manifests and their referrers."""

    root: str
    nodes: dict[str, Node]
    elsewhere: frozenset[str] = frozenset()
    """Digests of foreign layers that the source does not hold. They are not copied; their manifests say where they
    are."""
    notes: tuple[str, ...] = ()
    """The parts that were left out, or were treated otherwise than the registry says, sorted."""

    def blobs(self) -> list[Descriptor]:
        """Each blob that has to be copied, once; the largest first, since they take longest."""
        by_digest: dict[str, Descriptor] = {}
        for node in self.nodes.values():
            for blob in node.content.blobs:
                if blob.digest not in self.elsewhere:
                    by_digest.setdefault(blob.digest, blob)
        return sorted(by_digest.values(), key=lambda blob: (-blob.size, blob.digest))

    def levels(self) -> Iterator[tuple[Node, ...]]:
        """Nodes in the order in which to store them: children before their index, a manifest before its referrers.

        The nodes of one level are independent of each other.
        """
        order: TopologicalSorter[str] = TopologicalSorter()
        for digest, node in self.nodes.items():
            order.add(digest, *(child.digest for child in node.content.children))
            for referrer in node.referrers:
                order.add(referrer.digest, digest)
        order.prepare()
        while order.is_active():
            ready = order.get_ready()
            yield tuple(self.nodes[digest] for digest in sorted(ready))
            order.done(*ready)

    def belongings(self) -> tuple[str, ...]:
        """The manifests that refer to the artifact and are not part of it, sorted."""
        return tuple(sorted(self.nodes.keys() - self.parts()))

    def needed_blobs(self) -> frozenset[str]:
        """Digests of the blobs that make the artifact complete; the others belong only to its referrers."""
        return frozenset(blob.digest for digest in self.parts() for blob in self.nodes[digest].content.blobs)

    def parts(self) -> set[str]:
        """The manifests that make up the artifact: its root, and those that an index lists."""
        parts, pending = {self.root}, [self.root]
        while pending:
            for child in self.nodes[pending.pop()].content.children:
                if child.digest not in parts:
                    parts.add(child.digest)
                    pending.append(child.digest)
        return parts


type About = Callable[[Manifest, Content], Iterable[Question]]
"""Further questions to ask once a manifest is known."""


def discover(
    registry: Registry, repository: str, digest: str, executor: Executor, *, also: About = lambda *_: ()
) -> Graph:
    """Read the whole graph from the source; each manifest is requested as soon as its digest is known.

    A signature or another referrer that the source lists but no longer has is left out, with a note: the artifact is
    complete without it. Raises `Incomplete` if a part of the artifact itself is gone.
    """
    discovery = _Discovery(registry, repository, digest, also)
    explore(executor, discovery.questions_about(digest))
    graph = discovery.graph()
    _check(graph, registry, repository)
    return graph


def platforms_of(registry: Registry, repository: str, manifest: Manifest) -> tuple[str, ...]:
    """`linux/amd64`, …: from the index or, for a single image, from its configuration; empty for artifacts that are not
    images."""
    content = content_of(manifest, registry.where(repository, manifest.digest))
    if manifest.media_type in INDEXES:
        names = [child.platform.name for child in content.children if child.platform]
        return tuple(dict.fromkeys(name for name in names if name))
    config = content.config
    if config is None or config.media_type not in IMAGE_CONFIGS:
        return ()
    where = registry.where(repository, config.digest)
    if config.size > _LARGEST_CONFIG:
        raise TooLarge(where, f"expected an image configuration of at most {_LARGEST_CONFIG} bytes, got {config.size}")
    raw = b"".join(registry.open_blob(repository, config.digest, config.size))
    name = parsed(Platform, raw, where).name
    return (name,) if name else ()


def missing_child(index: ErrorSubject, child: Descriptor) -> Incomplete:
    platform = child.platform.name if child.platform else ""
    what = f"{platform} {child.digest}" if platform else child.digest
    return Incomplete(index, f"the index lists {what}, which the registry no longer has")


class _Discovery:
    """The part of the graph read so far. Each question runs in the executor, and none waits for another."""

    def __init__(self, registry: Registry, repository: str, root: str, also: About) -> None:
        self._registry, self._repository, self._root = registry, repository, root
        self._also = also
        self._lock = threading.Lock()
        self._size = 0
        self._known: dict[str, None] = {}
        self._manifests: dict[str, Manifest] = {}
        self._contents: dict[str, Content] = {}
        self._referrers: dict[str, tuple[Descriptor, ...]] = {}
        self._cosign_tags: dict[str, dict[str, str]] = defaultdict(dict)
        self._listed = 0
        """The number of layers and configs, each counted as often as manifests list it."""
        self._elsewhere: set[str] = set()
        self._missing_below: dict[str, tuple[str, Descriptor] | None] = {}
        """The findings of `_missing_child`, since many indexes may list the same manifests."""
        self.notes: set[str] = set()

    def questions_about(self, *digests: str) -> list[Question]:
        """The questions about the manifests that were not seen before."""
        with self._lock:
            new = [digest for digest in dict.fromkeys(digests) if digest not in self._known]
            self._known |= dict.fromkeys(new)
            if len(self._known) > MOST_MANIFESTS:
                raise OurLimit(
                    self._error_subject(self._root), f"expected at most {MOST_MANIFESTS} manifests, got more"
                )
        return [question for digest in new for question in self._questions(digest)]

    def graph(self) -> Graph:
        """The complete parts that belong to the artifact. Raises `Incomplete`."""
        if missing := self._missing_child(self._root):
            index, child = missing
            raise missing_child(self._error_subject(index), child)
        nodes, pending = dict[str, Node](), [self._root]
        while pending:
            digest = pending.pop()
            if digest not in nodes:
                node = nodes[digest] = self._node(digest)
                pending += (each.digest for each in (*node.content.children, *node.referrers))
                pending += node.cosign_tags.values()
        return Graph(
            root=self._root, nodes=nodes, elsewhere=frozenset(self._elsewhere), notes=tuple(sorted(self.notes))
        )

    def _missing_child(self, digest: str) -> tuple[str, Descriptor] | None:
        """An index at or below the manifest, and the first child that it lists but that does not exist."""
        if digest not in self._missing_below:
            self._missing_below[digest] = self._find_missing(digest)
        return self._missing_below[digest]

    def _find_missing(self, digest: str) -> tuple[str, Descriptor] | None:
        for child in self._contents[digest].children:
            if child.digest not in self._contents:
                return digest, child
            if below := self._missing_child(child.digest):
                return below
        return None

    def _node(self, digest: str) -> Node:
        tags = sorted(self._cosign_tags[digest].items())
        return Node(
            manifest=self._manifests[digest],
            content=self._contents[digest],
            referrers=tuple(each for each in self._referrers[digest] if self._holds_referrer(digest, each.digest)),
            cosign_tags={tag: tag_digest for tag, tag_digest in tags if self._holds_referrer(digest, tag_digest)},
        )

    def _holds_referrer(self, subject: str, referrer: str) -> bool:
        """Whether the whole referrer exists; adds a note if it does not."""
        if referrer in self._contents and not self._missing_child(referrer):
            return True
        self.notes.add(f"{self._error_subject(subject)} lists {referrer}, which is gone and was left out")
        return False

    def _questions(self, digest: str) -> Iterator[Question]:
        yield partial(self._read, digest)
        yield partial(self._list_referrers, digest)
        for suffix in COSIGN_SUFFIXES:
            yield partial(self._resolve, digest, referrers_tag(digest, suffix))

    def _read(self, digest: str) -> list[Question]:
        try:
            manifest = self._registry.manifest(self._repository, digest)
        except NotInRegistry:
            if digest == self._root:
                raise
            return []  # whether that matters depends on the manifest that lists it
        content = content_of(manifest, self._error_subject(digest))
        with self._lock:
            self._manifests[digest], self._contents[digest] = manifest, content
            self._size += len(manifest.raw)
            if self._size > MOST_BYTES:
                raise OurLimit(
                    self._error_subject(self._root), f"expected at most {MOST_BYTES} bytes of manifests, got more"
                )
            self._listed += len(content.blobs)
            if self._listed > MOST_BLOBS:
                raise OurLimit(
                    self._error_subject(self._root), f"expected at most {MOST_BLOBS} layers and configs, got more"
                )
        foreign = (partial(self._look_for, blob) for blob in content.blobs if blob.may_be_elsewhere)
        return [
            *self.questions_about(*(child.digest for child in content.children)),
            *foreign,
            *self._also(manifest, content),
        ]

    def _look_for(self, layer: Descriptor) -> tuple[Question, ...]:
        """Foreign layers that the source holds are copied like any other."""
        if not self._registry.blob_exists(self._repository, layer.digest):
            where = self._error_subject(layer.digest)
            if not layer.urls:
                raise LayerMissing(where, "the foreign layer is not there, and its manifest names no other place")
            host = urlsplit(layer.urls[0]).hostname
            self._elsewhere.add(layer.digest)
            self.notes.add(f"{where} is a foreign layer that is not there, and was left at {host}")
        return ()

    def _list_referrers(self, digest: str) -> list[Question]:
        referrers = self._registry.referrers(self._repository, digest)
        self._referrers[digest] = referrers.listed
        if referrers.note:
            self.notes.add(f"{self._registry.where(self._repository)} {referrers.note}")
        return self.questions_about(*(referrer.digest for referrer in referrers.listed))

    def _resolve(self, digest: str, tag: str) -> list[Question]:
        tag_digest = self._registry.resolve(self._repository, tag)
        if tag_digest is None:
            return []
        with self._lock:
            self._cosign_tags[digest][tag] = tag_digest
        return self.questions_about(tag_digest)

    def _error_subject(self, digest: str) -> ErrorSubject:
        return self._registry.where(self._repository, digest)


def _check(graph: Graph, registry: Registry, repository: str) -> None:
    """Raises `Unsupported` if a list and the manifests disagree: the target could then never match the source."""
    for node in graph.nodes.values():
        where = registry.where(repository, node.digest)
        for referrer in node.referrers:
            subject = graph.nodes[referrer.digest].content.subject
            if subject != node.digest:
                raise Unsupported(where, f"{referrer.digest} is listed as its referrer, but refers to {subject}")
        for descriptor in (*node.content.children, *node.referrers):
            _check_descriptor(descriptor, graph.nodes[descriptor.digest].manifest, where)


def _check_descriptor(descriptor: Descriptor, manifest: Manifest, where: ErrorSubject) -> None:
    if descriptor.size != len(manifest.raw) or descriptor.media_type != manifest.media_type:
        raise Unsupported(
            where,
            f"it says that {descriptor.digest} is {descriptor.media_type} of {descriptor.size} bytes; "
            f"it is {manifest.media_type} of {len(manifest.raw)} bytes",
        )

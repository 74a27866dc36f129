"""Everything that belongs to an artifact: found at the source, and put into the order in which it may be stored.

From the artifact's digest the graph follows the platforms of an index, what refers to any of them (signatures, SBOMs,
attestations, and what refers to those), and cosign's tags.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import partial
from graphlib import TopologicalSorter
from typing import Final

from ._client import Registry
from ._errors import TooLarge, Unsupported, Where
from ._listing import tag_of
from ._manifest import IMAGE_CONFIGS, INDEXES, Content, Descriptor, Manifest, Platform, content_of, parsed
from ._parallel import each

COSIGN_SUFFIXES: Final = (".sig", ".att", ".sbom")
MOST_MANIFESTS: Final = 500
MOST_BYTES: Final = 64 * 1024 * 1024
"""Of all manifests together: they are held until the end."""
_LARGEST_CONFIG: Final = 4 * 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Node:
    """A manifest, and what else there is about it."""

    manifest: Manifest
    content: Content
    referrers: tuple[Descriptor, ...] = ()
    cosign_tags: dict[str, str] = field(default_factory=dict)
    """Cosign's tags about this manifest, and the digests that they name."""

    @property
    def digest(self) -> str:
        return self.manifest.digest

    def leads_to(self) -> Iterator[str]:
        for descriptor in (*self.content.children, *self.referrers):
            yield descriptor.digest
        yield from self.cosign_tags.values()


@dataclass(frozen=True, kw_only=True)
class Graph:
    """An artifact with all that belongs to it."""

    root: str
    nodes: dict[str, Node]

    def blobs(self) -> list[Descriptor]:
        """Each blob once, the largest first: they take longest, and should not be begun last."""
        found: dict[str, Descriptor] = {}
        for node in self.nodes.values():
            for blob in node.content.blobs:
                found.setdefault(blob.digest, blob)
        return sorted(found.values(), key=lambda blob: (-blob.size, blob.digest))

    def levels(self) -> Iterator[tuple[Node, ...]]:
        """Nodes in the order of storing: children before their index, a referrer after what it refers to.

        The nodes of one level do not need each other.
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
        """The manifests that are about the artifact rather than part of it."""
        parts, pending = {self.root}, [self.root]
        while pending:
            for child in self.nodes[pending.pop()].content.children:
                if child.digest not in parts:
                    parts.add(child.digest)
                    pending.append(child.digest)
        return tuple(sorted(self.nodes.keys() - parts))


def discover(registry: Registry, repository: str, digest: str, executor: Executor) -> Graph:
    """Read the whole graph from the source, one generation at a time."""
    nodes: dict[str, Node] = {}
    generation = [digest]
    size = 0
    while generation:
        if len(nodes) + len(generation) > MOST_MANIFESTS:
            raise TooLarge(registry.where(repository, digest), f"expected at most {MOST_MANIFESTS} manifests, got more")
        for node in _generation(registry, repository, generation, executor):
            nodes[node.digest] = node
            size += len(node.manifest.raw)
        if size > MOST_BYTES:
            raise TooLarge(
                registry.where(repository, digest), f"expected at most {MOST_BYTES} bytes of manifests, got more"
            )
        following = (target for each_digest in generation for target in nodes[each_digest].leads_to())
        generation = [target for target in dict.fromkeys(following) if target not in nodes]
    graph = Graph(root=digest, nodes=nodes)
    _check(graph, registry, repository)
    return graph


def platforms_of(graph: Graph, registry: Registry, repository: str) -> tuple[str, ...]:
    """`linux/amd64`, …: as the index says, or for a single image its configuration."""
    root = graph.nodes[graph.root]
    if root.manifest.media_type in INDEXES:
        named = [child.platform.name for child in root.content.children if child.platform]
        return tuple(dict.fromkeys(name for name in named if name))
    config = root.content.config
    if config is None or config.media_type not in IMAGE_CONFIGS:
        return ()
    where = registry.where(repository, config.digest)
    if config.size > _LARGEST_CONFIG:
        raise TooLarge(where, f"expected an image configuration of at most {_LARGEST_CONFIG} bytes, got {config.size}")
    raw = b"".join(registry.open_blob(repository, config.digest, config.size))
    name = parsed(Platform, raw, where).name
    return (name,) if name else ()


def _generation(registry: Registry, repository: str, digests: list[str], executor: Executor) -> list[Node]:
    """Everything about these manifests is asked for at once: no question needs the answer to another."""
    drafts = [_Draft(registry, repository, digest) for digest in digests]
    each(executor, lambda ask: ask(), [ask for draft in drafts for ask in draft.questions()])
    return [draft.node() for draft in drafts]


@dataclass
class _Draft:
    """A node of which the answers are still coming in, each from a thread of its own."""

    registry: Registry
    repository: str
    digest: str
    manifest: list[Manifest] = field(default_factory=list)
    referrers: list[Descriptor] = field(default_factory=list)
    named: dict[str, str | None] = field(default_factory=dict)

    def questions(self) -> Iterator[Callable[[], None]]:
        yield self._read
        for suffix in COSIGN_SUFFIXES:
            yield partial(self._resolve, tag_of(self.digest, suffix))
        yield self._list_referrers

    def node(self) -> Node:
        (manifest,) = self.manifest
        return Node(
            manifest=manifest,
            content=content_of(manifest, self.registry.where(self.repository, self.digest)),
            referrers=tuple(self.referrers),
            cosign_tags={tag: digest for tag, digest in sorted(self.named.items()) if digest},
        )

    def _read(self) -> None:
        self.manifest.append(self.registry.manifest(self.repository, self.digest))

    def _resolve(self, tag: str) -> None:
        self.named[tag] = self.registry.resolve(self.repository, tag)

    def _list_referrers(self) -> None:
        self.referrers.extend(self.registry.referrers(self.repository, self.digest).listed)


def _check(graph: Graph, registry: Registry, repository: str) -> None:
    """What a list claims must be what the manifests say, or the target will never agree with the source."""
    for node in graph.nodes.values():
        where = registry.where(repository, node.digest)
        for referrer in node.referrers:
            subject = graph.nodes[referrer.digest].content.subject
            if subject != node.digest:
                raise Unsupported(where, f"{referrer.digest} is listed as its referrer, but refers to {subject}")
        for descriptor in (*node.content.children, *node.referrers):
            _check_descriptor(descriptor, graph.nodes[descriptor.digest].manifest, where)


def _check_descriptor(descriptor: Descriptor, manifest: Manifest, where: Where) -> None:
    if descriptor.size != len(manifest.raw) or descriptor.media_type != manifest.media_type:
        raise Unsupported(
            where,
            f"it says that {descriptor.digest} is {descriptor.media_type} of {descriptor.size} bytes; "
            f"it is {manifest.media_type} of {len(manifest.raw)} bytes",
        )

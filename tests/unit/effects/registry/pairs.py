"""A source and a target registry in memory with their clients, and a clock that does not wait."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from slipway.effects.registry import (
    Anonymous,
    CopyResult,
    CopySource,
    CopyTarget,
    Registry,
    RegistryEndpoint,
    copy_artifact,
)
from slipway.testing.artifacts import OCI_INDEX, image, index, unusual_json
from slipway.testing.registry import MemoryPool, MemoryRegistry, RegistryReply, Request


@dataclass
class Pair:
    """Two registries without sockets, and a client for each."""

    source: MemoryRegistry
    target: MemoryRegistry
    from_source: Registry
    to_target: Registry


@dataclass
class Waiting:
    """A clock whose pauses end at once; it records how long they would have been."""

    now: float = 1_000_000.0
    pauses: list[float] = field(default_factory=list)

    def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds

    def clock(self) -> float:
        return self.now


def make_pair(*, source_api: bool = True, target_api: bool = True) -> Pair:
    source, target = MemoryRegistry(referrers_api=source_api), MemoryRegistry(referrers_api=target_api)
    pool = MemoryPool(**{"source.test": source.handle, "target.test": target.handle})
    clients = [
        Registry(RegistryEndpoint(name), Anonymous(), pool=pool, pause=lambda seconds: None)
        for name in ("source.test", "target.test")
    ]
    return Pair(source, target, *clients)


TWO_PLATFORMS = index(image(b"base", b"amd", architecture="amd64"), image(b"base", b"arm", architecture="arm64"))


def run(pair: Pair, digest: str, tag: str = "482", *, may_lack_referrers: bool = False, **options: Any) -> CopyResult:
    return copy_artifact(
        CopySource(registry=pair.from_source, repository="team/shop", digest=digest),
        CopyTarget(
            registry=pair.to_target,
            repository="prod/shop",
            digest=digest,
            tag=tag,
            may_lack_referrers=may_lack_referrers,
        ),
        **options,
    )


def alter_replies(pair: Pair, change: Callable[[Request, RegistryReply], RegistryReply]) -> None:
    """Change each reply of the target by `change`."""

    def handle(request: Request) -> RegistryReply:
        return change(request, pair.target.handle(request))

    pool = pair.to_target._session.around.pool
    assert isinstance(pool, MemoryPool)
    pool.hosts["target.test"] = handle


def empty_index() -> RegistryReply:
    body = unusual_json({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": []})
    return RegistryReply(status=200, headers={"Content-Type": OCI_INDEX}, body=body)

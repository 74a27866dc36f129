"""A source and a target registry in memory with their clients, and a clock that needs no time."""

from dataclasses import dataclass, field

from slipway.effects.registry import Anonymous, Registry, RegistryEndpoint
from slipway.testing.registry import MemoryPool, MemoryRegistry


@dataclass
class Pair:
    """Two registries without sockets."""

    source: MemoryRegistry
    target: MemoryRegistry
    from_source: Registry
    to_target: Registry


@dataclass
class Waiting:
    """Stands for the clock: waits at once, and remembers how long."""

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

"""Thread-safe lazy properties and registries: each part is built once, on first use, by whichever thread needs it
first."""

import threading
from collections.abc import Callable
from typing import Any, Protocol, Self, overload

from ..domain.errors import UnknownName


class Building(Protocol):
    """An object with parts. Its lock lets one thread at a time build them."""

    @property
    def building(self) -> threading.RLock: ...


class lazy[T]:  # noqa: N801 - a decorator, like functools.cached_property
    """A property that is built once, on first use."""

    def __init__(self, build: Callable[[Any], T]) -> None:
        self._build = build

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, whole: None, owner: type) -> Self: ...
    @overload
    def __get__(self, whole: Building, owner: type) -> T: ...
    def __get__(self, whole: Building | None, owner: type) -> Self | T:
        if whole is None:
            return self
        with whole.building:
            built: dict[str, T] = whole.__dict__
            if self._name not in built:
                built[self._name] = self._build(whole)
            return built[self._name]


class LazyRegistry[T]:
    """Objects by their name in the settings, each built once, on first use. Raises `UnknownName` for another name."""

    def __init__(self, kind: str, names: frozenset[str], build: Callable[[str], T]) -> None:
        self._kind, self._names, self._build = kind, names, build
        self._built: dict[str, T] = {}
        self._lock = threading.Lock()

    def __call__(self, name: str) -> T:
        with self._lock:
            if name not in self._built:
                if name not in self._names:
                    names = ", ".join(sorted(self._names)) or "none"
                    raise UnknownName(f"the settings know no {self._kind} {name!r} (known: {names})")
                self._built[name] = self._build(name)
            return self._built[name]

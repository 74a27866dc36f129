"""Proving: what an event says was pushed is asked for in the registry, by its digest, before a release begins.

Beside an image lie caches of builds, charts, documents and other artifacts, under tags that any rule may match.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from ..clock import Clock
from ..domain.errors import SourceAway, UnknownName
from ..domain.events import ImagePushed
from ..effects.registry import Registry, RegistryError, why_no_image

PATIENCE: Final = timedelta(hours=24)
"""How long a registry that is away is waited for, from the push."""


@dataclass(frozen=True, kw_only=True)
class PushProver:
    """Asks registries what was pushed."""

    registry: Callable[[str], Registry]
    clock: Clock

    def proved(self, event: ImagePushed) -> ImagePushed:
        """The event, with the reason if what was pushed is no image.

        What the registry does not have, or does not show us, goes on as it is: planning needs it too, and its release
        then says why it failed. So does what a registry was away for too long for. Raises `SourceAway` until then.
        """
        try:
            registry = self.registry(event.registry)
            manifest = registry.manifest(event.repository, event.digest)
        except UnknownName:
            return event
        except RegistryError as error:
            if error.retryable and self.clock() - event.pushed_at < PATIENCE:
                raise SourceAway(str(error)) from error
            return event
        why = why_no_image(manifest, registry.where(event.repository, event.digest))
        return event.evolve(no_image=why[:500]) if why else event

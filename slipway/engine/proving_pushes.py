"""Proves pushes: before a release begins, the registry is asked by digest for what the event says was pushed, and also
for an artifact that a person names and no event told of.

Build caches, charts, documents and other artifacts lie beside images, under tags that any rule may match.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from ..bundle import NotABundle, fetch_config
from ..catalogue import ConfigError
from ..clock import Clock
from ..domain.application import Application, SourceKind
from ..domain.errors import NotFound, SourceAway, UnknownName
from ..domain.events import ImagePushed, PushedArtifact
from ..domain.statement import PUSHED
from ..effects.registry import Registry, RegistryError, why_no_image
from ..inbound.reading import BadInput

RETRY_PERIOD: Final = timedelta(hours=24)
"""The time to wait for a registry that is away, from the push."""
TAGS_SEARCHED: Final = 100
"""The tag of a digest is looked for among this many of the newest tags."""


@dataclass(frozen=True, kw_only=True)
class PushProver:
    """Asks registries what was pushed."""

    registry: Callable[[str], Registry]
    clock: Clock

    def proved(self, event: ImagePushed) -> ImagePushed:
        """The event, with the reason if what was pushed is not an image.

        An artifact that the registry does not have, or does not show us, goes on unchanged: planning needs it too, and
        the release then says why it failed. It also goes on unchanged if the registry has been away for longer than
        `RETRY_PERIOD`; until then this raises `SourceAway`.
        """
        try:
            registry = self.registry(event.registry)
            manifest = registry.manifest(event.repository, event.digest)
        except UnknownName:
            return event
        except RegistryError as error:
            if error.retryable and self.clock() - event.pushed_at < RETRY_PERIOD:
                raise SourceAway(str(error)) from error
            return event
        why = why_no_image(manifest, registry.where(event.repository, event.digest))
        return event.evolve(no_image=why[:500]) if why else event

    def look_up(self, application: Application, *, tag: str = "", digest: str = "") -> PushedArtifact:
        """The artifact with this tag or digest, in the repository that the application is delivered from.

        Raises `NotFound`; `SourceAway` as long as the registry is away.
        """
        pushed = application.pushed
        try:
            registry = self.registry(pushed.registry)
            resolved = digest or registry.resolve(pushed.repository, tag)
            if resolved is None:
                raise NotFound(f"{registry.where(pushed.repository, tag)}: nothing was pushed under this tag")
            if application.source is SourceKind.BUNDLE:
                version = tag or fetch_config(registry, pushed.repository, resolved).version
                return PushedArtifact(tag=version, digest=resolved)
            manifest = registry.manifest(pushed.repository, resolved)
            why = why_no_image(manifest, registry.where(pushed.repository, resolved))
            version = tag or _tag_of(registry, pushed.repository, resolved)
            return PushedArtifact(tag=version, digest=resolved, no_image=why[:500])
        except (UnknownName, NotABundle, ConfigError) as error:
            raise NotFound(str(error)) from error
        except RegistryError as error:
            raise (SourceAway if error.retryable else NotFound)(str(error)) from error


def pushed_names(given: Mapping[str, str]) -> dict[str, str]:
    """The tag or digest among these arguments. Raises `BadInput`."""
    named = {name: text for name, text in given.items() if name in PUSHED}
    for name, text in named.items():
        if not re.fullmatch(PUSHED[name], text):
            raise BadInput(f"arguments.{name}", f"a {name}", repr(text[:80]))
    return named


def _tag_of(registry: Registry, repository: str, digest: str) -> str:
    """The newest tag that names the digest. Raises `NotFound`."""
    tags = (info.tag for info in registry.recent_tags(repository, TAGS_SEARCHED) if info.digest == digest)
    tag = next(tags, None)
    if tag is None:
        where = registry.where(repository, digest)
        raise NotFound(
            f"{where}: none of the {TAGS_SEARCHED} newest tags names it; give it one, or name its tag instead"
        )
    return tag

"""The source and the target of a copy, for the copy itself and for the check that foresees its obstacles."""

from collections.abc import Callable

from ...domain.application import Application
from ...domain.environment import Environment
from ...domain.promotion import RefusedReferrer, TakenTag
from ...domain.release import Release
from ...effects.registry import CopySource, CopyTarget, RegistryError, TagTaken
from .clients import Clients

_TAG_PREFIX = "slipway-"
"""Begins the tag that a bundle's image gets in the environment's registry. Without a tag a clean-up of untagged
manifests would delete it. The rest of the tag is the image's digest, so that it can name nothing else."""


def ends_of_artifact(
    clients: Clients,
    application: Application,
    environment: Environment,
    release: Release,
    *,
    before_moving: Callable[[str], None] | None = None,
) -> tuple[CopySource, CopyTarget]:
    """The artifact's source and target. Raises `UnknownName` for a registry that is not in the settings."""
    source = CopySource(
        registry=clients.registry(release.registry),
        repository=release.repository,
        digest=release.artifact.digest,
        tag=release.tag,
    )
    target = CopyTarget(
        registry=clients.registry(application.registry_of(environment)),
        repository=release.repository,
        digest=source.digest,
        tag=release.tag,
        may_move=environment.promotion.tag is TakenTag.MOVE,
        may_lack_referrers=environment.promotion.referrers is RefusedReferrer.TRY,
        before_moving=before_moving,
    )
    return source, target


def ends_of_image(
    source: CopySource, target: CopyTarget, repository: str, digest: str
) -> tuple[CopySource, CopyTarget]:
    """The ends of an image that is copied along with its bundle."""
    tag = f"{_TAG_PREFIX}{digest.removeprefix('sha256:')}"
    return (
        CopySource(registry=source.registry, repository=repository, digest=digest),
        CopyTarget(
            registry=target.registry,
            repository=repository,
            digest=digest,
            tag=tag,
            may_lack_referrers=target.may_lack_referrers,
        ),
    )


def with_advice(error: RegistryError, environment: Environment, release: Release) -> str:
    """The error's text, with the setting in the application's rules that would avoid it, if there is one."""
    is_ours = isinstance(error, TagTaken) and error.where.reference == release.tag
    if is_ours and environment.promotion.tag is TakenTag.REFUSE:
        return f"{error}; or have it moved (promotion.tag: move)"
    return str(error)

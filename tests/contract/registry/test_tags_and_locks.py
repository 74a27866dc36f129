"""What becomes of the tag in the target: left alone, refused or moved, and locked afterwards."""

from datetime import datetime
from typing import Any

from azure.containerregistry import ContainerRegistryClient

from slipway.effects.registry import CopySource, CopyTarget, Lock, Registry, copy_artifact
from slipway.testing.artifacts import ArtifactDouble, image, push_artifact, referrer
from tests.contract.registry.conftest import KINDS, Places

OLD, NEW = image(b"old"), image(b"new")


def run(registry: Registry, repository: str, built: ArtifactDouble, **options: Any) -> str | None:
    source = CopySource(registry=registry, repository=repository, digest=built.digest)
    target = CopyTarget(
        registry=registry,
        repository=f"prod/{repository}",
        digest=built.digest,
        tag="482",
        **options,
    )
    return copy_artifact(source, target).tag_was


def test_a_locked_tag_is_moved_if_that_is_asked_for_and_its_former_image_stays_locked(
    places: Places, repository: str
) -> None:
    registry, target = places(KINDS[2]).client(), f"prod/{repository}"
    for built in (OLD, NEW):
        push_artifact(registry, repository, built)
    run(registry, repository, OLD)
    registry.lock(target, "482", OLD.digest)
    moves: list[tuple[str, str | None]] = []

    was = run(
        registry,
        repository,
        NEW,
        may_move=True,
        before_moving=lambda digest: moves.append((digest, registry.resolve(target, "482"))),
    )
    lock_state = registry.lock(target, "482", NEW.digest)

    assert was == OLD.digest
    assert moves == [(OLD.digest, OLD.digest)]
    assert registry.resolve(target, "482") == NEW.digest
    assert lock_state is Lock.LOCKED
    assert _locks(registry, target, OLD.digest) == (False, False)
    assert _locks(registry, target, NEW.digest) == (False, False)


def test_a_tag_is_moved_on_a_registry_that_has_no_locks(places: Places, repository: str) -> None:
    registry = places(KINDS[0]).client()
    for built in (OLD, NEW):
        push_artifact(registry, repository, built)
    run(registry, repository, OLD)

    assert run(registry, repository, NEW, may_move=True) == OLD.digest
    assert registry.resolve(f"prod/{repository}", "482") == NEW.digest


def test_a_tag_that_may_be_moved_and_is_right_is_left_alone(places: Places, repository: str) -> None:
    registry, target = places(KINDS[2]).client(), f"prod/{repository}"
    push_artifact(registry, repository, NEW)
    push_artifact(registry, repository, referrer(NEW, b"signed"))
    run(registry, repository, NEW)
    registry.lock(target, "482", NEW.digest)
    before = _last_written(registry, target, "482")

    assert run(registry, repository, NEW, may_move=True) is None
    assert registry.lock(target, "482", NEW.digest) is Lock.LOCKED
    assert _last_written(registry, target, "482") == before


def _locks(registry: Registry, repository: str, digest: str) -> tuple[bool, bool]:
    """Whether the manifest can be written and deleted, as Azure's own client sees it."""
    headers = registry._session.authorization((f"repository:{repository}:metadata_read",))
    with ContainerRegistryClient(registry.endpoint.url, None, headers=headers) as client:
        properties = client.get_manifest_properties(repository, digest, enforce_https=False)
    return bool(properties.can_write), bool(properties.can_delete)


def _last_written(registry: Registry, repository: str, tag: str) -> datetime | None:
    """When the tag or its locks were last written."""
    return next(entry.updated_at for entry in registry.recent_tags(repository, 10) if entry.tag == tag)

"""Pins the images of a bundle: replaces the name in a manifest by the digest that the registry has for it.

An image without a host, or with the host of one of the environments' registries, is one that CI has pushed to its own
registry. In the bundle it is named in the environment's registry, to which it is copied before the rollout. An image
from another registry that the project allows stays as it is, by digest, and so does an image in a kind that the project
leaves unpinned.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from ..manifests.documents import Document, read_text
from ..manifests.problems import ConfigError, short_value
from ..manifests.references import ImagePosition, Reference, image_places, parse_reference
from .model import Image, RenderTarget, Targets, folder_of


@dataclass(frozen=True, kw_only=True)
class RegistryImage:
    """A registry's facts about an image."""

    digest: str
    media_type: str
    platforms: tuple[str, ...]


class Resolver(Protocol):
    """The registry that CI pushes to."""

    def __call__(self, repository: str, reference: str) -> RegistryImage | None:
        """The image that a tag or digest names; None if there is none."""


class ImagePinner:
    """The images of the bundle, each asked for once."""

    def __init__(self, registry: str, targets: Targets, references: Mapping[str, Reference], resolve: Resolver) -> None:
        self.rules = targets.image_rules
        self._registry, self._given, self._resolve = registry, references, resolve
        self._ours = {registry, *(target.registry for target in targets.environments.values())}
        self._asked: dict[tuple[str, str], RegistryImage | None] = {}
        self._images: dict[str, RegistryImage] = {}

    def pinned(self, document: Document, position: ImagePosition, target: RenderTarget) -> str:
        """The image by digest, in the target's registry if it is one of CI's. Raises `ConfigError`."""

        def image_error(expected: str, message: str = "") -> ConfigError:
            return ConfigError(
                [document.problem(position.steps, message, expected=expected, got=short_value(position.text))]
            )

        try:
            image_reference = parse_reference(position.text) if isinstance(position.text, str) else None
        except ValueError as error:
            raise image_error("an image such as team/shop:1.4.0") from error
        if image_reference is None:
            raise image_error("an image such as team/shop:1.4.0")
        if image_reference.host and image_reference.host not in self._ours:
            if self.rules.is_foreign(image_reference.name) and image_reference.digest:
                return f"{image_reference.name}@{image_reference.digest}"
            expected = f"an image of {self._registry}, or without a host"
            advice = f"copy it there first, as {image_reference.repository}: a bundle brings its images along"
            if self.rules.is_foreign(image_reference.name):
                expected, advice = f"{image_reference.name}@sha256:…", "the project takes it from there by digest"
            raise image_error(expected, advice)
        by_hand = None if image_reference.digest else self._given.get(image_reference.repository)
        reference = by_hand or (image_reference if image_reference.digest or image_reference.tag else None)
        if reference is None:
            option = f"--image {image_reference.repository}:TAG"
            raise image_error(
                "a tag or a digest", f"add one, or say it with {option} or --image {image_reference.repository}@DIGEST"
            )
        image = self._find(image_reference.repository, reference.digest or reference.tag)
        if image is None:
            where = f"{self._registry}/{image_reference.repository}"
            raise image_error(
                f"an image that {where} has under {reference.digest or reference.tag}",
                "push the image before the bundle",
            )
        first = self._images.setdefault(image_reference.repository, image)
        if first.digest != image.digest:
            raise image_error(
                f"{image_reference.repository} by the digest {first.digest}", "a bundle has one digest of each image"
            )
        return f"{target.registry}/{image_reference.repository}@{image.digest}"

    def _find(self, repository: str, reference: str) -> RegistryImage | None:
        key = (repository, reference)
        if key not in self._asked:
            self._asked[key] = self._resolve(repository, reference)
        return self._asked[key]

    def unused(self) -> tuple[str, ...]:
        """Repositories for which a tag or digest was given, but which no manifest names."""
        return tuple(sorted(self._given.keys() - self._images.keys()))

    def listed(self) -> tuple[Image, ...]:
        """Sorted by repository. An image's name is the last part of its repository, or all of it if that is taken."""
        lasts = [repository.rpartition("/")[2] for repository in self._images]
        return tuple(
            Image(
                name=last if lasts.count(last := repository.rpartition("/")[2]) == 1 else repository,
                repository=repository,
                digest=image.digest,
                media_type=image.media_type,
                platforms=image.platforms,
            )
            for repository, image in sorted(self._images.items())
        )

    def names_in(self, files: Mapping[str, bytes], environment: str) -> tuple[str, ...]:
        """Names of the images that the environment's files run."""
        used: set[str] = set()
        for path, data in files.items():
            if path.startswith(folder_of(environment) + "/"):
                for document in read_text(data, name=path):
                    used.update(
                        parse_reference(image_place.text).repository
                        for image_place in image_places(document.value, self.rules)
                    )
        return tuple(image.name for image in self.listed() if image.repository in used)

"""A project's rules for the images in manifests. Every image that the rules do not mention has to be pinned by digest,
or is refused."""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Annotated, Any

from pydantic import Field

from .model import NAMESPACE_PATTERN, Record
from .patterns import matches_any


class ImageRules(Record):
    """The places in manifests that name images, and the images, by digest, that need not be the project's own."""

    paths: Mapping[str, tuple[str, ...]] = Field(default={})
    """By kind (`postgresql.cnpg.io/Cluster`), fields such as `spec.imageName` or `spec.parts[].image`."""
    foreign: tuple[str, ...] = ()
    """Registry and repository, with `*`, of images that are pulled from other registries."""
    unpinned: frozenset[str] = frozenset()
    """Kinds whose images may be named by a tag, or in a field that is not known."""

    def is_foreign(self, name: str) -> bool:
        """Whether an image of this registry and repository may run although it is not the project's."""
        return matches_any(name, self.foreign)

    def paths_of(self, value: Mapping[str, Any]) -> tuple[str, ...]:
        return self.paths.get(kind_with_group(value), ())

    def leaves(self, value: Mapping[str, Any]) -> bool:
        """Whether the images of the object need not be pinned."""
        return kind_with_group(value) in self.unpinned


NO_IMAGE_RULES = ImageRules()


class InjectedContainer(Record):
    """A container that the cluster adds to pods by itself."""

    container: Annotated[str, Field(pattern=NAMESPACE_PATTERN)] = Field(description="Its name.")
    image: Annotated[str, Field(min_length=1, max_length=255)] = Field(
        description="Its image as pods name it, with *.", examples=["mcr.example/istio/*"]
    )

    def matches(self, name: str, image: str) -> bool:
        return name == self.container and fnmatchcase(image, self.image)


def kind_with_group(value: Mapping[str, Any]) -> str:
    """The kind as projects name it: with its API group, unless it is in the core group."""
    group, slash, _ = str(value.get("apiVersion")).rpartition("/")
    return f"{group}/{value.get('kind')}" if slash else str(value.get("kind"))

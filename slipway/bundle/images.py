"""Image references: how they are written, and every place where a manifest can hold one.

Two kinds of place are known in any object, whatever its kind: containers, by the names of their lists, and volumes made
from an image. A project may name more for a kind (`ImagePaths`). Any other field that is named like an image and is
text cannot be pinned, and is reported.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ..domain.model import DIGEST_PATTERN, REPOSITORY_PATTERN, TAG_PATTERN
from ..manifests.problems import Steps

_CONTAINER_LISTS: Final = frozenset({"containers", "initContainers", "ephemeralContainers"})
_NAMED_LIKE_AN_IMAGE: Final = re.compile(r"image|imageName|[a-z][A-Za-z0-9]*Image")
_HOST: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::[0-9]{1,5})?")
_LONGEST_REPOSITORY: Final = 255
_NONE: Final[Mapping[str, tuple[str, ...]]] = {}
_WITHOUT_IMAGES: Final = frozenset({"ConfigMap", "Secret"})
"""Kinds whose content is text for programs: a key `image` there is one of theirs."""

type ImagePaths = Mapping[str, tuple[str, ...]]
"""By kind (`postgresql.cnpg.io/Cluster`), fields such as `spec.imageName` or `spec.parts[].image`."""


@dataclass(frozen=True, kw_only=True)
class Reference:
    """An image reference in its parts; empty where it does not have one."""

    host: str
    repository: str
    tag: str
    digest: str

    def __str__(self) -> str:
        host = f"{self.host}/" if self.host else ""
        tag = f":{self.tag}" if self.tag else ""
        digest = f"@{self.digest}" if self.digest else ""
        return f"{host}{self.repository}{tag}{digest}"


@dataclass(frozen=True, kw_only=True)
class ImagePosition:
    """A value that names an image: in which mapping, under which key."""

    steps: Steps
    holder: dict[str, Any]
    key: str

    @property
    def text(self) -> Any:
        return self.holder[self.key]


def parse_reference(text: str) -> Reference:
    """`host/repository:tag@digest`, of which only the repository must be there. Raises ValueError."""
    rest, at, digest = text.partition("@")
    first, slash, path = rest.partition("/")
    # As in all container tools, the first part is a host if it could not be part of a repository's name.
    has_host = bool(slash) and ("." in first or ":" in first or first == "localhost")
    host, rest = (first, path) if has_host else ("", rest)
    repository, colon, tag = rest.partition(":")
    wrong = not re.fullmatch(REPOSITORY_PATTERN, repository) or len(repository) > _LONGEST_REPOSITORY
    wrong |= bool(host) and not _HOST.fullmatch(host)
    wrong |= bool(colon) and not re.fullmatch(TAG_PATTERN, tag)
    wrong |= bool(at) and not re.fullmatch(DIGEST_PATTERN, digest)
    if wrong:
        raise ValueError(f"expected an image such as team/shop:1.4.0, got {text[:200]!r}")
    return Reference(host=host, repository=repository, tag=tag, digest=digest)


def image_places(value: Any, paths: ImagePaths = _NONE) -> Iterator[ImagePosition]:
    """Every place of an object where an image is known to be named: in a container, in a volume made from an image, or
    where the project says."""
    places = (*_places(value, ()), *_named(value, paths))
    yield from {place.steps: place for place in places}.values()  # each once, where a project names what is known


def _named(value: Any, paths: ImagePaths) -> Iterator[ImagePosition]:
    if not isinstance(value, dict):
        return
    group, slash, _ = str(value.get("apiVersion")).rpartition("/")
    kind = f"{group}/{value.get('kind')}" if slash else str(value.get("kind"))
    for path in paths.get(kind, ()):
        yield from _at(value, path.split("."), ())


def _at(value: Any, fields: list[str], steps: Steps) -> Iterator[ImagePosition]:
    key, rest = fields[0].removesuffix("[]"), fields[1:]
    if not isinstance(value, dict) or key not in value:
        return
    if fields[0].endswith("[]"):
        for index, item in enumerate(value[key] if isinstance(value[key], list) else []):
            yield from _at(item, rest, (*steps, key, index))
    elif rest:
        yield from _at(value[key], rest, (*steps, key))
    else:
        yield ImagePosition(steps=(*steps, key), holder=value, key=key)


def _places(value: Any, steps: Steps) -> Iterator[ImagePosition]:
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _places(item, (*steps, index))
    elif isinstance(value, dict):
        yield from _own_place(value, steps)
        for key, item in value.items():
            yield from _places(item, (*steps, key))


def _own_place(value: dict[str, Any], steps: Steps) -> Iterator[ImagePosition]:
    listed_in = steps[-2] if len(steps) > 1 and isinstance(steps[-1], int) else ""
    if listed_in in _CONTAINER_LISTS and "image" in value:
        yield ImagePosition(steps=(*steps, "image"), holder=value, key="image")
    from_image = value.get("image")
    if listed_in == "volumes" and isinstance(from_image, dict) and "reference" in from_image:
        yield ImagePosition(steps=(*steps, "image", "reference"), holder=from_image, key="reference")


def unpinnable(value: Mapping[str, Any], paths: ImagePaths = _NONE) -> Iterator[Steps]:
    """Fields of an object that are named like an image's and hold text, in places that are not known."""
    if value.get("kind") in _WITHOUT_IMAGES:
        return
    known = {image.steps for image in image_places(value, paths)}
    for key, item in value.items():
        if key != "metadata":
            yield from (steps for steps in _named_like_images(item, (key,)) if steps not in known)


def _named_like_images(value: Any, steps: Steps) -> Iterator[Steps]:
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _named_like_images(item, (*steps, index))
    elif isinstance(value, dict):
        for key, item in value.items():
            if isinstance(item, str) and _NAMED_LIKE_AN_IMAGE.fullmatch(key):
                yield (*steps, key)
            elif key not in ("labels", "annotations", "matchLabels", "nodeSelector"):
                yield from _named_like_images(item, (*steps, key))

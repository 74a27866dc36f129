"""Image references: how they are written, and every place where a manifest can hold one.

Two kinds of places are known in any object of any kind: containers, by the names of their lists, and volumes made from
an image. A project may name more for a kind (`ImageRules.paths`). Any other field that is named like an image, and is
text or contains text, cannot be pinned. It is refused unless the project leaves images of the kind unpinned.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ..domain.images import NO_IMAGE_RULES, ImageRules, kind_with_group
from ..domain.model import DIGEST_PATTERN, REPOSITORY_PATTERN, TAG_PATTERN
from .documents import Document
from .images import KINDS, names_repository
from .problems import Problem, Steps

_CONTAINER_LISTS: Final = frozenset({"containers", "initContainers", "ephemeralContainers"})
_NAMED_LIKE_AN_IMAGE: Final = re.compile(
    r"(image|[a-z][A-Za-z0-9]*Image)(s|Names?|Ref|Reference|Registry|Repository|Tag|Digest|URL|Url|URI|Uri)?"
)
_HOW_IT_IS_PULLED: Final = frozenset({"pullPolicy", "pullSecret", "pullSecrets", "imagePullPolicy", "imagePullSecrets"})
_HOST: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::[0-9]{1,5})?")
_LONGEST_REPOSITORY: Final = 255
_WITHOUT_IMAGES: Final = frozenset({"ConfigMap", "Secret"})
"""Kinds whose content is text for programs: a key `image` there is the program's own."""


@dataclass(frozen=True, kw_only=True)
class Reference:
    """An image reference in its parts; a part that it does not have is empty."""

    host: str
    repository: str
    tag: str
    digest: str

    def __str__(self) -> str:
        host = f"{self.host}/" if self.host else ""
        tag = f":{self.tag}" if self.tag else ""
        digest = f"@{self.digest}" if self.digest else ""
        return f"{host}{self.repository}{tag}{digest}"

    @property
    def name(self) -> str:
        """Registry and repository."""
        return f"{self.host}/{self.repository}" if self.host else self.repository


@dataclass(frozen=True, kw_only=True)
class ImagePosition:
    """A value that names an image: its mapping and its key."""

    steps: Steps
    holder: dict[str, Any]
    key: str

    @property
    def text(self) -> Any:
        return self.holder[self.key]


def parse_reference(text: str) -> Reference:
    """`host/repository:tag@digest`, of which only the repository is required. Raises ValueError."""
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


def digest_reference(text: Any) -> Reference | None:
    """The reference, if the text is one with a digest."""
    try:
        reference = parse_reference(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return reference if reference is not None and reference.digest else None


def image_places(value: Any, rules: ImageRules = NO_IMAGE_RULES) -> Iterator[ImagePosition]:
    """Every place in an object that is known to name an image: in a container, in a volume made from an image, or in a
    field that the project names."""
    images = (*_image_positions(value, ()), *_images_by_rule(value, rules))
    yield from {image.steps: image for image in images}.values()  # each once, even if a project names a known place


def _images_by_rule(value: Any, rules: ImageRules) -> Iterator[ImagePosition]:
    if not isinstance(value, dict):
        return
    for path in rules.paths_of(value):
        yield from _images_at(value, path.split("."), ())


def _images_at(value: Any, fields: list[str], steps: Steps) -> Iterator[ImagePosition]:
    key, rest = fields[0].removesuffix("[]"), fields[1:]
    if not isinstance(value, dict) or key not in value:
        return
    if fields[0].endswith("[]"):
        for index, item in enumerate(value[key] if isinstance(value[key], list) else []):
            yield from _images_at(item, rest, (*steps, key, index))
    elif rest:
        yield from _images_at(value[key], rest, (*steps, key))
    else:
        yield ImagePosition(steps=(*steps, key), holder=value, key=key)


def _image_positions(value: Any, steps: Steps) -> Iterator[ImagePosition]:
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _image_positions(item, (*steps, index))
    elif isinstance(value, dict):
        yield from _own_place(value, steps)
        for key, item in value.items():
            yield from _image_positions(item, (*steps, key))


def _own_place(value: dict[str, Any], steps: Steps) -> Iterator[ImagePosition]:
    listed_in = steps[-2] if len(steps) > 1 and isinstance(steps[-1], int) else ""
    if listed_in in _CONTAINER_LISTS and "image" in value:
        yield ImagePosition(steps=(*steps, "image"), holder=value, key="image")
    from_image = value.get("image")
    if listed_in == "volumes" and isinstance(from_image, dict) and "reference" in from_image:
        yield ImagePosition(steps=(*steps, "image", "reference"), holder=from_image, key="reference")


def names_application(value: Any, repository: str, rules: ImageRules) -> bool:
    """Whether the object runs the application's image."""
    texts = (image.text for image in image_places(value, rules))
    return any(isinstance(text, str) and names_repository(text, repository) for text in texts)


def unpinnable_problems(document: Document, value: Mapping[str, Any], rules: ImageRules) -> Iterator[Problem]:
    """The problems of fields that cannot be pinned."""
    if rules.leaves(value):
        return
    for steps in unpinnable(value, rules):
        message = (
            "in this place Slipway cannot tell whether it names an image, and every image must be pinned: if one field "
            "has the whole name, let the project list it in image_paths; what cannot be pinned by digest "
            "needs its kind in unpinned"
        )
        yield document.problem(steps, message, expected="no field of this name", got=_form_at(value, steps))


def _form_at(value: Any, steps: Steps) -> str:
    for step in steps:
        value = value[step]
    return "text" if isinstance(value, str) else "a list" if isinstance(value, list) else "a mapping"


def unpinnable(value: Mapping[str, Any], rules: ImageRules = NO_IMAGE_RULES) -> Iterator[Steps]:
    """Fields of an object that are named like an image's, in unknown places. They are text, or contain text, such as a
    repository and a tag."""
    kind = str(value.get("kind"))
    if kind in _WITHOUT_IMAGES or (kind in KINDS and "." not in kind_with_group(value)):
        return  # the API server knows every field of Kubernetes' own kinds, and refuses unknown ones
    kinds = frozenset(
        image.steps[:length] for image in image_places(value, rules) for length in range(1, len(image.steps) + 1)
    )
    for key, item in value.items():
        if key != "metadata":
            yield from _named_like_images(item, (key,), kinds)


def _named_like_images(value: Any, steps: Steps, known: frozenset[Steps]) -> Iterator[Steps]:
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _named_like_images(item, (*steps, index), known)
    elif isinstance(value, dict):
        for key, item in value.items():
            below = (*steps, key)
            if below not in known and _NAMED_LIKE_AN_IMAGE.fullmatch(key) and _holds_text(item):
                yield below
            elif key not in ("labels", "annotations", "matchLabels", "nodeSelector"):
                yield from _named_like_images(item, below, known)


def _holds_text(value: Any) -> bool:
    if isinstance(value, dict):
        return any(_holds_text(item) for key, item in value.items() if key not in _HOW_IT_IS_PULLED)
    return isinstance(value, str) or (isinstance(value, list) and any(map(_holds_text, value)))

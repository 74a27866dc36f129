"""Parses the name of an image. A name without a registry means Docker Hub, as everywhere."""

import re
from dataclasses import dataclass

HUB = "registry-1.docker.io"
HUB_NAMES = ("docker.io", "index.docker.io")
_REPOSITORY = re.compile(r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


class InvalidImageNameError(Exception):
    """The image's name cannot be parsed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reference:
    """`registry/repository:tag` or `registry/repository@sha256:…`."""

    registry: str
    repository: str
    tag: str | None
    digest: str | None

    @property
    def version(self) -> str:
        """The digest or tag to request from the registry."""
        return self.digest or self.tag or "latest"


def parse_reference(image: str) -> Reference:
    registry, slash, remainder = image.partition("/")
    if not slash or not ("." in registry or ":" in registry or registry == "localhost"):
        registry, remainder = HUB, image if slash else f"library/{image}"
    elif registry in HUB_NAMES:
        registry, remainder = HUB, remainder if "/" in remainder else f"library/{remainder}"
    name, _, digest = remainder.partition("@")
    repository, _, tag = name.partition(":")
    wrong = (
        not _REPOSITORY.fullmatch(repository)
        or (tag and not _TAG.fullmatch(tag))
        or (digest and not _DIGEST.fullmatch(digest))
    )
    if wrong:
        raise InvalidImageNameError(f'couldn\'t parse image name "{image}": invalid reference format')
    return Reference(registry=registry, repository=repository, tag=tag or None, digest=digest or None)

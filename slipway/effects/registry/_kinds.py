"""The kind of a pushed manifest: an image that can run, or something else that is stored beside images."""

from typing import Final

from ._errors import ErrorSubject, Unsupported
from ._manifest import IMAGE_CONFIGS, INDEXES, MANIFESTS, Content, Manifest, content_of

_SHOWN: Final = 100
"""The most characters of a foreign media type in a reason."""


def why_no_image(manifest: Manifest, where: ErrorSubject) -> str:
    """Why the manifest cannot run as a container; empty for an image, or an index of images."""
    try:
        content = content_of(manifest, where)
    except Unsupported as unsupported:
        return str(unsupported)
    if manifest.media_type in INDEXES:
        return _why_no_index(content)
    config = content.config.media_type if content.config else "nothing"
    return "" if config in IMAGE_CONFIGS else f"its configuration is {config[:_SHOWN]!r}, not that of an image"


def _why_no_index(content: Content) -> str:
    """Why no image of an index can run. Build attestations and other referrers are in it as well, with an unknown
    platform."""
    images = [child for child in content.children if child.media_type in MANIFESTS and not child.artifact_type]
    if any(child.platform is None or child.platform.name for child in images):
        return ""
    return "it is an index in which there is no image of a known platform"

"""The bundle: what travels. One OCI artifact with the manifests of each environment, every image by digest.

`slipway bundle build` writes it where CI runs (`building.py`), and the worker reads it as hostile input (`artifact.py`
for the bytes, `contents.py` for their meaning). Both keep to one format (`model.py`, docs/reference/bundle.md).
"""

from ..manifests.references import Reference, parse_reference
from .artifact import BundleBlobs, NotABundle, PackedBundle, blobs_of, unpack_bundle
from .building import BuildOptions, BuiltBundle, build
from .contents import ContentPart, EnvironmentContents, Member, read_environments
from .fetching import fetch, fetch_config
from .model import ARTIFACT_TYPE, BundleConfig, BundleSource, Image, Targets, read_config, read_targets
from .pinning import RegistryImage, Resolver
from .rendering import Renderer

__all__ = [
    "ARTIFACT_TYPE",
    "BuildOptions",
    "BuiltBundle",
    "BundleBlobs",
    "BundleConfig",
    "BundleSource",
    "ContentPart",
    "EnvironmentContents",
    "Image",
    "Member",
    "NotABundle",
    "PackedBundle",
    "Reference",
    "RegistryImage",
    "Renderer",
    "Resolver",
    "Targets",
    "blobs_of",
    "build",
    "fetch",
    "fetch_config",
    "parse_reference",
    "read_config",
    "read_environments",
    "read_targets",
    "unpack_bundle",
]

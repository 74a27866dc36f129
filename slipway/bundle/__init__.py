"""The bundle: what travels. One OCI artifact with the manifests of each environment, every image by digest.

`slipway bundle build` writes it where CI runs (`building.py`), the worker reads it as hostile (`artifact.py` for the
bytes, `contents.py` for what they say). Both keep to one format (`model.py`, docs/reference/bundle.md).
"""

from .artifact import NotABundle, Packed, Parts, parts_of, unpack
from .building import Build, Built, build
from .contents import Environment, Member, Part, read_environments
from .fetching import fetch, fetch_config
from .images import Reference, parse_reference
from .model import ARTIFACT_TYPE, BundleConfig, Image, Source, Targets, read_config, read_targets
from .pinning import Found, Resolver

__all__ = [
    "ARTIFACT_TYPE",
    "Build",
    "Built",
    "BundleConfig",
    "Environment",
    "Found",
    "Image",
    "Member",
    "NotABundle",
    "Packed",
    "Part",
    "Parts",
    "Reference",
    "Resolver",
    "Source",
    "Targets",
    "build",
    "fetch",
    "fetch_config",
    "parse_reference",
    "parts_of",
    "read_config",
    "read_environments",
    "read_targets",
    "unpack",
]

"""The copy step compared with skopeo, oras-py and dxf, between the same two TLS registries, in interleaved rounds."""

from .measuring import rows

__all__ = ["rows"]

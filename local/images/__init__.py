"""Builds and pushes real OCI images without Docker, for the demo and for tests."""

from .image import BuiltImage, build
from .layers import SourceError
from .push import Credentials, Pushed, PushError, push

__all__ = ["BuiltImage", "Credentials", "PushError", "Pushed", "SourceError", "build", "push"]

"""Signing keys that can be rotated while the app runs: from a file on the laptop, from Key Vault in Azure.

Either is read now and then, and again when a link names a key that is not known yet (`cached.py`).
"""

from .cached import CachedKeys
from .file import KeyFile

__all__ = ["CachedKeys", "KeyFile"]

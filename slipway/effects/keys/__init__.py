"""Signing keys that can be rotated while the app runs: from a file on a laptop, from Key Vault in Azure.

Both are read again periodically, and when a link names an unknown key (`cached.py`).
"""

from .cached import CachedKeys
from .file import KeyFile

__all__ = ["CachedKeys", "KeyFile"]

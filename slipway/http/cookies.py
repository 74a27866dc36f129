"""The app's cookies: their names and attributes; reading, setting and removing them.

In Azure each name has the prefix `__Host-`, so that no other host of the domain can set the cookie and it travels only
over TLS. On a laptop the app speaks plain HTTP, where Safari keeps no `Secure` cookie (WebKit bug 281149), and cookies
ignore ports; so there the name contains the port instead (docs/decisions/0018-one-sign-in.md).
"""

import re
from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit

HEADER_LIMIT: Final = 32 * 1024
"""Characters of a `Cookie` header; a longer one is ignored."""
VALUE_LIMIT: Final = 3800
"""Characters of a value: browsers keep 4,096 bytes of name, value and attributes, and silently drop a longer cookie."""
_VALUE: Final = re.compile(r"[A-Za-z0-9._~-]*")
"""The characters that the Functions host sends unchanged; it percent-encodes all others."""


class Cookie(StrEnum):
    """The values kept in a browser."""

    SESSION = "session"
    """The signed-in person, sealed."""
    SIGN_IN = "signin"
    """The sign-ins that were begun here and have not come back yet, sealed."""
    BROWSER = "browser"
    """A random id of the browser, to which sessions and unfinished votes are bound."""


class Cookies:
    """The cookies of an app at one public address."""

    def __init__(self, public_url: str) -> None:
        address = urlsplit(public_url)
        self._secure = address.scheme == "https"
        self._prefix = "__Host-" if self._secure else f"slipway-{address.port or 80}-"

    def name(self, cookie: Cookie) -> str:
        return self._prefix + cookie

    def read(self, headers: Mapping[str, str], cookie: Cookie) -> str:
        """The value; empty if the browser sent none, a malformed one, or two that differ."""
        header, name = headers.get("Cookie") or "", self.name(cookie)
        if len(header) > HEADER_LIMIT:
            return ""
        pairs = (pair.strip().partition("=") for pair in header.split(";"))
        values = {value for name_found, _, value in pairs if name_found == name}
        value = values.pop() if len(values) == 1 else ""
        return value if _VALUE.fullmatch(value) else ""

    def keep(self, cookie: Cookie, value: str, lifetime: timedelta) -> str:
        """The value of a `Set-Cookie` header. Raises ValueError for a value that a browser or the host would change."""
        if not _VALUE.fullmatch(value) or len(value) > VALUE_LIMIT:
            raise ValueError(f"cookie {cookie}: expected at most {VALUE_LIMIT} characters that need no encoding")
        secure = "; Secure" if self._secure else ""
        age = int(lifetime.total_seconds())
        return f"{self.name(cookie)}={value}; Max-Age={age}; Path=/; HttpOnly; SameSite=Lax{secure}"

    def drop(self, cookie: Cookie) -> str:
        """The `Set-Cookie` header that makes the browser forget it."""
        return self.keep(cookie, "", timedelta(0))

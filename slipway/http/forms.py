"""Marks of the forms on our pages: a form is valid only for the session and the page that it was made for.

A mark is `id.mac`. The id says which rendering of the form was sent, so that sending it twice has one effect.
"""

import re
import secrets
from dataclasses import dataclass
from typing import Final

from .requests import RequestRefused
from .sealing import KeyPurpose, Seal

FIELD: Final = "form"
"""Name of the form's hidden field."""
_MARK: Final = re.compile(r"([A-Za-z0-9_-]{16})\.([A-Za-z0-9_-]{43})")


@dataclass(frozen=True, kw_only=True)
class FormTokens:
    """Makes and checks marks."""

    seal: Seal

    def new(self, session: str, path: str) -> str:
        """The mark of one form. Raises `KeysUnavailable`."""
        number = secrets.token_urlsafe(12)
        return f"{number}.{self.seal.mark(KeyPurpose.FORM, _content(session, path, number))}"

    def check(self, mark: str, session: str, path: str) -> str:
        """The id of the form that was sent. Raises `RequestRefused`, `KeysUnavailable`."""
        match = _MARK.fullmatch(mark)
        if match is None or not self.seal.marked(KeyPurpose.FORM, _content(session, path, match[1]), match[2]):
            raise RequestRefused(
                400, "This form does not belong to this page and your current sign-in. Please open the page again."
            )
        return match[1]


def _content(session: str, path: str, number: str) -> bytes:
    """The MAC's content. It is unambiguous, since neither session ids nor numbers contain a line break."""
    return f"{session}\n{number}\n{path}".encode()

"""Tokens of the forms on our pages: a form is valid only for the session and the page that it was made for.

A token is `id.mac`. The id says which rendering of the form was sent, so that sending it twice has one effect.
"""

import re
import secrets
from dataclasses import dataclass
from typing import Final

from .requests import RequestRefused
from .sealing import KeyPurpose, Seal

FIELD: Final = "form_token"
"""Name of the form's hidden field."""
_TOKEN: Final = re.compile(r"([A-Za-z0-9_-]{16})\.([A-Za-z0-9_-]{43})")


@dataclass(frozen=True, kw_only=True)
class FormTokens:
    """Makes and checks tokens."""

    seal: Seal

    def new(self, session: str, path: str) -> str:
        """The token of one form. Raises `KeysUnavailable`."""
        number = secrets.token_urlsafe(12)
        return f"{number}.{self.seal.mark(KeyPurpose.FORM, _content(session, path, number))}"

    def check(self, form_token: str, session: str, path: str) -> str:
        """The id of the form that was sent. Raises `RequestRefused`, `KeysUnavailable`."""
        match = _TOKEN.fullmatch(form_token)
        if match is None or not self.seal.is_marked(KeyPurpose.FORM, _content(session, path, match[1]), match[2]):
            raise RequestRefused(
                400, "This form does not belong to this page and your current sign-in. Please open the page again."
            )
        return match[1]


def _content(session: str, path: str, number: str) -> bytes:
    """The MAC's content. It is unambiguous, since neither session ids nor numbers contain a line break."""
    return f"{session}\n{number}\n{path}".encode()

"""The two hosts of Azure DevOps that Slipway asks; no others ever see our token."""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urlencode, urlsplit

AZURE_DEVOPS_SCOPE: Final = "499b84ac-1321-427f-aa17-267ca6975798/.default"
"""The scope of tokens for Azure DevOps. The organization grants rights, not the token."""

MAIN: Final = "https://dev.azure.com"
PEOPLE: Final = "https://vssps.dev.azure.com"
_VERSION: Final = "7.1"
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost"})
_ORGANIZATION: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,48}[A-Za-z0-9])?")
_FORBIDDEN_IN_PROJECT: Final = re.compile(r'[\x00-\x1f\x7f\\/:*?"<>|;#${},+=\[\]]')
_LONGEST_PROJECT: Final = 64


@dataclass(frozen=True, kw_only=True)
class Endpoints:
    """Azure DevOps' own hosts. Others are allowed only on loopback, where its double answers by http."""

    main: str = MAIN
    people: str = PEOPLE

    def __post_init__(self) -> None:
        for url, own in ((self.main, MAIN), (self.people, PEOPLE)):
            parts = urlsplit(url)
            is_double = parts.scheme == "http" and parts.hostname in _LOOPBACK and parts.path == ""
            if url != own and not is_double:
                raise ValueError(f"expected {own}, or http on 127.0.0.1, got {url[:200]!r}")

    def url(self, host: str, organization: str, *steps: str | int, **query: object) -> str:
        """An address below an organization, in the one version of the interface that is spoken."""
        path = "/".join(quote(str(step), safe="") for step in (organization, *steps))
        parameters = {name: str(value) for name, value in query.items()}
        return f"{host}/{path}?{urlencode({**parameters, 'api-version': _VERSION})}"


def in_preview(url: str) -> str:
    """The address in the preview of its version."""
    return url.replace(f"api-version={_VERSION}", f"api-version={_VERSION}-preview")


def is_organization(text: str) -> bool:
    """Whether the text can be an organization's name."""
    return bool(_ORGANIZATION.fullmatch(text))


def is_project(text: str) -> bool:
    """Whether the text can be a project's id or name; no other text is put into a URL."""
    return 0 < len(text) <= _LONGEST_PROJECT and not _FORBIDDEN_IN_PROJECT.search(text) and text not in (".", "..")

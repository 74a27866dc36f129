"""The forms of an answer: JSON, bytes, a list with its continuation, an error, and the page for signing in."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

JSON = "application/json; charset=utf-8"
CONTINUES = "x-ms-continuationtoken"
"""The next page is named in this header alone: the body says nothing of it."""

_NAMESPACES = {
    "BuildNotFoundException": "Microsoft.TeamFoundation.Build.WebApi",
    "DefinitionNotFoundException": "Microsoft.TeamFoundation.Build.WebApi",
    "TimelineNotFoundException": "Microsoft.TeamFoundation.Build.WebApi",
    "AttachmentNotFoundException": "Microsoft.TeamFoundation.DistributedTask.WebApi",
    "GitRepositoryNotFoundException": "Microsoft.TeamFoundation.Git.Server",
    "GitPullRequestNotFoundException": "Microsoft.TeamFoundation.Git.Server",
    "GitUnresolvableToCommitException": "Microsoft.TeamFoundation.Git.Server",
    "ProjectDoesNotExistWithNameException": "Microsoft.TeamFoundation.Core.WebApi",
}


@dataclass(frozen=True, kw_only=True)
class Answer:
    content: Any = None
    """Values that become JSON; bytes go out as they are."""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def body(self) -> bytes:
        return self.content if isinstance(self.content, bytes) else json.dumps(self.content).encode()

    def type(self, version: str) -> str:
        if "Content-Type" in self.headers:
            return self.headers["Content-Type"]
        return "application/octet-stream" if isinstance(self.content, bytes) else f"{JSON}; api-version={version}"


class Refusal(Exception):  # noqa: N818
    """An error in Azure DevOps' form."""

    def __init__(self, status: int, key: str, message: str, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.key, self.message, self.headers = status, key, message, headers or {}

    def answer(self) -> Answer:
        space = _NAMESPACES.get(self.key, "Microsoft.VisualStudio.Services.Common")
        content = {
            "$id": "1",
            "innerException": None,
            "message": self.message,
            "typeName": f"{space}.{self.key}, {space}",
            "typeKey": self.key,
            "errorCode": 0,
            "eventId": 3000,
        }
        return Answer(content=content, status=self.status, headers=self.headers)


class NotKnown(Refusal):
    """A request that the double cannot answer as the real part would: it names it and does not guess."""

    def __init__(self, what: str) -> None:
        super().__init__(501, "NotKnownToTheDouble", f"The double of Azure DevOps does not know {what}.")


class SignIn(Exception):  # noqa: N818
    """No token, or a bad one: the answer is meant for a browser."""

    PAGE = "<!DOCTYPE html><html lang='en-US'><head><title>Azure DevOps Services | Sign In</title></head></html>"

    @staticmethod
    def told_plainly() -> Answer:
        """For clients that send `X-TFS-FedAuthRedirect: Suppress`, as Microsoft's own do."""
        challenge = 'Basic realm="https://tfsprodweu1.app.visualstudio.com/"'
        return Answer(content=b"", status=401, headers={"WWW-Authenticate": challenge})

    @classmethod
    def answer(cls, *, redirects: bool) -> Answer:
        html = {"Content-Type": "text/html; charset=utf-8"}
        if redirects:
            target = "https://spsprodweu1.vssps.visualstudio.com/_signin?realm=dev.azure.com"
            return Answer(content=b"", status=302, headers={**html, "Location": target})
        return Answer(content=cls.PAGE.encode(), status=203, headers=html)


def listed(entries: Sequence[Any]) -> Answer:
    return Answer(content={"count": len(entries), "value": list(entries)})


def paged(entries: Sequence[Any], *, top: int, page: int, after: str) -> Answer:
    """At most `top` entries, and never more than a page; the token is opaque to the client."""
    start = _place(after)
    end = start + min(top, page)
    content = {"count": len(entries[start:end]), "value": list(entries[start:end])}
    return Answer(content=content, headers={CONTINUES: f"ct-{end}"} if end < len(entries) else {})


def _place(token: str) -> int:
    if not token:
        return 0
    digits = token.removeprefix("ct-")
    if digits == token or not digits.isdigit():
        raise Refusal(400, "ArgumentException", f"Value cannot be parsed as a continuation token: {token[:50]}")
    return int(digits)

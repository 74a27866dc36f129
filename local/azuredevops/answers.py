"""The forms of a response: JSON, bytes, a list with its continuation, an error, and the sign-in page."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

JSON = "application/json; charset=utf-8"
CONTINUES = "x-ms-continuationtoken"
"""The header with the token of the next page; the body does not mention it."""

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
class Response:
    content: Any = None
    """Serialized as JSON, except for bytes, which are sent as they are."""
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
    """An error in the format of Azure DevOps."""

    def __init__(self, status: int, key: str, message: str, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.key, self.message, self.headers = status, key, message, headers or {}

    def response(self) -> Response:
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
        return Response(content=content, status=self.status, headers=self.headers)


class NotKnown(Refusal):
    """A request that the double cannot answer as the real service would: it says what it lacks, and does not guess."""

    def __init__(self, what: str) -> None:
        super().__init__(501, "NotKnownToTheDouble", f"The double of Azure DevOps does not know {what}.")


class SignIn(Exception):  # noqa: N818
    """No token, or a bad one: the response is meant for a browser."""

    PAGE = "<!DOCTYPE html><html lang='en-US'><head><title>Azure DevOps Services | Sign In</title></head></html>"

    @staticmethod
    def unauthorized() -> Response:
        """For clients that send `X-TFS-FedAuthRedirect: Suppress`, as Microsoft's own do."""
        challenge = 'Basic realm="https://tfsprodweu1.app.visualstudio.com/"'
        return Response(content=b"", status=401, headers={"WWW-Authenticate": challenge})

    @classmethod
    def response(cls, *, redirects: bool) -> Response:
        html = {"Content-Type": "text/html; charset=utf-8"}
        if redirects:
            target = "https://spsprodweu1.vssps.visualstudio.com/_signin?realm=dev.azure.com"
            return Response(content=b"", status=302, headers={**html, "Location": target})
        return Response(content=cls.PAGE.encode(), status=203, headers=html)


def list_response(entries: Sequence[Any]) -> Response:
    return Response(content={"count": len(entries), "value": list(entries)})


def page_response(entries: Sequence[Any], *, top: int, page: int, after: str) -> Response:
    """At most `top` entries, and never more than `page`. The token is opaque to the client."""
    start = _place(after)
    end = start + min(top, page)
    content = {"count": len(entries[start:end]), "value": list(entries[start:end])}
    return Response(content=content, headers={CONTINUES: f"ct-{end}"} if end < len(entries) else {})


def _place(token: str) -> int:
    if not token:
        return 0
    digits = token.removeprefix("ct-")
    if digits == token or not digits.isdigit():
        raise Refusal(400, "ArgumentException", f"Value cannot be parsed as a continuation token: {token[:50]}")
    return int(digits)

"""The errors of a registry, in the JSON format of the OCI distribution specification.

Handlers raise `OciError`; a middleware in `server.py` turns it into a response.
"""

from collections.abc import Mapping
from enum import Enum, unique

from aiohttp import web


@unique
class Code(Enum):
    """Code, HTTP status and standard message."""

    BLOB_UNKNOWN = (404, "blob unknown to registry")
    BLOB_UPLOAD_INVALID = (400, "blob upload invalid")
    BLOB_UPLOAD_UNKNOWN = (404, "blob upload unknown to registry")
    DENIED = (403, "requested access to the resource is denied")
    DIGEST_INVALID = (400, "provided digest did not match uploaded content")
    MANIFEST_BLOB_UNKNOWN = (400, "blob unknown to registry")
    MANIFEST_INVALID = (400, "manifest invalid")
    MANIFEST_UNKNOWN = (404, "manifest unknown")
    NAME_INVALID = (400, "invalid repository name")
    NAME_UNKNOWN = (404, "repository name not known to registry")
    PAGINATION_NUMBER_INVALID = (400, "invalid number of results requested")
    RANGE_INVALID = (416, "invalid content range")
    SIZE_INVALID = (400, "provided length did not match content length")
    TAG_INVALID = (400, "manifest tag did not match URI")
    TAG_UNKNOWN = (404, "the specified tag does not exist")
    UNAUTHORIZED = (401, "authentication required, visit https://aka.ms/acr/authorization for more information.")
    UNSUPPORTED = (405, "The operation is unsupported.")
    BODY_INVALID = (400, "the body of the request is not what this operation expects")
    BACKEND_FAILED = (502, "the registry behind this one failed")
    REGISTRY_DISALLOWED_OPERATION = (
        405,
        "The operation is disallowed on this registry, repository or image. View troubleshooting steps at "
        "https://aka.ms/acr/faq/#why-does-my-pull-or-push-request-fail-with-disallowed-operation",
    )

    def __init__(self, status: int, message: str) -> None:
        self.status = status
        self.message = message


class OciError(Exception):
    """An error response: its code, what exactly was wrong, and headers such as a challenge."""

    def __init__(
        self, code: Code, detail: object = None, *, status: int | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(f"{code.name}: {detail or code.message}")
        self.code = code
        self.detail = detail
        self.status = code.status if status is None else status
        self.headers = dict(headers or {})

    def response(self) -> web.Response:
        error = {"code": self.code.name, "message": self.code.message, "detail": self.detail or {}}
        return web.json_response({"errors": [error]}, status=self.status, headers=self.headers)

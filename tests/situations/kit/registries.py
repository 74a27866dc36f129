"""The two registries: the product's client over memory, and the faults on their side."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

from slipway.testing import ManualClock, RegistryDouble
from slipway.testing.registry import RegistryReply, Request, error

from .artifacts import Artifact, index

REPOSITORY = "team/shop"
OK, ACCEPTED = 200, 202


@dataclass(frozen=True, kw_only=True)
class Answer:
    """The answer of a registry in place of the right one."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


def error_answer(status: int, code: str, message: str = "") -> Answer:
    reply = error(status, code, message)
    return Answer(status=reply.status, headers=reply.headers, body=reply.body)


class RegistryInMemory:
    """One registry, as CI, `acr purge` and its vendor make it."""

    def __init__(self, name: str, time: ManualClock) -> None:
        self.double = RegistryDouble(name, time)
        self.held: Any = self.double.held

    def hold(self, artifact: Artifact, tag: str = "", *, repository: str = REPOSITORY) -> None:
        if tag:
            self.double.seed(repository, artifact, tag)
        else:
            self.held.seed(repository, artifact)

    def purge(self, artifact: Artifact) -> None:
        self.double.lose(REPOSITORY, artifact.digest)

    def list_under_a_tag(self, subject: Artifact, *referrers: Artifact) -> None:
        """It has no referrers API: clients keep the list in an index under a tag."""
        self.held.referrers_api = False
        self.hold(index(*referrers), subject.digest.replace(":", "-"))

    def answer_referrers_with(self, answer: Answer) -> None:
        self._answer(lambda request: "/referrers/" in request.path, answer)

    def lose_on_reading(self, artifact: Artifact) -> None:
        """Its manifest is listed, and gone when it is asked for."""
        path = f"/manifests/{artifact.digest}"
        not_found = error_answer(404, "MANIFEST_UNKNOWN")
        self._answer(lambda request: request.path.endswith(path) and request.method != "PUT", not_found)

    def refuse_manifests_with_a_subject(self, answer: Answer) -> None:
        def has_subject(request: Request) -> bool:
            return request.method == "PUT" and "/manifests/" in request.path and b'"subject"' in request.body

        self._answer(has_subject, answer)

    def lose_upload_sessions(self, answer: Answer, *, times: int) -> None:
        def ends_an_upload(request: Request) -> bool:
            return request.method == "PUT" and "/blobs/uploads/" in request.path

        self._answer(ends_an_upload, answer, times=times)

    def answer_uploads_with(self, answer: Answer) -> None:
        """Answer the request that begins an upload."""
        self._answer(lambda request: request.method == "POST" and "/blobs/uploads/" in request.path, answer)

    def answer_new_manifests_with(self, answer: Answer) -> None:
        self._answer(lambda request: request.method == "PUT" and "/manifests/" in request.path, answer)

    def answer_everything_with(self, answer: Answer) -> None:
        self._answer(lambda request: True, answer)

    def answer_uploads_as_if_over(self) -> None:
        """It has all blobs already, and answers each upload as completed at once."""
        original = self.held.handle

        def handle(request: Request) -> RegistryReply:
            reply: RegistryReply = original(request)
            return RegistryReply(status=201) if reply.status == ACCEPTED else reply

        self.held.handle = handle

    def serve_manifests_as(self, media_type: str) -> None:
        original = self.held.handle

        def handle(request: Request) -> RegistryReply:
            reply: RegistryReply = original(request)
            is_read = "/manifests/" in request.path and request.method in ("GET", "HEAD") and reply.status == OK
            return replace(reply, headers=reply.headers | {"Content-Type": media_type}) if is_read else reply

        self.held.handle = handle

    def stand_behind_a_proxy_for_tls(self) -> None:
        """It does not know of the TLS, and names its own addresses with http."""
        original = self.held.handle

        def handle(request: Request) -> RegistryReply:
            parts = urlsplit(request.url)
            if parts.scheme != "https":
                raise AssertionError(f"asked in the clear: {request.url}")
            reply: RegistryReply = original(request)
            location = reply.headers.get("Location", "")
            location_header = {"Location": f"http://{parts.netloc}{location}"} if location.startswith("/") else {}
            return replace(reply, headers=reply.headers | location_header)

        self.held.handle = handle

    def ask_for_a_token(self, *, refused: int) -> None:
        """Demand a token, and refuse it so many times at the token address before giving it."""
        original, remaining = self.held.handle, [refused]

        def handle(request: Request) -> RegistryReply:
            parts = urlsplit(request.url)
            if parts.path == "/token" and remaining[0]:
                remaining[0] -= 1
                return error(403, "DENIED", "client with IP '203.0.113.7' is not allowed access")
            if parts.path == "/token":
                return RegistryReply(status=200, body=b'{"token": "given"}')
            if request.headers.get("Authorization") != "Bearer given":
                realm = f'Bearer realm="https://{parts.netloc}/token",service="{parts.netloc}"'
                return RegistryReply(status=401, headers={"WWW-Authenticate": realm})
            reply: RegistryReply = original(request)
            return reply

        self.held.handle = handle

    def _answer(self, when: Callable[[Request], bool], answer: Answer, *, times: int = 1_000_000) -> None:
        original, remaining = self.held.handle, [times]

        def handle(request: Request) -> RegistryReply:
            if remaining[0] and when(request):
                remaining[0] -= 1
                return RegistryReply(status=answer.status, headers=dict(answer.headers), body=answer.body)
            reply: RegistryReply = original(request)
            return reply

        self.held.handle = handle

"""The two registries: the product's client over memory, with what goes wrong on their side."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from slipway.testing import ManualClock, RegistryDouble
from slipway.testing.registry import RegistryReply, Request, error

from .artifacts import Artifact, index

REPOSITORY = "team/shop"


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a registry answers in place of what it should."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


def error_answer(status: int, code: str) -> Answer:
    made = error(status, code)
    return Answer(status=made.status, headers=made.headers, body=made.body)


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
        gone = error_answer(404, "MANIFEST_UNKNOWN")
        self._answer(lambda request: request.path.endswith(path) and request.method != "PUT", gone)

    def refuse_manifests_with_a_subject(self, answer: Answer) -> None:
        def has_subject(request: Request) -> bool:
            return request.method == "PUT" and "/manifests/" in request.path and b'"subject"' in request.body

        self._answer(has_subject, answer)

    def lose_upload_sessions(self, answer: Answer, *, times: int) -> None:
        def ends_an_upload(request: Request) -> bool:
            return request.method == "PUT" and "/blobs/uploads/" in request.path

        self._answer(ends_an_upload, answer, times=times)

    def _answer(self, when: Callable[[Request], bool], answer: Answer, *, times: int = 1_000_000) -> None:
        usual, left = self.held.handle, [times]

        def handle(request: Request) -> RegistryReply:
            if left[0] and when(request):
                left[0] -= 1
                return RegistryReply(status=answer.status, headers=dict(answer.headers), body=answer.body)
            passed_on: RegistryReply = usual(request)
            return passed_on

        self.held.handle = handle

"""Pushing an image: order, what is not sent twice, refusals, and a registry that fails on the way."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from pydantic import SecretStr

from local.images import BuiltImage, Credentials, PushError, build, push
from local.registry import Principal, Registry, Settings
from slipway.domain.model import sha256
from tests.serving import in_a_thread

PASSWORD = "never-to-be-printed"
CI = Credentials(user="ci", password=PASSWORD)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "hello" / "app").mkdir(parents=True)
    (tmp_path / "hello" / "app" / "server.py").write_text("print('hello')\n")
    return tmp_path / "hello"


@pytest.fixture
def image(source: Path) -> BuiltImage:
    return build(source, version="1.2.3")


@pytest.fixture
def registry() -> Iterator[Registry]:
    ci = Principal(name="ci", password=SecretStr(PASSWORD), allow={"hello": "pull,push", "closed": "pull"})
    with Registry(Settings(principals=(ci,))) as running:
        yield running


def test_a_second_push_sends_no_blob_again(registry: Registry, image: BuiltImage) -> None:
    first, second = (
        push(image, registry_url=registry.url, repository="hello", tag="1.2.3", credentials=CI) for _ in range(2)
    )
    manifests = sum(len(part.data) for part in (*image.manifests, image.index))
    assert first.digest == second.digest == image.digest
    assert first.pushed_bytes == manifests + sum(len(part.data) for part in image.blobs)
    assert second.pushed_bytes == manifests


def test_a_refusal_names_the_repository_and_the_registrys_words_but_not_the_password(
    registry: Registry, image: BuiltImage
) -> None:
    with pytest.raises(PushError, match=r"/v2/closed/.*401 UNAUTHORIZED") as refused:
        push(image, registry_url=registry.url, repository="closed", tag="1.2.3", credentials=CI)
    assert PASSWORD not in str(refused.value)
    assert PASSWORD not in repr(CI)


def test_a_wrong_password_is_reported_as_such(registry: Registry, image: BuiltImage) -> None:
    wrong = Credentials(user="ci", password="wrong")
    with pytest.raises(PushError, match="the user name or the password is wrong"):
        push(image, registry_url=registry.url, repository="hello", tag="1.2.3", credentials=wrong)


def test_a_registry_that_is_not_there_is_tried_a_few_times(image: BuiltImage) -> None:
    waits: list[float] = []
    with pytest.raises(PushError, match="no useful response in 5 attempts"):
        push(image, registry_url="http://127.0.0.1:9", repository="hello", tag="1.2.3", sleep=waits.append)
    assert waits == sorted(waits)
    assert len(waits) == 5


class Stumbling(BaseHTTPRequestHandler):
    """A registry that fails the first upload and the first manifest, and asks to be tried again later."""

    protocol_version = "HTTP/1.1"
    failing: set[str]
    stored: list[str]

    def do_HEAD(self) -> None:
        self._answer(404)

    def do_POST(self) -> None:
        self._answer(202, Location=f"{self.path}1?_state=x")

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        kind = "manifest" if "/manifests/" in self.path else "blob"
        if kind in self.failing:
            self.failing.discard(kind)
            self._answer(503, **{"Retry-After": "7"})
            return
        self.stored.append(kind)
        self._answer(201, **{"Docker-Content-Digest": sha256(body)})

    def _answer(self, status: int, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *arguments: object) -> None:
        """Tests print nothing."""


def test_a_failure_on_the_way_is_tried_again_as_late_as_the_registry_asks(image: BuiltImage) -> None:

    class Handler(Stumbling):
        failing = {"blob", "manifest"}  # noqa: RUF012 - one of its own for this test
        stored: list[str] = []  # noqa: RUF012

    waits: list[float] = []
    with in_a_thread(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as server:
        url = f"http://127.0.0.1:{server.server_port}"
        pushed = push(image, registry_url=url, repository="hello", tag="1.2.3", sleep=waits.append)
    assert pushed.digest == image.digest
    assert waits == [7.0, 7.0]
    assert Handler.stored == ["blob"] * len(image.blobs) + ["manifest"] * 3


def command(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "local.images", *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_command_prints_one_line_of_json_and_never_the_password(registry: Registry, source: Path) -> None:
    options = ["--source", str(source), "--repository", "hello", "--tag", "1.2.3", "--registry", registry.url]
    process = command(*options, "--user", "ci", "--password-env", "CI_PASSWORD", CI_PASSWORD=PASSWORD)
    assert process.returncode == 0, process.stderr
    output = json.loads(process.stdout)
    assert output.keys() == {"digest", "tag", "repository", "pushed_bytes"}
    assert output["digest"] == build(source, version="1.2.3").digest
    assert "blob sha256:" in process.stderr
    assert PASSWORD not in process.stdout + process.stderr


def test_the_command_explains_a_wrong_option(source: Path) -> None:
    options = ["--source", str(source), "--repository", "Hello", "--tag", "1.2.3", "--registry", "http://127.0.0.1:9"]
    process = command(*options)
    assert process.returncode == 2
    assert "--repository" in process.stderr

"""The double as a process: how it starts, says that it is ready, and ends; and how it reports a wrong file."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from .support import Client

PRINCIPALS = [{"name": "ci", "password": "laptop-only", "allow": {"*": "pull,push"}}]


def start(tmp_path: Path, *options: str, **config: Any) -> subprocess.Popen[str]:
    file = tmp_path / "registry.json"
    file.write_text(json.dumps({"principals": PRINCIPALS, **config}))
    command = [sys.executable, "-m", "local.registry", "--config", str(file), "--port", "0", *options]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)


def ready(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdout
    line: dict[str, Any] = json.loads(process.stdout.readline())
    return line


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_double_says_when_it_is_ready_and_ends_on_a_signal(tmp_path: Path, number: signal.Signals) -> None:
    process = start(tmp_path)
    announcement = ready(process)
    assert announcement["ready"] is True
    assert announcement["url"] == f"http://{announcement['login_server']}" == f"http://127.0.0.1:{announcement['port']}"
    assert Client(announcement["url"]).push_image("shop", "1.0.0")
    process.send_signal(number)
    _, errors = process.communicate(timeout=20)
    assert (process.returncode, errors) == (0, "")


def test_the_double_ends_with_its_parent_if_the_option_says_so(tmp_path: Path) -> None:
    process = start(tmp_path, "--stop-with-parent")
    ready(process)
    assert process.communicate(timeout=20)[1] == ""
    assert process.returncode == 0


def test_a_pushed_image_is_still_there_after_a_restart(tmp_path: Path) -> None:
    for attempt in range(2):
        process = start(tmp_path, directory=str(tmp_path / "content"))
        client = Client(ready(process)["url"])
        if attempt == 0:
            client.push_image("shop", "1.0.0")
        assert client.send("GET", "/v2/shop/tags/list").json()["tags"] == ["1.0.0"]
        process.terminate()
        process.communicate(timeout=20)


def test_a_wrong_file_is_explained_without_its_secrets(tmp_path: Path) -> None:
    principals = [{"name": "ci", "password": "do-not-print", "allow": {"shop": "pull,fly"}}]
    process = start(tmp_path, principals=principals, typo=1)
    output, errors = process.communicate(timeout=20)
    assert (process.returncode, output) == (2, "")
    assert "typo" in errors
    assert "expected actions among" in errors
    assert "do-not-print" not in errors


def test_a_file_that_is_not_json_is_named_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "registry.json"
    file.write_text("{\n  oops\n}")
    command = [sys.executable, "-m", "local.registry", "--config", str(file)]
    process = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert process.returncode == 2
    assert f"{file}, line 2" in process.stderr

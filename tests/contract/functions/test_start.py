"""What stops an app, or one function, from starting; the command line; the keys of an installation."""

import json
import os
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from local.functions.launch import ROOT, command_line
from tests.contract.functions.support import APPS, JSON, StartHost, ask, until


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command_line(*arguments), capture_output=True, text=True, cwd=ROOT, timeout=60, check=False)


def test_one_function_that_cannot_be_indexed_takes_the_whole_app_down(tmp_path: Path) -> None:
    """W-14. Host 4.1037 (read) stays up without functions then: "Running", 404 everywhere, its home page at `/`.
    Here the start fails with the library's sentence: nobody is to wait for an app that will not come."""
    process = run("--app", str(APPS / "unloadable"), "--state", str(tmp_path))
    assert process.returncode == 1
    assert process.stdout == ""
    assert "cannot load the wrong function: binding msgs has invalid non-type annotation" in process.stderr


def test_the_list_shows_functions_with_their_bindings() -> None:
    process = run("--app", str(APPS / "web"), "--list")
    assert process.returncode == 0, process.stderr
    listed = {function["name"]: function for function in json.loads(process.stdout)}
    trigger = listed["item"]["config"]["bindings"][0]
    assert (trigger["type"], trigger["route"], trigger["methods"]) == ("httpTrigger", "items/{id:int}", ["GET"])
    assert not any(function["error"] for function in listed.values())


EXPECTED = {
    "same_route": "conflicts with the route defined by function 'sound'",
    "reserved_route": "conflicts with one or more built in routes",
    "bad_schedule": "hour: expected 0 to 23, got '25'",
    "no_such_sunday": "day of week: expected 0 to 6, got '7'",
    "unresolved": "'%NO_SUCH_SETTING%' does not resolve to a value",
    "unconnected": "Service Bus account connection string 'NO_SUCH_CONNECTION' does not exist",
    "with_sessions": "covered by this host for queues and single messages only",
    "unknown_binding": "The binding type(s) 'madeUpTrigger' are not registered",
}


def test_the_list_fails_when_a_function_is_in_error() -> None:
    process = run("--app", str(APPS / "faulty"), "--list")
    assert process.returncode == 1
    errors = {function["name"]: function["error"] for function in json.loads(process.stdout) if function["error"]}
    assert set(errors) == set(EXPECTED)
    assert all(EXPECTED[name] in errors[name] for name in EXPECTED)


def test_functions_in_error_do_not_stop_the_others(start_host: StartHost) -> None:
    host = start_host("faulty", "--no-auth", AzureWebJobsStorage="UseDevelopmentStorage=true")
    assert set(host.errors) == set(EXPECTED)
    assert ask(f"{host.url}/api/sound").body == b"sound"
    assert ask(f"{host.url}/admin/host/status").json()["errors"] == host.errors
    assert ask(f"{host.url}/admin/functions/unresolved", "POST", {}, JSON).status == 404


@pytest.mark.parametrize(
    ("prefix", "route"), [("", "a//b"), ("", "items/{id:int()}"), ("", "{*rest}/last"), ("api", "/"), ("api/", "items")]
)
def test_an_invalid_route_template_takes_the_whole_app_down(tmp_path: Path, prefix: str, route: str) -> None:
    """W-02. Host 4.1037 builds its routes in ScriptHost.OnHostInitialized, outside of any one function: what the
    template parser refuses (WebJobs.Extensions.Http 3.2.0, run) fails the start of the host (read)."""
    (tmp_path / "host.json").write_text(json.dumps({"version": "2.0", "extensions": {"http": {"routePrefix": prefix}}}))
    (tmp_path / "function_app.py").write_text(
        "import azure.functions as func\n"
        "app = func.FunctionApp()\n"
        f"@app.route(route={route!r})\n"
        "def one(req: func.HttpRequest) -> func.HttpResponse:\n"
        "    return func.HttpResponse('')\n"
    )
    process = run("--app", str(tmp_path), "--state", str(tmp_path / "state"))
    assert process.returncode == 1
    assert f"The route template '{prefix}{'/' if prefix else ''}{route}' is invalid" in process.stderr


def test_a_trigger_of_the_bundle_needs_the_bundle_in_host_json(tmp_path: Path) -> None:
    (tmp_path / "function_app.py").write_bytes((APPS / "bus" / "function_app.py").read_bytes())
    (tmp_path / "host.json").write_text('{"version": "2.0"}')
    process = run("--app", str(tmp_path), "--list")
    assert process.returncode == 1
    errors = [function["error"] for function in json.loads(process.stdout)]
    assert all("host.json names no extensionBundle" in error for error in errors)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ('{"logging": {}}', "'version' property must be"),
        ("{", "expected JSON"),
        ('{"version": "2.0", "functionTimeout": "5 minutes"}', "functionTimeout: expected a time span"),
        (
            '{"version": "2.0", "extensions": {"serviceBus": {"maxConcurrentCalls": 0}}}',
            "extensions.serviceBus.maxConcurrentCalls: expected a whole number of at least 1, got 0",
        ),
    ],
)
def test_a_bad_host_json_stops_the_host_and_names_the_field(tmp_path: Path, content: str, expected: str) -> None:
    (tmp_path / "host.json").write_text(content)
    process = run("--app", str(tmp_path), "--list")
    assert process.returncode == 1
    assert expected in process.stderr


def test_an_import_error_of_the_app_is_reported_with_the_words_of_the_library(tmp_path: Path) -> None:
    (tmp_path / "host.json").write_text('{"version": "2.0"}')
    (tmp_path / "function_app.py").write_text("import no_such_module\n")
    process = run("--app", str(tmp_path), "--list")
    assert process.returncode == 1
    assert "No module named 'no_such_module'" in process.stderr


def test_an_app_that_ends_its_process_while_it_loads_is_reported(tmp_path: Path) -> None:
    (tmp_path / "host.json").write_text('{"version": "2.0"}')
    (tmp_path / "function_app.py").write_text("import os\nos._exit(3)\n")
    process = run("--app", str(tmp_path), "--list")
    assert process.returncode == 1
    assert "ended with code 3 while it loaded the app" in process.stderr


def test_keys_are_made_once_and_shared_by_the_instances(start_host: StartHost, tmp_path: Path) -> None:
    first = start_host("web", state=tmp_path)
    second = start_host("web", state=tmp_path)
    file = tmp_path / "keys.json"
    keys = json.loads(file.read_text())
    assert file.stat().st_mode & 0o777 == 0o600
    for host in (first, second):
        assert ask(f"{host.url}/api/guarded").status == 401
        assert ask(f"{host.url}/api/guarded?code={keys['functionKeys']['default']}").status == 200
        assert ask(f"{host.url}/admin/functions?code={keys['master']}").status == 200
        assert keys["master"] not in host.log.read_text()


def test_without_auth_every_door_is_open(start_host: StartHost) -> None:
    host = start_host("web", "--no-auth")
    assert ask(f"{host.url}/api/guarded").status == 200
    assert ask(f"{host.url}/admin/functions").status == 200


def test_the_host_stops_when_its_parent_closes_stdin(start_host: StartHost) -> None:
    host = start_host("web")
    assert host.process.stdin is not None
    host.process.stdin.close()
    assert host.process.wait(30) == 0


def test_a_running_request_is_answered_before_the_host_stops(start_host: StartHost, tmp_path: Path) -> None:
    host = start_host("web", WAIT_FOLDER=str(tmp_path))
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(ask, f"{host.url}/api/wait/go")
        until((tmp_path / "go.waiting").exists, "the function is running")
        host.process.terminate()
        until(lambda: "Stopping." in host.log.read_text(), "the host is stopping")
        (tmp_path / "go").touch()
        assert waiting.result().status == 200
    assert host.process.wait(30) == 0


def test_the_worker_ends_with_a_host_that_is_killed(start_host: StartHost) -> None:
    host = start_host("web")
    pid: Any = ask(f"{host.url}/api/process").json()["pid"]
    host.kill()
    until(lambda: not Path(f"/proc/{pid}/cmdline").exists() or not Path(f"/proc/{pid}/cmdline").read_bytes(), "it ends")


def test_a_worker_that_hangs_ends_with_a_host_that_is_killed(start_host: StartHost) -> None:
    """Its interpreter is stopped, as by an expression that never ends: it cannot notice by itself that the host is
    gone."""
    host = start_host("web")
    pid: Any = ask(f"{host.url}/api/process").json()["pid"]
    os.kill(pid, signal.SIGSTOP)
    host.kill()
    until(lambda: not Path(f"/proc/{pid}/cmdline").exists() or not Path(f"/proc/{pid}/cmdline").read_bytes(), "it ends")


def test_a_taken_port_is_reported(start_host: StartHost, tmp_path: Path) -> None:
    host = start_host("web")
    port = host.url.rsplit(":", 1)[1]
    process = run("--app", str(APPS / "web"), "--state", str(tmp_path), "--port", port)
    assert process.returncode == 1
    assert f"--port: cannot listen on 127.0.0.1:{port}" in process.stderr


def test_an_app_without_functions_is_refused(tmp_path: Path) -> None:
    (tmp_path / "host.json").write_text('{"version": "2.0"}')
    process = run("--app", str(tmp_path), "--list")
    assert process.returncode == 1
    assert "0 functions found" in process.stderr


def test_a_connection_that_is_not_a_connection_string_is_reported_without_its_value(start_host: StartHost) -> None:
    host = start_host("bus", "--no-auth", SB="SharedAccessKey=secret", ONE_QUEUE="one")
    assert "setting SB: expected a connection string" in host.errors["one"]
    assert "secret" not in json.dumps(host.errors) + host.log.read_text()


@pytest.mark.parametrize(
    ("content", "expected"),
    [("[]", 'expected an object with a "master" key'), ('{"master": "m", "systemKeys": {"a": 1}}', "systemKeys")],
)
def test_a_bad_keys_file_stops_the_host(tmp_path: Path, content: str, expected: str) -> None:
    keys = tmp_path / "keys.json"
    keys.write_text(content)
    process = run("--app", str(APPS / "web"), "--state", str(tmp_path / "state"), "--keys", str(keys))
    assert process.returncode == 1
    assert expected in process.stderr

"""HTTP functions behave as behind the host in Azure."""

import json
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from local.functions import limits
from local.functions.launch import HostProcess
from local.functions.worker import Deaths
from tests.contract.functions.support import APPS, KEYS, StartHost, ask, until

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("waiting")


@pytest.fixture(scope="module")
def host(start_host: StartHost, folder: Path) -> HostProcess:
    keys = folder / "keys.json"
    keys.write_text(json.dumps(KEYS))
    settings = {
        "WAIT_FOLDER": str(folder),
        "SOME_SETTING": "its value",
        "AzureWebJobs.switched_off.Disabled": "true",
        "AzureWebJobsDisableHomepage": "true",
        "FUNCTIONS_REQUEST_BODY_SIZE_LIMIT": "100000",
    }
    return start_host("web", "--keys", str(keys), **settings)


def test_a_request_reaches_its_function_with_route_query_headers_and_body(host: HostProcess) -> None:
    response = ask(f"{host.url}/api/hello/Ada?a=1&empty=&a=2", "POST", "text", {"X-Test": "yes"})
    assert response.status == 200
    echo = response.json()
    assert (echo["method"], echo["name"], echo["header"], echo["body"]) == ("POST", "Ada", "yes", "text")
    assert echo["query"] == {"a": "1,2"}
    assert echo["function"] == "hello"


def test_routes_ignore_case_and_optional_parameters_may_be_left_out(host: HostProcess) -> None:
    assert ask(f"{host.url}/API/Hello").json()["name"] is None


def test_a_route_of_a_blueprint_is_served(host: HostProcess) -> None:
    assert ask(f"{host.url}/api/from-blueprint").body == b"blueprint"


def test_a_catch_all_takes_the_rest_of_the_path(host: HostProcess) -> None:
    assert ask(f"{host.url}/api/files/a/b%20c/d").json()["path"] == "a/b c/d"


def test_an_escaped_slash_is_not_a_separator(host: HostProcess) -> None:
    assert ask(f"{host.url}/api/hello/a%2Fb").json()["name"] == "a%2Fb"


def test_a_value_that_breaks_a_constraint_is_not_found(host: HostProcess) -> None:
    assert ask(f"{host.url}/api/items/12").json() == {"id": "12"}
    assert ask(f"{host.url}/api/items/twelve").status == 404


def test_methods_choose_between_functions_of_one_route_and_a_wrong_one_is_404(host: HostProcess) -> None:
    assert ask(f"{host.url}/api/items/5", "DELETE").json() == {"dropped": "5"}
    assert ask(f"{host.url}/api/items/5", "PUT").status == 404


def test_status_headers_and_several_cookies_reach_the_caller(host: HostProcess) -> None:
    response = ask(f"{host.url}/api/cookies")
    assert response.status == 201
    assert response.all("X-Own") == ["1"]
    assert sorted(response.all("Set-Cookie")) == [
        "a=1; domain=; path=/; httponly",
        "b=2; domain=; path=; secure; samesite=lax",
    ]


def test_the_cookie_of_a_session_comes_back_as_it_was_set(host: HostProcess) -> None:
    """W-09. Host 4.1037 percent-encodes the value of every cookie (ResponseCookies.Append, run): a value of base64url
    comes through as it is, one with padding does not. The worker library 1.3 hands over an empty domain and path where
    the function set none, which the host writes down: a `__Host-` cookie needs its `Path=/` said."""
    (cookie,) = ask(f"{host.url}/api/session-cookie").all("Set-Cookie")
    assert cookie == "__Host-session=k1.AZaz09-_; domain=; path=/; secure; samesite=lax; httponly"
    (padded,) = ask(f"{host.url}/api/session-cookie?padding=%3D%3D").all("Set-Cookie")
    assert padded.startswith("__Host-session=k1.AZaz09-_%3D%3D;")


def test_a_browser_keeps_the_cookie_of_a_session_as_the_host_writes_it(host: HostProcess, browser: "Browser") -> None:
    """W-09. An empty domain does no harm to a `__Host-` cookie in Chromium, an empty path makes it refuse it."""
    context = browser.new_context()
    page = context.new_page()
    base = host.url.replace("127.0.0.1", "localhost")  # where a browser takes Secure without TLS
    page.goto(f"{base}/api/session-cookie?pathless=yes")
    page.goto(f"{base}/api/cookie-back")
    assert page.inner_text("body") == "__Host-session=k1.AZaz09-_"
    context.close()


def test_a_header_that_is_not_ascii_turns_the_answer_into_500(host: HostProcess) -> None:
    """W-08. Kestrel refuses it (run); what the function answered is lost."""
    response = ask(f"{host.url}/api/named-file?name=%C3%A4.csv")
    assert (response.status, response.body) == (500, b"")
    assert ask(f"{host.url}/api/named-file?name=a.csv").status == 200


def test_a_returned_text_is_the_body(host: HostProcess) -> None:
    response = ask(f"{host.url}/api/text")
    assert (response.status, response.body) == (200, b"plain text")


def test_an_exception_is_500_without_details_and_is_logged(host: HostProcess) -> None:
    response = ask(f"{host.url}/api/fails")
    assert (response.status, response.body) == (500, b"")
    until(lambda: "ValueError: the reason" in host.log.read_text(), "the reason in the log")


def test_an_answer_of_the_wrong_type_is_500(host: HostProcess) -> None:
    assert ask(f"{host.url}/api/no-answer").status == 500


def test_the_trace_of_the_caller_is_continued_with_a_span_of_the_host(host: HostProcess) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    trace_parent = ask(f"{host.url}/api/hello", headers={"traceparent": trace}).json()["trace"]
    assert trace_parent.split("-")[1] == trace.split("-")[1]
    assert trace_parent.split("-")[2] != trace.split("-")[2]


@pytest.mark.parametrize(
    ("key", "status"),
    [
        (None, 401),
        ("wrong", 401),
        ("the-event-grid-key", 401),
        ("the-key-of-another", 401),
        ("the-own-key", 200),
        ("the-host-key", 200),
        ("the-master-key", 200),
    ],
)
def test_a_function_key_opens_its_function_only(host: HostProcess, key: str | None, status: int) -> None:
    headers = {"x-functions-key": key} if key else {}
    assert ask(f"{host.url}/api/guarded", headers=headers).status == status


def test_a_key_in_the_header_wins_over_one_in_the_query(host: HostProcess) -> None:
    url = f"{host.url}/api/guarded?code=the-own-key"
    assert ask(url).json() == {"code": "the-own-key"}
    assert ask(url, headers={"x-functions-key": "wrong"}).status == 401


def test_the_admin_level_asks_for_the_master_key(host: HostProcess) -> None:
    assert ask(f"{host.url}/api/for-admins?code=the-host-key").status == 401
    assert ask(f"{host.url}/api/for-admins?code=the-master-key").status == 200


def test_a_disabled_function_is_404_except_for_the_master_key(host: HostProcess) -> None:
    assert ask(f"{host.url}/api/switched-off").status == 404
    assert ask(f"{host.url}/api/switched-off?code=the-master-key").json() == {"ran": True}


def test_a_body_above_the_limit_is_500_with_an_empty_answer(host: HostProcess) -> None:
    """W-11. Kestrel throws while host 4.1037 builds the invocation, and its ExceptionMiddleware makes that a 500
    (run)."""
    response = ask(f"{host.url}/api/hello", "POST", b"x" * 100_001)
    assert (response.status, response.body) == (500, b"")
    assert ask(f"{host.url}/api/hello", "POST", b"x" * 100_000).status == 200


@pytest.mark.parametrize("size", [5, 100_001])
def test_a_chunked_body_does_not_arrive(host: HostProcess, size: int) -> None:
    """W-04. Host 4.1037 reads a body only if its length was announced (GrpcMessageConversionExtensions.ToRpcHttp;
    seen on Kestrel; azure-functions-host issue 4926)."""
    chunked = b"%x\r\n%s\r\n0\r\n\r\n" % (size, b"x" * size)
    response = ask(f"{host.url}/api/hello", "POST", chunked, {"Transfer-Encoding": "chunked"})
    assert (response.status, response.json()["body"]) == (200, "")


def test_the_first_function_by_name_takes_a_request_however_general_its_route_is(host: HostProcess) -> None:
    """W-01. Host 4.1037 puts the routes in the order of the functions' names, and the first that fits runs
    (FunctionMetadataManager, WebJobsRouteBuilder; azure-functions-host issues 3153 and 9876)."""
    assert ask(f"{host.url}/api/overlap/precise").json() == {"ran": "a_general"}


def test_the_home_page_can_be_switched_off(host: HostProcess, start_host: StartHost) -> None:
    """W-21. HomepageMiddleware of host 4.1037, read: 204 without a body, else 200 and a page of Microsoft's."""
    assert [ask(f"{host.url}/", method).status for method in ("GET", "POST")] == [204, 204]
    assert ask(f"{start_host('web').url}/", "POST").status == 200


def test_printed_and_logged_lines_of_a_function_are_in_the_log_of_the_host(host: HostProcess) -> None:
    ask(f"{host.url}/api/speak")
    until(lambda: "a printed line" in host.log.read_text(), "the printed line")
    until(lambda: " W worker " in host.log.read_text() and "a logged line" in host.log.read_text(), "the logged line")


def test_the_worker_runs_in_the_folder_of_the_app_with_its_settings(host: HostProcess) -> None:
    process = ask(f"{host.url}/api/process").json()
    assert process["cwd"].endswith("apps/web")
    assert process["path"][0] == process["cwd"]
    assert process["setting"] == "its value"
    assert process["pid"] != host.pid


def worker_of(host: HostProcess) -> int:
    """The process id of the worker, once there is one that answers."""

    def answering_process() -> int:
        try:
            return int(ask(f"{host.url}/api/process").json()["pid"])
        except (OSError, ValueError):
            return 0

    return until(answering_process, "a worker answers")


def test_a_worker_that_crashes_gives_500_and_is_replaced(host: HostProcess) -> None:
    before = worker_of(host)
    assert ask(f"{host.url}/api/crash").status == 500
    assert worker_of(host) != before


def test_the_third_crash_in_half_an_hour_stops_the_host_which_the_platform_starts_again(start_host: StartHost) -> None:
    """W-13. RpcFunctionInvocationDispatcher of host 4.1037 (read): three errors without thirty quiet minutes, and ten
    seconds between two restarts."""
    assert limits.RESTART_PAUSE == 10
    host = start_host("web", "--no-auth", "--restart-pause", "0")
    for _ in range(3):
        before = worker_of(host)
        assert ask(f"{host.url}/api/crash").status == 500
    until(lambda: "Exceeded language worker restart retry count" in host.log.read_text(), "the host gives up")
    assert worker_of(host) != before
    assert host.process.poll() is None


def test_deaths_of_the_worker_are_counted_until_half_an_hour_was_quiet() -> None:
    """W-13. AddOrUpdateErrorBucket of host 4.1037 (read)."""
    now = 0.0
    deaths = Deaths(clock=lambda: now)
    assert (deaths.count_one(), deaths.count_one()) == (1, 2)
    now = 1800.0
    assert deaths.count_one() == 3
    now = 3600.1
    assert deaths.count_one() == 1


def limited(folder: Path) -> str:
    """The app `web`, whose functions may run for a second."""
    app = folder / "app"
    shutil.copytree(APPS / "web", app)
    (app / "host.json").write_text((app / "host.json").read_text().replace("00:05:00", "00:00:01"))
    return str(app)


def test_a_function_that_times_out_ends_with_its_whole_worker_process(start_host: StartHost, tmp_path: Path) -> None:
    host = start_host(limited(tmp_path), "--no-auth", WAIT_FOLDER=str(tmp_path))
    before = worker_of(host)
    assert ask(f"{host.url}/api/wait/never").status == 500
    assert "FunctionTimeoutException" in host.log.read_text()
    assert worker_of(host) != before


@pytest.mark.parametrize(
    ("age", "reasons"),
    [
        ("2024-10", {"FunctionTimeoutException"}),
        ("today", {"FunctionTimeoutException", "LanguageWorkerProcessExitedException"}),
    ],
)
def test_a_call_beside_a_function_that_timed_out_hangs_in_an_old_host_and_fails_in_a_newer_one(
    start_host: StartHost, tmp_path: Path, age: str, reasons: set[str]
) -> None:
    """W-12. Host 4.1037 passes no reason to TryFailExecutions, so the others hang until their own time is over
    (azure-functions-host issue 10936); pull request 11159 of July 2025 fails them at once."""
    host = start_host(limited(tmp_path), "--no-auth", "--host-age", age, WAIT_FOLDER=str(tmp_path))
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(ask, f"{host.url}/api/wait/first")
        until((tmp_path / "first.waiting").exists, "the first is running")
        time.sleep(0.5)
        beside = pool.submit(ask, f"{host.url}/api/wait/beside")
        assert (first.result().status, beside.result().status) == (500, 500)
    failed = [line.split("ms): ")[1] for line in host.log.read_text().splitlines() if "(Failed, Id=" in line]
    assert {line.split(":")[0] for line in failed} == reasons


def test_a_worker_that_ends_with_code_0_is_not_noticed_by_an_old_host_and_replaced_by_a_newer_one(
    start_host: StartHost, tmp_path: Path
) -> None:
    """W-13. WorkerProcess.OnProcessExited of host 4.1037 does nothing for code 0: what runs hangs until its own time is
    over, and whatever comes later fails (azure-functions-host issue 11500, of December 2025, since mended)."""
    app = limited(tmp_path)
    old = start_host(app, "--no-auth", "--host-age", "2024-10", "--restart-pause", "0", WAIT_FOLDER=str(tmp_path))
    assert ask(f"{old.url}/api/leave").status == 500
    assert "FunctionTimeoutException" in old.log.read_text()
    assert ask(f"{old.url}/api/process").status == 500
    new = start_host(app, "--no-auth", WAIT_FOLDER=str(tmp_path))
    before = worker_of(new)
    assert ask(f"{new.url}/api/leave").status == 500
    assert worker_of(new) != before


def test_a_blocked_function_does_not_block_the_host(host: HostProcess, folder: Path) -> None:
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(ask, f"{host.url}/api/wait/go")
        until((folder / "go.waiting").exists, "the function is running")
        assert ask(f"{host.url}/admin/host/ping").status == 200
        (folder / "go").touch()
        assert waiting.result().json() == {"waited": True}


def test_an_answer_that_takes_too_long_is_cut_while_the_function_runs_on(start_host: StartHost, tmp_path: Path) -> None:
    assert limits.ANSWER_WITHIN == 230
    host = start_host("web", "--answer-within", "0.2", WAIT_FOLDER=str(tmp_path))
    response = ask(f"{host.url}/api/wait/late")
    assert response.status == 504
    assert b"0.2 s" in response.body
    (tmp_path / "late").touch()
    until(lambda: "Executed 'Functions.wait' (Succeeded" in host.log.read_text(), "the function ends")


def test_the_functions_are_listed_for_the_master_key_only(host: HostProcess) -> None:
    assert ask(f"{host.url}/admin/functions").status == 401
    listed = {f["name"]: f for f in ask(f"{host.url}/admin/functions?code=the-master-key").json()}
    assert set(listed) == set(host.functions)
    assert listed["hello"]["invokeUrlTemplate"] == "/api/hello/{name?}"
    assert listed["switched_off"]["isDisabled"] is True
    guarded = ask(f"{host.url}/admin/functions/GUARDED?code=the-master-key").json()
    assert guarded["config"]["bindings"][0]["authLevel"] == "FUNCTION"
    assert ask(f"{host.url}/admin/functions/none?code=the-master-key").status == 404


def test_the_status_of_the_host_names_its_process(host: HostProcess) -> None:
    status = ask(f"{host.url}/admin/host/status?code=the-master-key").json()
    assert (status["state"], status["pid"]) == ("Running", host.pid)

"""A bug in an endpoint: 500, its traceback in the log, and nothing of it in the answer."""

import json
import logging
from collections.abc import Callable
from operator import attrgetter

import azure.functions as func
import pytest

from functions.http import answering
from slipway.domain.errors import UnknownName
from slipway.queries.reading import Reader
from tests.unit.api.in_process import serve
from tests.unit.web.installation import ScriptedInstallation


def _broken() -> None:
    raise AssertionError("bug")


def _unknown() -> None:
    raise UnknownName("the settings know no registry 'bug'")


BUGS: dict[str, tuple[type[Exception], Callable[[], object]]] = {
    "a key that is not there": (KeyError, lambda: dict[str, object]()["bug"]),
    "an index too far": (IndexError, lambda: list[object]()[0]),
    "an attribute of None": (AttributeError, lambda: attrgetter("bug")(None)),
    "a plain LookupError": (LookupError, lambda: "".encode("no such codec")),
    "a broken promise": (AssertionError, _broken),
    "a name that an installation does not define": (UnknownName, _unknown),
}
"""What mistakes in the code, or in the settings, raise behind an endpoint."""


@pytest.mark.parametrize("bug", BUGS)
def test_a_bug_behind_an_endpoint_is_500_with_its_traceback_in_the_log(
    bug: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    error, mistake = BUGS[bug]

    monkeypatch.setattr(Reader, "applications", lambda self: mistake())
    response = serve(monkeypatch, ScriptedInstallation()).get("/api/v1/applications")
    assert response.status_code == 500
    problem = json.loads(response.get_body())
    assert (problem["title"], problem["detail"]) == ("Internal error", "Internal error; see the log.")
    assert "bug" not in response.get_body().decode()
    (logged,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert logged.exc_info is not None
    assert logged.exc_info[0] is error


@pytest.mark.parametrize("bug", BUGS)
def test_a_bug_in_any_declared_handler_is_500(bug: str) -> None:
    def handler(req: func.HttpRequest) -> func.HttpResponse:
        BUGS[bug][1]()
        return func.HttpResponse()

    response = answering(handler)(func.HttpRequest("GET", "https://slipway.example/", body=b""))
    assert response.status_code == 500

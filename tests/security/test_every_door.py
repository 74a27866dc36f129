"""Every address of the app that changes something, those of tomorrow too: nobody unknown gets in, and no other site by
the browser of somebody who is known."""

import importlib
import pkgutil
from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any

import azure.functions as func
import pytest

import functions
from functions import hooks
from slipway.http.callers import Access
from slipway.testing import BASE
from tests.registered import registered
from tests.unit.web.samples import asked
from tests.unit.web.test_signed_in import principal

type Handler = Callable[[func.HttpRequest], func.HttpResponse]

MODULES: list[ModuleType] = [
    importlib.import_module(f"functions.{m.name}") for m in pkgutil.iter_modules(functions.__path__)
]

MACHINES = {function.name for function in registered(hooks)}
"""Doors that know their sender by a secret, which no browser sends by itself."""
ADMIN = {
    **principal("ada@example.com", roles=("Slipway.Admin", "admin", "operator", "approver")),
    "Content-Type": "application/json",
}


def _doors() -> dict[str, tuple[str, Handler]]:
    with_functions = [m for m in MODULES if isinstance(getattr(m, "blueprint", None), func.Blueprint)]
    return {
        function.name: (method, function.handler)
        for function in registered(*with_functions)
        if function.trigger["type"] == "httpTrigger"
        for method in set(function.methods) - {"GET", "HEAD"}
    }


DOORS = _doors()


@pytest.fixture(autouse=True)
def untouched(monkeypatch: pytest.MonkeyPatch) -> Any:
    """An installation that has only what says who somebody is: a door that reaches further first, fails."""
    home, _ = asked()
    built = SimpleNamespace(
        settings=SimpleNamespace(sign_in="easy-auth", public_url=BASE, hook_secrets=[], tenant_id=""),
        access=Access(easy_auth=True, host_keys=False),
        keys=home.app.keys,
        clock=home.clock,
        reader=None,
        handler=None,
        commander=None,
    )
    for module in MODULES:
        if hasattr(module, "parts"):
            monkeypatch.setattr(module, "parts", lambda: built)
    return built


@pytest.mark.parametrize("name", ["page_operate", "take_command"])
def test_where_everybody_reads_nobody_gives_commands_by_a_page(untouched: SimpleNamespace, name: str) -> None:
    """On a laptop whoever reaches the page is the operator; on an address that others reach that would be everybody."""
    untouched.settings.sign_in, untouched.access = "everybody", Access(easy_auth=False, host_keys=True)
    function = getattr(importlib.import_module("functions.operate"), name)
    for headers in ({}, ADMIN):
        request = func.HttpRequest("POST", BASE, headers=headers, params={}, route_params={}, body=b"")
        assert _unwrapped(function)(request).status_code == 401


def _unwrapped(function: Any) -> Handler:
    handler: Handler = function._function.get_user_function() if hasattr(function, "_function") else function
    return handler


def knock(name: str, headers: dict[str, str]) -> int:
    method, function = DOORS[name]
    route = dict.fromkeys(("token", "application", "number", "environment", "release", "id", "digest"), "hello-2")
    request = func.HttpRequest(method, BASE, headers=headers, params={}, route_params=route, body=b"{}")
    status: int = function(request).status_code
    return status


def test_the_doors_are_those_that_we_know_of() -> None:
    """So that the tests below look at something."""
    assert {"take_decision", "take_decision_of_signed_in", "api_vote", "azure_devops_hook"} <= set(DOORS)
    assert len(DOORS) > 5


@pytest.mark.parametrize("name", sorted(DOORS))
def test_somebody_unknown_is_refused_before_anything_is_read(name: str) -> None:
    assert knock(name, {"Content-Type": "application/json"}) in (400, 401, 403)


@pytest.mark.parametrize("name", sorted(set(DOORS) - MACHINES))
@pytest.mark.parametrize(
    "headers",
    [{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "https://evil.example"}],
)
def test_another_site_is_refused_whoever_has_signed_in(name: str, headers: dict[str, str]) -> None:
    assert knock(name, ADMIN | headers) == 403

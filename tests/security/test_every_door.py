"""Every endpoint of the app that changes something, future ones included: it lets in nobody unknown, and no other site
through the browser of somebody who is known."""

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from types import ModuleType, SimpleNamespace
from typing import Any

import azure.functions as func
import pytest

import functions
from functions import hooks
from slipway.testing import ADA, BASE
from slipway.testing.sign_in import bearer, signed_in
from tests.registered import registered
from tests.unit.web.samples import awaiting_approval
from tests.unit.web.visitors import token_person

type Handler = Callable[[func.HttpRequest], func.HttpResponse]

MODULES: list[ModuleType] = [
    importlib.import_module(f"functions.{m.name}") for m in pkgutil.iter_modules(functions.__path__)
]

MACHINES = {function.name for function in registered(hooks)}
"""Endpoints that know their sender by a secret, which no browser sends by itself."""


PUBLIC = {
    *("health", "api_openapi", "page_stylesheet", "unknown_page"),
    *("page_sign_in", "page_signed_in", "page_signed_out", "page_said_back"),  # the way in and out
}
"""What anybody may read: it says nothing about what is delivered."""


def _doors(*, reading: bool) -> dict[str, tuple[str, Handler]]:
    with_functions = [m for m in MODULES if isinstance(getattr(m, "blueprint", None), func.Blueprint)]
    return {
        function.name: (method, function.handler)
        for function in registered(*with_functions)
        if function.trigger["type"] == "httpTrigger"
        for method in set(function.methods)
        if (method in ("GET", "HEAD")) is reading
    }


DOORS = _doors(reading=False)
WINDOWS = {name: door for name, door in _doors(reading=True).items() if name not in PUBLIC}


@pytest.fixture(autouse=True)
def authentication_only(monkeypatch: pytest.MonkeyPatch) -> Any:
    """An installation with only the parts that say who somebody is: an endpoint that needs another part first fails."""
    home, _ = awaiting_approval()
    home.restart(api_access="roles")
    parts = SimpleNamespace(
        settings=SimpleNamespace(public_url=BASE, hook_secrets=[], tenant_id="", installation_name="here"),
        access=home.app.access,
        sessions=home.app.sessions,
        sign_in=home.app.sign_in,
        forms=home.app.forms,
        denial_counter=home.app.denial_counter,
        link_keys=home.app.link_keys,
        clock=home.clock,
        home=home,
        reader=None,
        answers=None,
        commander=None,
        inbox_writer=None,
        foresight=None,
        saying=None,
        blocks=None,
        proposals=None,
        as_voted=None,
        chain_anchors=SimpleNamespace(restored=None),
    )
    for module in MODULES:
        if hasattr(module, "parts"):
            monkeypatch.setattr(module, "parts", lambda: parts)
    return parts


def headers_of_known(parts: SimpleNamespace) -> dict[str, str]:
    """Somebody with every role, by every way in at once."""
    ada = token_person(ADA, "platform", "operator", "shop-approvers")
    return {
        **signed_in(parts.home.app, ada).headers,
        **bearer(parts.home.app, ada),
        "Content-Type": "application/json",
    }


def knock(name: str, headers: dict[str, str], doors: Mapping[str, tuple[str, Handler]] = DOORS) -> int:
    method, function = doors[name]
    names = "token application number environment release id digest handle change kind name sequence address"
    route = dict.fromkeys(names.split(), "hello-2")
    request = func.HttpRequest(method, BASE, headers=headers, params={}, route_params=route, body=b"{}")
    status: int = function(request).status_code
    return status


def test_the_endpoints_that_change_something_include_the_known_ones() -> None:
    """Otherwise the tests below might check nothing."""
    assert {"take_decision", "take_decision_of_signed_in", "api_vote", "azure_devops_hook"} <= set(DOORS)
    assert len(DOORS) > 5


@pytest.mark.parametrize("name", sorted(WINDOWS))
@pytest.mark.parametrize("host", ["slipway.example", "rebound.evil.example"])
def test_an_unknown_person_sees_nothing_whatever_host_name_they_use(name: str, host: str) -> None:
    """A browser sends cookies only to the host that set them: somebody else's name that leads here brings none."""
    status = knock(name, {"Host": host, "Sec-Fetch-Mode": "navigate"}, WINDOWS)
    assert status in (303, 400, 401, 403, 404), status


@pytest.mark.parametrize("name", sorted(DOORS))
def test_an_unknown_person_is_refused_before_anything_is_read(name: str) -> None:
    assert knock(name, {"Content-Type": "application/json"}) in (400, 401, 403)


@pytest.mark.parametrize("name", sorted(set(DOORS) - MACHINES))
@pytest.mark.parametrize(
    "headers",
    [{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "https://evil.example"}],
)
def test_a_request_from_another_site_is_refused_even_with_a_signed_in_person(
    authentication_only: SimpleNamespace, name: str, headers: dict[str, str]
) -> None:
    assert knock(name, headers_of_known(authentication_only) | headers) == 403

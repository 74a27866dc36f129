"""Headers that every response of the app has, whoever asks and whatever comes back."""

import importlib
import pkgutil
from collections.abc import Callable

import azure.functions as func
import pytest

import functions
from slipway.testing import ADA, BASE
from slipway.testing.sign_in import signed_in
from tests.registered import registered
from tests.unit.web.samples import awaiting_approval
from tests.unit.web.visitors import token_person

MODULES = [importlib.import_module(f"functions.{m.name}") for m in pkgutil.iter_modules(functions.__path__)]
DOORS = [
    pytest.param(method, function.handler, id=f"{function.name}-{method}")
    for function in registered(*(m for m in MODULES if isinstance(getattr(m, "blueprint", None), func.Blueprint)))
    if function.trigger["type"] == "httpTrigger"
    for method in function.methods
]
PARTS = "token application number environment release id digest handle address"
ROUTE = dict.fromkeys(PARTS.split(), "hello-2")


@pytest.mark.parametrize(("method", "handler"), DOORS)
@pytest.mark.parametrize("authenticated", [False, True])
def test_every_answer_demands_https_and_forbids_guessing_at_its_type(
    monkeypatch: pytest.MonkeyPatch,
    method: str,
    handler: Callable[[func.HttpRequest], func.HttpResponse],
    *,
    authenticated: bool,
) -> None:
    home, _ = awaiting_approval()
    for module in MODULES:
        if hasattr(module, "parts"):
            monkeypatch.setattr(module, "parts", lambda: home.app)
    headers = signed_in(home.app, token_person(ADA, "platform")).headers if authenticated else {}
    route = {**ROUTE, "change": "0" * 64, "kind": "application", "name": "hello"}

    response = handler(func.HttpRequest(method, BASE, headers=headers, params={}, route_params=route, body=b"{}"))

    assert response.headers["Strict-Transport-Security"] == "max-age=31536000"
    assert response.headers["X-Content-Type-Options"] == "nosniff"

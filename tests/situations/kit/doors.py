"""The functions of the app, as the Functions host finds them: by name, by address, and by queue."""

from functools import cache
from typing import Any

import azure.functions as func

from functions import api, approvals, audit_api, commands, events, hooks, operate, pages, queues, timers, votes
from local.functions.routes import Route, compile_route

OF_QUEUES = {
    "events": "take_event",
    "hints": "take_hint",
    "runs": "take_run",
    "approvals": "take_vote",
    "work": "take_work",
    "steps": "run_step",
}
"""Each queue's function."""
_DOORS = (events, hooks, queues, timers, pages, approvals, api, audit_api, votes, commands, operate)


def call(name: str, argument: Any) -> Any:
    return _functions()[name].get_user_function()(argument)


def function_at(method: str, path: str) -> tuple[str, dict[str, str]]:
    """The name of the function that answers there, and the values that it reads from the address."""
    for route, methods, name in _routes():
        values = route.match(path)
        if values is not None and method in methods:
            return name, values
    raise LookupError(f"nothing answers {method} {path}")


@cache
def _routes() -> list[tuple[Route, frozenset[str], str]]:
    """The routes in the order of the functions' names, as the host has them."""
    routes = []
    for name, function in _functions().items():
        trigger = function.get_trigger().get_dict_repr()
        if "route" in trigger:
            methods = frozenset(str(getattr(method, "value", method)) for method in trigger["methods"])
            routes.append((compile_route("/" + trigger["route"].strip("/")), methods, name))
    return sorted(routes, key=lambda route: route[2].upper())


@cache
def _functions() -> dict[str, Any]:
    app = func.FunctionApp()
    for door in _DOORS:
        app.register_functions(door.blueprint)
    return {str(function.get_function_name()): function for function in app.get_functions()}

"""The HTTP functions of the app's blueprints, as the Functions host finds them when it indexes the app."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import azure.functions as func


@dataclass(frozen=True, kw_only=True)
class Registered:
    """One function."""

    name: str
    trigger: Mapping[str, Any]
    """As `function.json` would hold it."""
    handler: Callable[..., Any]

    @property
    def methods(self) -> list[str]:
        return [str(getattr(method, "value", method)) for method in self.trigger.get("methods", ())]


def registered(*modules: ModuleType) -> list[Registered]:
    """The functions of the modules' blueprints, in the order of the modules."""
    app = func.FunctionApp()
    for module in modules:
        app.register_functions(module.blueprint)
    functions = list[Registered]()
    for function in app.get_functions():
        name, trigger = function.get_function_name(), function.get_trigger()
        assert name is not None
        assert trigger is not None, f"{name} has no trigger"
        functions.append(Registered(name=name, trigger=trigger.get_dict_repr(), handler=function.get_user_function()))
    return functions

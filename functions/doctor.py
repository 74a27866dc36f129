"""The doctor over the API: the list of checks, and one check per request, so that the caller can show progress."""

import azure.functions as func

from slipway.api.doctor import CheckList, Finding
from slipway.domain.errors import NotFound
from slipway.domain.roles import Permission

from .contract import Operation, Parameter, endpoint
from .http import ok
from .shared import new_blueprint, parts

blueprint = new_blueprint()


@endpoint(
    blueprint,
    Operation(
        name="api_doctor",
        method="GET",
        path="doctor",
        summary="The checks of its permissions and connections that the app can run",
        tag="operation",
        permission=Permission.DIAGNOSE,
        answer=CheckList,
    ),
)
def checks(req: func.HttpRequest) -> func.HttpResponse:  # noqa: ARG001 - the binding needs it
    return ok(CheckList(checks=tuple(parts().doctor.checks)))


@endpoint(
    blueprint,
    Operation(
        name="api_doctor_check",
        method="POST",
        path="doctor/{check}",
        summary="Run one check with the app's identity",
        description="It changes nothing, or removes what it created and says so. It ends within half a minute.",
        tag="operation",
        permission=Permission.DIAGNOSE,
        parameters=(Parameter(name="check", description="One of the checks.", where="path"),),
        answer=Finding,
        refuses=(404,),
    ),
)
def check(req: func.HttpRequest) -> func.HttpResponse:
    name = req.route_params["check"]
    if name not in parts().doctor.checks:
        raise NotFound(f"there is no check {name[:80]!r}")
    return ok(parts().doctor.run(name))

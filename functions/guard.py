"""The one guard of `/api/v1`: each endpoint names the permission that it needs, and refusals name it too."""

import os
from collections.abc import Callable
from functools import wraps

import azure.functions as func

from slipway.bootstrap.settings import host_checks_keys
from slipway.domain.roles import Caller, NotPermitted, Permission, demand
from slipway.flow.inbound import BadInput
from slipway.flow.inbound.caller import Unknown
from slipway.pages.form import FormRefused, check_origin

from .http import Handler, answering, problem
from .shared import parts

API_LEVEL = func.AuthLevel.FUNCTION if host_checks_keys(os.environ) else func.AuthLevel.ANONYMOUS
"""What the host asks of a caller of the API before the app does: one of its keys, or nothing.

The host reads it when the app is loaded, so it comes from the environment and not from `parts()`."""
_SAFE = frozenset({"GET", "HEAD"})


def guarded(permission: Permission) -> Callable[[Handler], Handler]:
    """The endpoint, for callers who may; troubles become problem details. `caller_of(req)` says who it is."""

    def guard(handler: Handler) -> Handler:
        @answering
        @wraps(handler)
        def checked(req: func.HttpRequest) -> func.HttpResponse:
            refused = refusal(req, permission)
            return handler(req) if refused is None else refused

        return checked

    return guard


def caller_of(req: func.HttpRequest) -> Caller:
    """Who makes the request. Raises `Unknown` and `BadInput`; behind `guarded` neither happens."""
    return parts().access.caller(req.headers, req.params)


def refusal(req: func.HttpRequest, permission: Permission) -> func.HttpResponse | None:
    """None where the caller may, else the problem."""
    try:
        demand(caller_of(req), permission)
        if req.method not in _SAFE:
            # A browser could be made to send it by another site, with its cookies of the sign-in.
            check_origin(req.headers, parts().settings.public_url.rstrip("/"))
    except Unknown as nobody:
        answer = problem(401, "Nobody is known who asks", str(nobody), permission=str(permission))
        answer.headers["WWW-Authenticate"] = 'Bearer realm="slipway"'
        return answer
    except BadInput as bad:
        return problem(401, "Nobody is known who asks", str(bad), permission=str(permission))
    except NotPermitted as refused:
        roles = sorted(refused.caller.roles)
        return problem(403, "It is not permitted", str(refused), permission=str(permission), roles=roles)
    except FormRefused as foreign:
        return problem(foreign.status, "It is not permitted", "the request was sent from another site")
    return None

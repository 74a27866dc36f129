"""Authorization for `/api/v1`: each endpoint names the permission that it needs, and refusals name it too."""

import os
from collections.abc import Callable
from functools import wraps

import azure.functions as func

from slipway.bootstrap.settings_names import host_checks_keys
from slipway.domain.roles import Caller, NotPermitted, Permission, demand
from slipway.engine.denying import NOBODY
from slipway.http.callers import CallerNotYetKnown, UnknownCaller
from slipway.http.requests import check_origin

from .http import EarlyResponse, Handler, answering, problem
from .shared import parts

API_LEVEL = func.AuthLevel.FUNCTION if host_checks_keys(os.environ) else func.AuthLevel.ANONYMOUS
"""The host's own requirement for API callers, before it calls the app: one of its keys, or nothing.

The host reads it while the app is being loaded, so it comes from the environment and not from `parts()`."""
_SAFE = frozenset({"GET", "HEAD"})


def guarded(permission: Permission) -> Callable[[Handler], Handler]:
    """Restrict an endpoint to callers with the permission."""

    def guard(handler: Handler) -> Handler:
        @answering
        @wraps(handler)
        def checked(req: func.HttpRequest) -> func.HttpResponse:
            admit(req, permission)
            return handler(req)

        return checked

    return guard


def admit(req: func.HttpRequest, permission: Permission) -> Caller:
    """The caller, if they have the permission. Raises `EarlyResponse` and `Refused`, which `answering` handles."""
    try:
        caller = caller_of_request(req)
    except CallerNotYetKnown as later:
        response = problem(503, "Service unavailable", f"nobody can be identified right now: {later}")
        raise EarlyResponse(response) from later
    except UnknownCaller as unknown:
        parts().denial_counter.count(NOBODY, str(permission))
        response = problem(401, "Authentication required", str(unknown), permission=str(permission))
        response.headers["WWW-Authenticate"] = 'Bearer realm="slipway"'
        raise EarlyResponse(response) from unknown
    permit(caller, permission)
    if req.method not in _SAFE:
        check_own_origin(req)
    return caller


def caller_of_request(req: func.HttpRequest) -> Caller:
    """The caller. Raises `UnknownCaller` and `CallerNotYetKnown`, but never in a `guarded` handler."""
    return parts().access.caller(req.headers, req.params)


def bearer_of(req: func.HttpRequest) -> str:
    """The access token of a caller that was identified by one; empty for a key."""
    header: str = req.headers.get("Authorization", "")
    return header.partition(" ")[2].strip()


def permit(caller: Caller, permission: Permission) -> None:
    """Raises `EarlyResponse` if the caller lacks the permission."""
    try:
        demand(caller, permission)
    except NotPermitted as refused:
        parts().denial_counter.count(caller.name, str(permission))
        roles = sorted(caller.roles)
        raise EarlyResponse(
            problem(403, "Forbidden", str(refused), permission=str(permission), roles=roles)
        ) from refused


def check_own_origin(req: func.HttpRequest) -> None:
    """Raises `Refused` for cross-site requests from a browser."""
    check_origin(req.headers, parts().settings.public_url)

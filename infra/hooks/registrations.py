"""Both Entra registrations: `sign-in` for pages, API and command line, and `votes` for what needs a proof.

Two, so that a tenant can demand a stronger sign-in for votes and for commands that open something. The wanted state is
compared with the present one, and only missing parts are added: people's own additions stay. Neither has a password;
the front proves who it is with its managed identity.

The person who runs `azd up` may lack the right to a step. Then every step that is left is printed as a command, with
the right that it needs: somebody who has it runs the command, and `azd up` goes on from there.
`python registrations.py` prints the list by itself and changes nothing.
"""

import os
import time
from collections.abc import Callable
from functools import partial

from cloud import PAUSE, AzError, RefusedError, exists, graph, main, remember, say, tenant_of_subscription, value_of
from wanted_registrations import (
    MICROSOFT_GRAPH,
    REGISTRATIONS,
    ExistingRegistration,
    Registration,
    Step,
    Trusted,
    key,
    steps,
)

ROUNDS = 12
"""The most looks at one registration."""


class MissingRightError(RefusedError):
    """The person running this lacks the right to a step; the remaining steps of a registration."""

    def __init__(self, left: list[Step]) -> None:
        super().__init__(_instructions(left))
        self.left = left


def read_registration(registration: Registration) -> ExistingRegistration:
    application = exists(lambda: graph("get", key(registration)))
    if application is None:
        if client_id := os.environ.get(registration.variable):
            raise RefusedError(f"{registration.variable} is {client_id}: the tenant has no registration with that id.")
        return ExistingRegistration()
    client_id = application["appId"]
    credentials = graph("get", f"/applications(appId='{client_id}')/federatedIdentityCredentials")["value"]
    entry = exists(lambda: graph("get", f"/servicePrincipals(appId='{client_id}')"))
    if entry is None:
        return ExistingRegistration(application=application, credentials=tuple(credentials))
    return ExistingRegistration(
        application=application,
        entry=entry,
        credentials=tuple(credentials),
        assigned=tuple(graph("get", f"/servicePrincipals/{entry['id']}/appRoleAssignedTo")["value"]),
        grants=tuple(graph("get", f"/servicePrincipals/{entry['id']}/oauth2PermissionGrants")["value"]),
        graph_entry=str(graph("get", f"/servicePrincipals(appId='{MICROSOFT_GRAPH}')")["id"]),
        me=_own_object_id(),
    )


def _own_object_id() -> str:
    """Object id of the person who runs this; empty for a service principal, which has no page of its own."""
    try:
        return str(graph("get", "/me")["id"])
    except AzError as error:
        if "/me request is only valid with delegated authentication flow" in str(error):
            return ""
        raise


def ensure(
    registration: Registration, *, addresses: tuple[str, ...] = (), trusted: Trusted | None = None
) -> ExistingRegistration:
    """Makes everything that is missing, and looks again, until nothing is. Raises MissingRightError if a step is
    forbidden."""
    done: list[Step] = []
    for _ in range(ROUNDS):
        found = read_registration(registration)
        missing = steps(registration, found, addresses=addresses, trusted=trusted)
        if not missing:
            return found
        if any(step in done for step in missing):
            time.sleep(PAUSE)  # what Entra was told a moment ago is not everywhere yet
        # Steps after the creation of a registration or its entry name their ids, which are looked up first.
        now = missing if found.entry else missing[:1]
        done = [*done, *_take_steps(now, missing)]
    raise RefusedError(f"The registration {registration.name} is not as it was set after {ROUNDS} looks: run it again.")


def _take_steps(now: list[Step], missing: list[Step]) -> list[Step]:
    """Those of the steps that were taken; the first that Entra is not ready for ends the round."""
    for number, step in enumerate(now):
        try:
            step.do()
        except AzError as error:
            if _is_forbidden(error):
                raise MissingRightError(missing[number:]) from error
            if not _is_not_replicated(error):
                raise
            time.sleep(PAUSE)
            return now[:number]
        say(step.what)
    return now


def _is_forbidden(error: AzError) -> bool:
    return "Forbidden(" in str(error) or "Authorization_RequestDenied" in str(error)


def _is_not_replicated(error: AzError) -> bool:
    """Entra's parts hear of a new registration one after the other."""
    return "Request_ResourceNotFound" in str(error) or "does not reference a valid application object" in str(error)


def _instructions(missing: list[Step]) -> str:
    lines = ["Somebody with these rights has to do the following; then run `azd up` again."]
    for number, step in enumerate(missing, 1):
        lines += [f"{number}. {step.what}. Right: {step.right}", f"   {step.command}"]
    return "\n".join(lines)


def make_all() -> None:
    """Before the app has an address: both registrations, and where azd finds their client ids."""
    _do_for_each(_make)


def _make(registration: Registration) -> None:
    found = ensure(registration)
    if os.environ.get(registration.variable) != found.client_id:
        remember(registration.variable, found.client_id)
    if not found.assigned and not found.me:
        say(f"Nobody has a role on {registration.name} yet, so nobody can sign in: assign one in Entra.")


def _do_for_each(do: Callable[[Registration], object]) -> None:
    """One list for both registrations, so that the person who has the right needs to be asked only once."""
    left = list[Step]()
    for registration in REGISTRATIONS:
        try:
            do(registration)
        except MissingRightError as missing:
            left += missing.left
    if left:
        raise MissingRightError(left)


def connect_all(tenant: str) -> None:
    """Once the app is there: the addresses that people come back to, and the front's identity."""
    addresses, trusted = _of_the_app(tenant)
    _do_for_each(partial(ensure, addresses=addresses, trusted=trusted))


def _of_the_app(tenant: str) -> tuple[tuple[str, ...], Trusted]:
    hosts = [f"https://{value_of('SLIPWAY_APP_HOST')}", value_of("SLIPWAY_PUBLIC_URL").rstrip("/")]
    trusted = Trusted(
        name=value_of("SLIPWAY_APP_NAME"), principal=value_of("SLIPWAY_IDENTITY_PRINCIPAL_ID"), tenant=tenant
    )
    return tuple(dict.fromkeys(hosts)), trusted


def print_all() -> None:
    """The remaining steps, as commands; nothing is changed. Steps that concern the app are among them once the app is
    there."""
    tenant = tenant_of_subscription()
    addresses, trusted = _of_the_app(tenant) if os.environ.get("SLIPWAY_APP_NAME") else ((), None)
    left = [
        step
        for registration in REGISTRATIONS
        for step in steps(registration, read_registration(registration), addresses=addresses, trusted=trusted)
    ]
    say(_instructions(left) if left else "Nothing is left to do.")


if __name__ == "__main__":
    main(print_all)
